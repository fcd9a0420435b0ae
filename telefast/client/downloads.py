"""What `FastClient` has for Telethon's methods that download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from telefast.client.iterators import BytesIter

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.media.downloader import MediaDownloader
    from telefast.media.policy import Policy
    from telefast.media.stock import StockDownloads

__all__ = ["DownloadMethods"]

IO = TypeVar("IO")


class DownloadMethods:
    """Files, by `MediaDownloader`."""

    wrapped: TelegramClient
    """The client itself."""
    _files: StockDownloads

    __slots__ = ()

    @property
    def downloads(self) -> MediaDownloader:
        """What its downloads are made with, and `download_all` for many of them."""
        return self._files.downloader

    @overload
    async def download_media(
        self,
        message: Any,
        file: type[bytes],
        *,
        thumb: Any = ...,
        progress_callback: Any = ...,
        policy: Policy | None = ...,
    ) -> bytes | None: ...
    @overload
    async def download_media(
        self,
        message: Any,
        file: str | Path | None = ...,
        *,
        thumb: Any = ...,
        progress_callback: Any = ...,
        policy: Policy | None = ...,
    ) -> str | None: ...
    @overload
    async def download_media(
        self,
        message: Any,
        file: IO,
        *,
        thumb: Any = ...,
        progress_callback: Any = ...,
        policy: Policy | None = ...,
    ) -> IO | None: ...
    async def download_media(
        self,
        message: Any,
        file: Any = None,
        *,
        thumb: Any = None,
        progress_callback: Any = None,
        policy: Policy | None = None,
    ) -> Any:
        """Download a medium, as `TelegramClient.download_media` does, and with the same names.

        Args:
            message: As there.
            file: As there. A file on the disk gets its name when it is whole. With `dedupe`, one
                that is here already is not fetched: see `telefast.MediaDedupeCache` for its path.
            thumb: As there.
            progress_callback: As there.
            policy: Decides about protected media, see `telefast.items_of`. None: what `wrap` was
                told, else they are passed over.

        Returns:
            As there; None as well for protected media.

        Raises:
            FileMismatchError: If the bytes that come are not those of the file. See
                `telefast.MediaDownloader.download` for the others.
        """
        return await self._files.media(message, file, thumb, progress_callback, policy)

    @overload
    async def download_profile_photo(
        self, entity: Any, file: type[bytes], *, download_big: bool = ...
    ) -> bytes | None: ...
    @overload
    async def download_profile_photo(
        self, entity: Any, file: str | Path | None = ..., *, download_big: bool = ...
    ) -> str | None: ...
    @overload
    async def download_profile_photo(
        self, entity: Any, file: IO, *, download_big: bool = ...
    ) -> IO | None: ...
    async def download_profile_photo(
        self, entity: Any, file: Any = None, *, download_big: bool = True
    ) -> Any:
        """Download the photo of a user or chat, as `TelegramClient.download_profile_photo` does.

        Args:
            entity: As there.
            file: As there.
            download_big: As there.
        """
        return await self._files.profile_photo(entity, file, download_big)

    async def download_file(
        self,
        input_location: Any,
        file: Any = None,
        *,
        part_size_kb: float | None = None,
        file_size: int | None = None,
        progress_callback: Any = None,
        dc_id: int | None = None,
        key: bytes | None = None,
        iv: bytes | None = None,
    ) -> bytes | None:
        """Download from a location, as `TelegramClient.download_file` does.

        Args:
            input_location: As there.
            file: As there.
            part_size_kb: Not used: parts are as large as the downloader takes them.
            file_size: As there, and it must be right: the download ends there.
            progress_callback: As there.
            dc_id: As there.
            key: Of a secret chat: then it is Telethon's own download.
            iv: As *key*.
        """
        if key or iv:
            client: Any = self.wrapped
            rest: Any = {"file_size": file_size, "dc_id": dc_id, "key": key, "iv": iv}
            data: bytes | None = await client.download_file(
                input_location, file, progress_callback=progress_callback, **rest
            )
            return data
        return await self._files.file(input_location, file, file_size, progress_callback, dc_id)

    def iter_download(
        self,
        file: Any,
        *,
        offset: int = 0,
        stride: int | None = None,
        limit: int | None = None,
        chunk_size: int | None = None,
        request_size: int = 512 * 1024,
        file_size: int | None = None,
        dc_id: int | None = None,
        policy: Policy | None = None,
    ) -> BytesIter:
        """Iterate over the bytes of a file, as `TelegramClient.iter_download` does.

        Parts are fetched ahead of the consumer, side by side.

        Args:
            file: As there.
            offset: As there.
            stride: As there. If it is not *chunk_size*, it is Telethon's own iterator.
            limit: As there: how many pieces.
            chunk_size: As there: bytes of a piece.
            request_size: Only the default of *chunk_size*.
            file_size: As there.
            dc_id: As there.
            policy: Decides about protected media, see `telefast.items_of`. None: what `wrap` was
                told, else they are passed over.

        Raises:
            FileUnavailableError: If the message is protected.
        """
        self._files.check(file, policy)
        if stride in (None, chunk_size or request_size):
            make = self._files.stream(
                file,
                offset=offset,
                limit=limit,
                chunk_size=chunk_size,
                request_size=request_size,
                file_size=file_size,
                dc_id=dc_id,
            )
            if make is not None:
                return BytesIter(self.wrapped, make)
        rest: dict[str, Any] = {"limit": limit, "chunk_size": chunk_size, "dc_id": dc_id}
        rest |= {"stride": stride, "file_size": file_size, "request_size": request_size}
        client: Any = self.wrapped
        theirs: BytesIter = client.iter_download(file, offset=offset, **rest)  # of the same methods
        return theirs
