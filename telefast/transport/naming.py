"""Telethon's own way to choose what of a medium is downloaded, and what its file is called.

The second leaf of the door to Telethon's private names: `DownloadMethods._download_file` is where
all of its downloads end that Telegram serves, but for files of other sites, which Telethon asks of
those sites: `_download_web_document`. Here both are overridden, so that all that Telethon decides
before stays as it is, and the bytes come otherwise. Pinned by
`tests/test_telethon_contract.py`.
"""

from __future__ import annotations

import datetime
import os
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telethon import utils
from telethon.client.downloads import DownloadMethods
from telethon.tl import types

from telefast.disk import is_part

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["Fetch", "Naming", "choose_name"]

Fetch = Callable[[Any, Any, int | None, Any, int | None, bool], Awaitable[bytes | None]]
"""Fetches a location to a target: `fetch(location, file, size, progress, dc_id, is_new)`. Returns
the bytes if the target is `bytes` or None. What is new must not take the place of another file."""

_NO_NAMES = ("", ".", "..")

_taken: set[str] = set()
"""Names that were chosen and whose files are not there yet, of all clients of this process."""
_lock = threading.Lock()


def choose_name(
    file: Any,
    kind: str,
    extension: str,
    date: datetime.datetime | None = None,
    possible_names: Iterable[str | None] | None = None,
    *,
    taken: Collection[str] = (),
) -> Any:
    """Return where a file goes, as Telethon's `_get_proper_filename` does. Blocks shortly.

    It differs where a sender's name would lead out of the folder (`..`), where the folder of a
    path that ends in a separator is not there yet and there is no extension, which is an error
    there, where a sender's name is that of a file that is not whole (`telefast.disk.is_part`), and
    where a name is *taken* by a file that is still to come.

    Args:
        file: A path, a folder, or anything else, which is returned.
        kind: What the name begins with if there is no other.
        extension: What is added to a name without one.
        date: For a name that is made; now by default.
        possible_names: Of the sender, the best one first.
        taken: Absolute paths, in the case that the system compares them in.
    """
    if isinstance(file, Path):
        file = str(file.absolute())
    if file is not None and not isinstance(file, str):
        return file
    given = file or ""
    if os.path.isfile(given):  # noqa: PTH113 - as there, any text
        return given
    path = given
    is_folder = not path or os.path.isdir(path)  # noqa: PTH112
    if is_folder or (os.path.basename(path) in _NO_NAMES and not extension):  # noqa: PTH119
        path = os.path.join(path, _name_of(possible_names) or _dated(kind, date))  # noqa: PTH118
    folder, name = os.path.split(path)
    stem, ending = os.path.splitext(name)  # noqa: PTH122
    if stem + (ending or extension) in _NO_NAMES:
        stem = _dated(kind, date)
    ending = ending or extension
    path, number = os.path.join(folder, stem + ending), 0  # noqa: PTH118
    while path != given and (os.path.isfile(path) or _normal(path) in taken):  # noqa: PTH113
        number += 1
        path = os.path.join(folder, f"{stem} ({number}){ending}")  # noqa: PTH118
    return path


def _name_of(possible_names: Iterable[str | None] | None) -> str | None:
    """Return the last component of the first name that the system and unfinished files allow."""
    is_reserved: Any = getattr(os.path, "isreserved", lambda _: False)  # Python 3.13 and above
    names = (os.path.basename(each) for each in possible_names or () if each)  # noqa: PTH119
    return next((each for each in names if not is_reserved(each) and not is_part(each)), None)


def _dated(kind: str, date: datetime.datetime | None) -> str:
    now = date or datetime.datetime.now()  # noqa: DTZ005 - as Telethon names it
    return f"{kind}_{now:%Y-%m-%d_%H-%M-%S}"


def _normal(path: str) -> str:
    return os.path.normcase(os.path.abspath(path))  # noqa: PTH100


class Naming(DownloadMethods):
    """The methods of a client that download, with another way to the bytes.

    Args:
        client: The client that it speaks for.
        fetch: Brings the bytes.

    Attributes:
        chosen: The names that it has chosen. Nobody else gets them before `release`.
    """

    _get_proper_filename = staticmethod(choose_name)

    def __init__(self, client: TelegramClient, fetch: Fetch) -> None:
        self._client = client
        self._fetch = fetch
        self.chosen: set[str] = set()
        vars(self)["_get_proper_filename"] = self._choose  # class methods there have the other

    def release(self) -> None:
        """Let others have the names: their files are there, or will not be."""
        with _lock:
            _taken.difference_update(self.chosen)
        self.chosen.clear()

    def has_chosen(self, path: Any) -> bool:
        """Return whether it has chosen this name."""
        return isinstance(path, str) and _normal(path) in self.chosen

    def _choose(self, file: Any, *args: Any, **options: Any) -> Any:
        with _lock:
            path = choose_name(file, *args, **options, taken=_taken)
            given = str(file.absolute()) if isinstance(file, Path) else file
            if isinstance(path, str) and path != given:
                self.chosen.add(_normal(path))
                _taken.add(_normal(path))
        return path

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
        is_new = self.has_chosen(file)
        return await self._fetch(input_location, file, file_size, progress_callback, dc_id, is_new)

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
        target = self._choose(file, kind, utils.get_extension(web), possible_names=names)
        is_new = self.has_chosen(target)
        data = await self._fetch(web, target, web.size, progress_callback, None, is_new)
        return data if target is bytes else target

    async def __call__(self, request: Any) -> Any:
        """Send a request as the client does."""
        return await self._client(request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
