"""Files from a content delivery network (https://core.telegram.org/cdn); see `methods`.

The data centre of a file sends a client to the network with a token and a key. What the network
has is encrypted; it does not know the key. What it does not have yet, the client asks the first
data centre to upload.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Unpack

from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.errors import WorldError
from telefast.testing.fault_files import GET_FILE, FileFault
from telefast.testing.keys import RSA_PUBLIC_KEY
from telefast.testing.obfuscation import AesCtr
from telefast.testing.pages import vector
from telefast.testing.rpc import Call, RpcFault

if TYPE_CHECKING:
    from telefast.testing.fault_select import Numbers, Where
    from telefast.testing.file_content import Blob

__all__ = ["CDN_HANDLERS", "CdnFiles", "CdnRedirect"]

HASHED: Final = 128 * 1024
"""Bytes of a part whose hash is told (https://core.telegram.org/cdn)."""
HASHES: Final = 10
"""Most hashes at once. Chosen."""
_GRID: Final = 4096
_FRAGMENT: Final = 1 << 20


class CdnFiles:
    """What a server keeps of the files that it sent clients to a network for.

    Attributes:
        files: Token -> what it stands for.
    """

    def __init__(self) -> None:
        self.files: dict[bytes, _CdnFile] = {}


class _CdnFile:
    """One file on the network: its key, and which rule says how it misbehaves."""

    def __init__(self, blob: Blob, rule: CdnRedirect, account: int, secret: bytes) -> None:
        self.blob = blob
        self.rule = rule
        self.account = account
        self.token = sha256(secret + b"token").digest()
        self.key = sha256(secret + b"key").digest()
        self.iv = sha256(secret + b"iv").digest()[:12] + bytes(4)
        self.request_token = sha256(secret + b"upload").digest()
        self.is_uploaded = rule.uploaded
        self.parts = 0

    def hashes(self, offset: int) -> list[types.TypeFileHash]:
        """Return the hashes of the encrypted parts from the one at *offset* on."""
        begin = offset // HASHED * HASHED
        ends = range(begin, min(self.blob.size, begin + HASHES * HASHED), HASHED)
        return [self._hash(each) for each in ends]

    def _hash(self, offset: int) -> types.TypeFileHash:
        data = self.encrypted(offset, HASHED)
        return types.FileHash(offset=offset, limit=len(data), hash=sha256(data).digest())

    def encrypted(self, offset: int, limit: int) -> bytes:
        """Return a part as the network has it: AES-256-CTR, the counter begins at offset / 16."""
        counter = self.iv[:12] + struct.pack(">I", offset // 16)
        return AesCtr(self.key, counter).apply(self.blob.read(offset, limit))


class CdnRedirect(FileFault):
    """Send clients to a content delivery network for certain parts of files.

    Telegram does so only for clients that declare `cdn_supported` (https://core.telegram.org/cdn);
    with *undeclared* this rule does not look at that, as has been reported of stock Telethon.

    Args:
        network: Where to: a `DataCentre(..., cdn=True)` of this server.
        nth: Which calls of `upload.getFile`, 1 for the first: a number or several.
        every: Every call whose number is a multiple of this. Default: every call.
        undeclared: Whether clients are sent there that did not declare to support it.
        uploaded: Whether the network has the files from the start; if not, the first request for
            each is answered with `upload.cdnFileReuploadNeeded`.
        corrupt: Whether the network flips bits of what it sends, which the hashes tell.
        forget: After how many parts the network forgets a token (FILE_TOKEN_INVALID); None for
            never.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        network: int,
        *,
        nth: Numbers = None,
        every: int | None = None,
        undeclared: bool = False,
        uploaded: bool = True,
        corrupt: bool = False,
        forget: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(GET_FILE, nth, every, **where)
        if forget is not None and forget < 1:
            raise WorldError(f"CdnRedirect: forget={forget}: expected 1 or more, or None")
        self.network = network
        self.undeclared = undeclared
        self.uploaded = uploaded
        self.corrupt = corrupt
        self.forget = forget

    def redirect(self, call: Call, blob: Blob) -> bytes | None:
        """Return the redirect, if it is due."""
        if not (self.due(call) and (self.undeclared or call.request.cdn_supported)):
            return None
        self.fired += 1
        files = call.shared(CdnFiles).files
        account = call.account.index
        secret = f"{call.world.seed}/cdn/{account}/{blob.key}/{len(files)}".encode()
        made = _CdnFile(blob, self, account, secret)
        files[made.token] = made
        return bytes(
            types.upload.FileCdnRedirect(
                dc_id=self.network,
                file_token=made.token,
                encryption_key=made.key,
                encryption_iv=made.iv,
                file_hashes=made.hashes(0),
            )
        )


def _find(call: Call) -> _CdnFile:
    """Return the file of a token.

    Raises:
        RpcFault: 400 FILE_TOKEN_INVALID if nobody gave it, the network forgot it, or it was given
            to another account. A network cannot tell accounts apart.
    """
    found = call.shared(CdnFiles).files.get(call.request.file_token)
    if found is None or (call.asker is not None and call.asker.index != found.account):
        raise RpcFault(400, "FILE_TOKEN_INVALID")
    return found


def _get_cdn_file(call: Call) -> bytes:
    """Answer upload.getCdnFile, at a network only.

    Raises:
        RpcFault: 400 CDN_METHOD_INVALID elsewhere, OFFSET_INVALID or LIMIT_INVALID as for
            `upload.getFile`, FILE_TOKEN_INVALID.
    """
    request = call.request
    if not any(each.cdn for each in call.addresses if each.dc_id == call.dc_id):
        raise RpcFault(400, "CDN_METHOD_INVALID")
    offset, limit = request.offset, request.limit
    if not 0 < limit <= _FRAGMENT or limit % _GRID or _FRAGMENT % limit:
        raise RpcFault(400, "LIMIT_INVALID")
    if offset < 0 or offset % _GRID or offset // _FRAGMENT != (offset + limit - 1) // _FRAGMENT:
        raise RpcFault(400, "OFFSET_INVALID")
    found = _find(call)
    if found.rule.network != call.dc_id:
        raise RpcFault(400, "FILE_TOKEN_INVALID")
    if not found.is_uploaded:
        return bytes(types.upload.CdnFileReuploadNeeded(request_token=found.request_token))
    data = found.encrypted(offset, limit)
    if found.rule.corrupt and data:
        data = bytes((data[0] ^ 0xFF,)) + data[1:]
    if found.rule.forget is not None:
        found.parts += 1
        if found.parts >= found.rule.forget:
            del call.shared(CdnFiles).files[request.file_token]
    return bytes(types.upload.CdnFile(bytes=data))


def _reupload(call: Call) -> bytes:
    """Answer upload.reuploadCdnFile, at the data centre of the file: the network has it now.

    Raises:
        RpcFault: 400 FILE_TOKEN_INVALID, or REQUEST_TOKEN_INVALID for a token of another file.
    """
    found = _find(call)
    if call.request.request_token != found.request_token:
        raise RpcFault(400, "REQUEST_TOKEN_INVALID")
    found.is_uploaded = True
    return vector([bytes(each) for each in found.hashes(0)])


def _get_hashes(call: Call) -> bytes:
    """Answer upload.getCdnFileHashes: of ten parts at most, from the one at *offset* on."""
    if call.request.offset < 0:
        raise RpcFault(400, "OFFSET_INVALID")
    return vector([bytes(each) for each in _find(call).hashes(call.request.offset)])


def _get_config(call: Call) -> bytes:
    """Answer help.getCdnConfig: where no network is, there is no key either."""
    keys: list[Any] = [
        types.CdnPublicKey(dc_id=each.dc_id, public_key=RSA_PUBLIC_KEY)
        for each in call.addresses
        if each.cdn
    ]
    return bytes(types.CdnConfig(public_keys=keys))


CDN_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.help.GetCdnConfigRequest: _get_config,
    functions.upload.GetCdnFileHashesRequest: _get_hashes,
    functions.upload.GetCdnFileRequest: _get_cdn_file,
    functions.upload.ReuploadCdnFileRequest: _reupload,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
