"""Telethon's own way to choose what of a medium is downloaded, and what its file is called.

The second leaf of the door to Telethon's private names: `DownloadMethods._download_file` is where
all of its downloads end that Telegram serves, but for files of other sites, which Telethon asks of
those sites: `_download_web_document`. Here both are overridden, so that all that Telethon decides
before stays as it is, and the bytes come otherwise. Pinned by
`tests/test_telethon_contract.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from telethon import utils
from telethon.client.downloads import DownloadMethods
from telethon.tl import types

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

    async def _download_web_document(  # type: ignore[override]  # a class method there
        self, web: Any, file: Any, progress_callback: Any
    ) -> Any:
        if not isinstance(web, types.WebDocument):  # Telegram does not pass that on
            return await super()._download_web_document(  # type: ignore[no-untyped-call]
                web, file, progress_callback
            )
        kind, names = self._get_kind_and_names(  # type: ignore[no-untyped-call]
            web.attributes
        )
        target = self._get_proper_filename(  # type: ignore[no-untyped-call]
            file, kind, utils.get_extension(web), possible_names=names
        )
        data = await self._fetch(web, target, web.size, progress_callback, None)
        return data if target is bytes else target

    async def __call__(self, request: Any) -> Any:
        """Send a request as the client does."""
        return await self._client(request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
