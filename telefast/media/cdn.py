"""A file that its data centre sends us to a content delivery network for.

https://core.telegram.org/cdn. We never declare that we can do this, so it should not happen; if it
does, every byte is decrypted and checked against the hashes of the data centre, which the network
cannot forge. The network sees the requests of everybody, so nothing of the account goes there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from telethon.errors import RPCError
from telethon.tl import functions, types

from telefast.errors import FileMismatchError
from telefast.media.ctr import decrypt
from telefast.media.parts import Part
from telefast.tasks import in_thread

__all__ = ["CdnFile", "is_forgotten"]

HASHED: Final = 128 * 1024
"""Bytes that one hash is for: parts are asked for in multiples of it."""
_TRIES: Final = 3
"""How often wrong bytes are asked for again: our choice."""

Send = Callable[[int, Any], Awaitable[Any]]
"""Send a request to a data centre, which keeps to its flood waits."""


def is_forgotten(error: RPCError) -> bool:
    """Return whether a network has forgotten a file; its data centre sends us there anew."""
    return str(error.message) in ("FILE_TOKEN_INVALID", "REQUEST_TOKEN_INVALID") or type(
        error
    ).__name__ in ("FileTokenInvalidError", "RequestTokenInvalidError")


class CdnFile:
    """One file on a network.

    Args:
        name: The file, for errors.
        dc_id: The data centre that sent us there.
        redirect: `upload.FileCdnRedirect`.
        send: Sends a request.
    """

    def __init__(self, name: str, dc_id: int, redirect: Any, send: Send) -> None:
        self._name = name
        self._dc_id = dc_id
        self._redirect = redirect
        self._send = send
        self._hashes: dict[int, Any] = {}
        self._learn(redirect.file_hashes)

    async def part(self, part: Part) -> bytes:
        """Return the bytes of a part.

        Raises:
            FileMismatchError: If they are wrong, time and again.
            RPCError: `is_forgotten` tells whether the data centre should be asked again.
        """
        start = part.offset // HASHED * HASHED
        limit = max(part.limit, HASHED)
        for _ in range(_TRIES):
            data = await self._blocks(start, limit)
            if await self._is_right(data, start, limit):
                key, iv = self._redirect.encryption_key, self._redirect.encryption_iv
                plain = await in_thread(decrypt, data, key, iv, start)
                return plain[part.offset - start : part.offset - start + part.limit]
        raise FileMismatchError(self._name, "the bytes of the network do not have their hashes")

    async def _blocks(self, offset: int, limit: int) -> bytes:
        token = self._redirect.file_token
        request = functions.upload.GetCdnFileRequest(token, offset, limit)
        for _ in range(_TRIES):
            answer = await self._send(self._redirect.dc_id, request)
            if not isinstance(answer, types.upload.CdnFileReuploadNeeded):
                return bytes(answer.bytes)
            again = functions.upload.ReuploadCdnFileRequest(token, answer.request_token)
            self._learn(await self._send(self._dc_id, again))
        raise FileMismatchError(self._name, "the network never gets it")

    async def _is_right(self, data: bytes, start: int, limit: int) -> bool:
        """Return whether all of the bytes have their hashes, and none are missing."""
        for offset in range(start, start + limit, HASHED):
            if offset not in self._hashes:
                request = functions.upload.GetCdnFileHashesRequest(
                    self._redirect.file_token, offset
                )
                self._learn(await self._send(self._dc_id, request))
            piece = data[offset - start : offset - start + HASHED]
            known = self._hashes.get(offset)
            if known is None:  # behind the end
                return not piece
            if len(piece) != known.limit or hashlib.sha256(piece).digest() != known.hash:
                return False
        return True

    def _learn(self, hashes: Any) -> None:
        self._hashes.update({each.offset: each for each in hashes})
