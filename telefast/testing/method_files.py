"""Methods that serve the parts of files; see `methods` and https://core.telegram.org/api/files."""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.fault_files import FileFault
from telefast.testing.file_content import Blob
from telefast.testing.file_locate import locate
from telefast.testing.pages import vector
from telefast.testing.rpc import RpcFault, UnknownMethodFault

if TYPE_CHECKING:
    from telefast.testing.rpc import Call

__all__ = ["FILE_HANDLERS", "check_part", "serve_part"]

FRAGMENT: Final = 1 << 20
"""A part lies in one fragment of so many bytes (https://core.telegram.org/api/files)."""
GRID: Final = 4096
"""Offsets and limits are multiples of it (https://core.telegram.org/api/files)."""
PRECISE_GRID: Final = 1024
"""The same for requests with `precise`."""

_FILE: Final = struct.pack("<I", types.upload.File.CONSTRUCTOR_ID)
_KINDS: Final = {
    "image/jpeg": types.storage.FileJpeg,
    "image/gif": types.storage.FileGif,
    "image/png": types.storage.FilePng,
    "image/webp": types.storage.FileWebp,
    "application/pdf": types.storage.FilePdf,
    "audio/mpeg": types.storage.FileMp3,
    "video/quicktime": types.storage.FileMov,
    "video/mp4": types.storage.FileMp4,
}


def check_part(offset: int, limit: int, *, precise: bool = False) -> None:
    """Refuse a part that Telegram refuses (https://core.telegram.org/api/files).

    Offset and limit are multiples of 4 KiB, or of 1 KiB with *precise*; 1 MiB is a multiple of the
    limit, or at least as large with *precise*; the part lies in one fragment of 1 MiB.

    Raises:
        RpcFault: 400 LIMIT_INVALID or OFFSET_INVALID.
    """
    grid = PRECISE_GRID if precise else GRID
    if not 0 < limit <= FRAGMENT or limit % grid or (not precise and FRAGMENT % limit):
        raise RpcFault(400, "LIMIT_INVALID")
    if offset < 0 or offset % grid:
        raise RpcFault(400, "OFFSET_INVALID")
    if offset // FRAGMENT != (offset + limit - 1) // FRAGMENT:
        raise RpcFault(400, "LIMIT_INVALID")


def serve_part(call: Call, blob: Blob, offset: int, limit: int) -> bytes:
    """Return the bytes of a part, after all faults in force; fewer than *limit* at the end.

    Raises:
        RpcFault: 400 OFFSET_INVALID at or after the end, if `Assumptions.past_end` is `error`.
    """
    faults = [rule for rule in call.rules if isinstance(rule, FileFault)]
    for fault in faults:
        blob = fault.blob(call, blob)
    if offset >= blob.size and offset and call.world.assume.past_end == "error":
        raise RpcFault(400, "OFFSET_INVALID")
    data = blob.read(offset, limit)
    for fault in faults:
        data = fault.part(call, data)
    return data


def _get_file(call: Call) -> bytes:
    """Answer upload.getFile; what is wrong with the part comes before what is with the file."""
    request = call.request
    check_part(request.offset, request.limit, precise=bool(request.precise))
    blob = locate(call, request.location)
    for rule in call.rules:
        if isinstance(rule, FileFault):
            answer = rule.redirect(call, blob)
            if answer is not None:
                return answer
    data = serve_part(call, blob, request.offset, request.limit)
    kind = _KINDS.get(blob.mime_type, types.storage.FileUnknown)
    return b"".join(
        (_FILE, struct.pack("<Ii", kind.CONSTRUCTOR_ID, blob.date), *_string(data)),
    )


def _string(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what joins to the TL bytes of a byte string."""
    size = len(data)
    head = bytes((size,)) if size < 254 else b"\xfe" + size.to_bytes(3, "little")
    return head, data, bytes(-(len(head) + size) % 4)


def _get_file_hashes(call: Call) -> bytes:
    """Answer upload.getFileHashes: SHA-256 of parts (`Assumptions.hashed_part`), from *offset* on.

    Clients page by the end of the last part that they got; at the end of the file there are none.
    Chosen: the parts of 1 MiB in an answer; an offset inside a part gives that part.

    Raises:
        RpcFault: 400 OFFSET_INVALID for an offset below 0, and what `locate` raises.
    """
    request = call.request
    if request.offset < 0:
        raise RpcFault(400, "OFFSET_INVALID")
    blob = locate(call, request.location)
    found: list[bytes] = []
    hashed = call.world.assume.hashed_part
    first = request.offset // hashed * hashed
    end = min(blob.size, first + FRAGMENT) if request.offset < blob.size else 0
    for offset in range(first, end, hashed):
        data = blob.read(offset, hashed)
        found.append(bytes(types.FileHash(offset, len(data), sha256(data).digest())))
    return vector(found)


def _get_web_file(call: Call) -> bytes:
    """Answer upload.getWebFile: maps of places, and files that other sites have.

    The limits of a map are those of https://core.telegram.org/constructor/inputWebFileGeoPointLocation.
    Chosen: any access hash opens them; their sizes are drawn from the seed, unless `Files.give_web`
    says what is there; at another data centre than `Files.web_dc_id`, if that is set, there is
    nothing.

    Raises:
        RpcFault: 400 LOCATION_INVALID for a map that cannot be, and where there is nothing;
            OFFSET_INVALID, LIMIT_INVALID.
        UnknownMethodFault: For album covers.
    """
    request = call.request
    location: Any = request.location
    check_part(request.offset, request.limit)
    files, given = call.world.file_store, None
    if files.web_dc_id not in (None, call.dc_id):
        raise RpcFault(400, "LOCATION_INVALID")
    if isinstance(location, types.InputWebFileGeoPointLocation):
        point = location.geo_point
        is_map = 16 <= location.w <= 1024 and 16 <= location.h <= 1024
        is_map = is_map and 13 <= location.zoom <= 20 and 1 <= location.scale <= 3
        if not is_map or not isinstance(point, types.InputGeoPoint):
            raise RpcFault(400, "LOCATION_INVALID")
        view = (location.w, location.h, location.zoom, location.scale)
        key, mime = f"map/{point.lat}/{point.long}/{view}", "image/png"
        largest = location.w * location.h * location.scale // 8
    elif isinstance(location, types.InputWebFileLocation):
        if not location.url:
            raise RpcFault(400, "LOCATION_INVALID")
        key, mime, largest = f"web/{location.url}", "image/jpeg", 200_000
        given = files.given_web.get(location.url)
    else:
        raise UnknownMethodFault(f"{call.method} of {type(location).__name__}")
    key = f"{call.world.seed}/{key}"
    drawn = int.from_bytes(blake2b(key.encode(), digest_size=4).digest(), "little")
    size = 256 + drawn % largest if given is None else len(given)
    blob = Blob(key, size, mime, 0, call.dc_id, given)
    data = serve_part(call, blob, request.offset, request.limit)
    return bytes(types.upload.WebFile(blob.size, mime, _KINDS[mime](), 0, data))


FILE_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.upload.GetFileHashesRequest: _get_file_hashes,
    functions.upload.GetFileRequest: _get_file,
    functions.upload.GetWebFileRequest: _get_web_file,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
