"""Telethon's own methods that download, with the bytes from a `MediaDownloader`."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telethon import utils
from telethon.tl import types

from telefast.errors import ArgumentError, FileUnavailableError, StoreLockedError
from telefast.media.downloader import MediaDownloader
from telefast.media.items import file_key, items_of
from telefast.media.keys import FileKey, url_key
from telefast.media.policy import Policy
from telefast.media.streaming import ByteStream
from telefast.media.types import MediaItem
from telefast.transport.naming import Naming

if TYPE_CHECKING:
    from telethon import TelegramClient

__all__ = ["StockDownloads"]

_DEFAULT_CHUNK = 512 * 1024
"""As Telethon's `MAX_CHUNK_SIZE`."""


class StockDownloads:
    """The downloads of one client, as `TelegramClient` has them.

    Args:
        client: The client.
        downloader: Of that client.
    """

    def __init__(self, client: TelegramClient, downloader: MediaDownloader) -> None:
        self._client = client
        self.downloader = downloader

    async def media(
        self, message: Any, file: Any, thumb: Any, progress: Any, policy: Policy | None = None
    ) -> Any:
        """Do as `download_media` does; None as well for what is protected.

        Where the downloader has a cache, that is asked first: the path is what it says.
        """
        if self._is_protected(message, policy):
            return None
        fetcher = self._fetcher(message, by_cache=True)
        naming: Any = Naming(self._client, fetcher)
        call = partial(naming.download_media, message, file, thumb=thumb)
        return fetcher.where(await _named(naming, partial(call, progress_callback=progress)))

    async def profile_photo(self, entity: Any, file: Any, download_big: bool) -> Any:
        """Do as `download_profile_photo` does."""
        fetcher = self._fetcher(entity, by_cache=True)
        naming: Any = Naming(self._client, fetcher)
        call = partial(naming.download_profile_photo, entity, file, download_big=download_big)
        return fetcher.where(await _named(naming, call))

    async def file(
        self, location: Any, file: Any, size: int | None, progress: Any, dc_id: int | None
    ) -> bytes | None:
        """Do as `download_file` does."""
        self.check(location)
        found: bytes | None
        found = await self._fetcher(location)(location, file, size, progress, dc_id, False)
        return found

    def check(self, holder: Any, policy: Policy | None = None) -> None:
        """Refuse a message that is protected, where None would be taken for an empty file.

        Raises:
            FileUnavailableError: If it is.
        """
        if self._is_protected(holder, policy):
            raise FileUnavailableError(str(file_key(holder)), "protected")

    def stream(
        self,
        file: Any,
        *,
        offset: int,
        limit: int | None,
        chunk_size: int | None,
        request_size: int,
        file_size: int | None,
        dc_id: int | None,
    ) -> Callable[[], ByteStream] | None:
        """Return what does as `iter_download` without a stride; None for what only Telethon knows.

        Each call begins anew.
        """
        chunk = chunk_size or request_size or _DEFAULT_CHUNK
        known_dc, location = utils.get_input_location(file)
        item = _item_at(location, file, file_size, known_dc or dc_id or self._home())
        if item is None:
            return None
        length = None if limit is None else max(limit, 0) * chunk
        make = partial(ByteStream, self.downloader, item)
        return partial(make, offset=offset, length=length, chunk_size=chunk)

    def _home(self) -> int:
        session: Any = self._client.session
        return int(session.dc_id)

    def _fetcher(self, holder: Any, *, by_cache: bool = False) -> _Fetcher:
        return _Fetcher(self._client, self.downloader, self._home, holder, by_cache)

    def _is_protected(self, message: Any, policy: Policy | None) -> bool:
        options: dict[str, Any] = {} if policy is None else {"policy": policy}
        try:
            found = self.downloader.items(message, web_pages=True, **options)
        except ArgumentError as error:
            if error.name != "message":  # a policy that is none
                raise
            return False  # something that only Telethon knows
        return any(getattr(each, "reason", None) == "protected" for each in found)


