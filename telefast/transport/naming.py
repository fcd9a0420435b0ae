"""Telethon's own way to choose what of a medium is downloaded, and what its file is called.

The second leaf of the door to Telethon's private names: `DownloadMethods._download_file` is where
all of its downloads end that Telegram serves. Here it is overridden, so that all that Telethon
decides before stays as it is, and the bytes come otherwise. Pinned by
`tests/test_telethon_contract.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from telethon.client.downloads import DownloadMethods

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["Fetch", "Naming"]

Fetch = Callable[[Any, Any, int | None, Any, int | None], Awaitable[bytes | None]]
"""Fetches a location to a target: `fetch(location, file, size, progress, dc_id)`. Returns the bytes
if the target is `bytes` or None."""


class Naming(DownloadMethods):
    """The methods of a client that download, with another way to the bytes.

    Args:
        client: The client that it speaks for.
        fetch: Brings the bytes.
    """

    def __init__(self, client: TelegramClient, fetch: Fetch) -> None:
        self._client = client
        self._fetch = fetch

    async def _download_file(
        self,
        input_location: Any,
        file: Any = None,
        *,
        file_size: int | None = None,
        progress_callback: Any = None,
        dc_id: int | None = None,
        **_: Any,
    ) -> bytes | None:
        return await self._fetch(input_location, file, file_size, progress_callback, dc_id)

    async def __call__(self, request: Any) -> Any:
        """Send a request as the client does."""
        return await self._client(request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