class _Fetcher:
    """What fetches a location that lies in *holder*: a `telefast.transport.naming.Fetch`.

    Args:
        client: The client.
        downloader: Of that client.
        home: Tells the client's data centre.
        holder: A message, a user, anything.
        by_cache: Whether the downloader's cache is asked for files that go to paths.
    """

    def __init__(
        self,
        client: TelegramClient,
        downloader: MediaDownloader,
        home: Callable[[], int],
        holder: Any,
        by_cache: bool,
    ) -> None:
        self._client = client
        self._downloader = downloader
        self._home = home
        self._holder = holder
        self._by_cache = by_cache
        self._path: Path | None = None

    def where(self, answer: Any) -> Any:
        """Return Telethon's answer; where that is a path, the one at which the file is."""
        return answer if self._path is None or not isinstance(answer, str) else str(self._path)

    async def __call__(
        self,
        location: Any,
        file: Any,
        size: int | None,
        progress: Any,
        dc_id: int | None,
        is_new: bool,
    ) -> bytes | None:
        """Fetch it; return its bytes if it goes to no file."""
        if isinstance(location, types.WebDocument):
            at, item = location, _known(location, url_key(location.url))
        else:
            known_dc, at = utils.get_input_location(location)
            item = _item_at(at, self._holder, size, known_dc or dc_id or self._home())
        if item is None:
            client: Any = self._client
            found: bytes | None = await client.download_file(
                at, file, file_size=size, progress_callback=progress, dc_id=dc_id
            )
            return found
        target: Any = bytes if file is None or file is bytes else file
        by_cache = False
        if isinstance(target, str | Path):
            by_cache, target = self._by_cache, Path(target)
            if target.is_dir():  # a name is none of a folder, as for Telethon
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
        source = self._downloader.enlist(item)
        result = await self._downloader.obtain(
            source, target, progress, overwrite=True, is_new=is_new, by_cache=by_cache
        )
        if by_cache and result.path not in (None, target.absolute()):
            self._path = result.path
        return result.data


async def _named(naming: Naming, call: Callable[[], Awaitable[Any]]) -> Any:
    """Call it, until it has chosen a name that no other process has or gathers a file for."""
    try:
        while True:
            tried = len(naming.chosen)
            try:
                return await call()
            except StoreLockedError:
                if len(naming.chosen) == tried:  # it was given the name
                    raise
            except FileExistsError as error:
                if len(naming.chosen) == tried or not naming.has_chosen(error.filename):
                    raise
    finally:
        naming.release()


def _item_at(location: Any, holder: Any, size: int | None, dc_id: int) -> MediaItem | None:
    """Return the file at a location, with what *holder* knows of it; None for other locations."""
    if isinstance(location, types.InputPeerPhotoFileLocation):
        key = FileKey("photo", location.photo_id, "c" if location.big else "a")
    elif isinstance(location, types.InputDocumentFileLocation):
        key = FileKey("document", location.id, location.thumb_size)
    elif isinstance(location, types.InputPhotoFileLocation):
        key = FileKey("photo", location.id, location.thumb_size)
    else:
        return None
    made = MediaItem(key, dc_id, size, "", "", "file", at=location)
    known = _known(holder, key)
    if known is None:
        return made
    if known.key == key and size is None:
        size = known.size
    return dataclasses.replace(
        made, dc_id=known.dc_id, size=size, origin=known.origin, others=known.others
    )


def _known(holder: Any, key: FileKey) -> MediaItem | None:
    """Return the file of *holder* with this key, or another size of the same."""
    if isinstance(holder, types.User | types.Chat | types.Channel):
        return None
    try:
        found = items_of(
            holder,
            policy=lambda message, item: True,  # whether it may be had was asked before
            thumbs=True,
            video=True,
            qualities=True,
            web_pages=True,
        )
    except ArgumentError:
        return None
    same = [
        each
        for each in found
        if isinstance(each, MediaItem) and (each.key.kind, each.key.id) == (key.kind, key.id)
    ]
    return next((each for each in same if each.key == key), same[0] if same else None)
