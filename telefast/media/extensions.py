"""Which extension a file gets, the same on every system and Python.

The standard library's `mimetypes` reads tables of the host, and so gives `.oga` here and `.ogg`
there (https://docs.python.org/3/library/mimetypes.html). This table is fixed: what Telegram's apps
send (https://core.telegram.org/api/files), and what people send most.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["bare_name", "clean_mime", "extension_of"]

_TABLE: Final[dict[str, str]] = {
    "application/epub+zip": ".epub",
    "application/gzip": ".gz",
    "application/java-archive": ".jar",
    "application/json": ".json",
    "application/msword": ".doc",
    "application/ogg": ".ogg",
    "application/pdf": ".pdf",
    "application/pgp-signature": ".sig",
    "application/postscript": ".ps",
    "application/rtf": ".rtf",
    "application/vnd.amazon.ebook": ".azw",
    "application/vnd.android.package-archive": ".apk",
    "application/vnd.apple.mpegurl": ".m3u8",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.rar": ".rar",
    "application/x-7z-compressed": ".7z",
    "application/x-bittorrent": ".torrent",
    "application/x-bzip2": ".bz2",
    "application/x-fictionbook+xml": ".fb2",
    "application/x-gzip": ".gz",
    "application/x-iso9660-image": ".iso",
    "application/x-mobipocket-ebook": ".mobi",
    "application/x-mpegurl": ".m3u8",
    "application/x-msdownload": ".exe",
    "application/x-rar": ".rar",
    "application/x-rar-compressed": ".rar",
    "application/x-sh": ".sh",
    "application/x-sqlite3": ".sqlite",
    "application/x-tar": ".tar",
    "application/x-tgsticker": ".tgs",
    "application/x-tgwallpattern": ".tgv",
    "application/x-xz": ".xz",
    "application/x-zip-compressed": ".zip",
    "application/xml": ".xml",
    "application/zip": ".zip",
    "application/zstd": ".zst",
    "audio/aac": ".aac",
    "audio/aiff": ".aiff",
    "audio/amr": ".amr",
    "audio/flac": ".flac",
    "audio/m4a": ".m4a",
    "audio/midi": ".mid",
    "audio/mp3": ".mp3",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/mpeg3": ".mp3",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/vnd.wave": ".wav",
    "audio/wav": ".wav",
    "audio/webm": ".weba",
    "audio/x-aiff": ".aiff",
    "audio/x-flac": ".flac",
    "audio/x-m4a": ".m4a",
    "audio/x-mpeg-3": ".mp3",
    "audio/x-ms-wma": ".wma",
    "audio/x-opus+ogg": ".ogg",
    "audio/x-wav": ".wav",
    "image/avif": ".avif",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/heif": ".heif",
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/jxl": ".jxl",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/tiff": ".tiff",
    "image/vnd.adobe.photoshop": ".psd",
    "image/vnd.djvu": ".djvu",
    "image/webp": ".webp",
    "image/x-icon": ".ico",
    "image/x-ms-bmp": ".bmp",
    "text/calendar": ".ics",
    "text/css": ".css",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/javascript": ".js",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "text/vcard": ".vcf",
    "text/x-python": ".py",
    "text/x-vcard": ".vcf",
    "text/xml": ".xml",
    "video/3gpp": ".3gp",
    "video/mp2t": ".ts",
    "video/mp4": ".mp4",
    "video/mpeg": ".mpeg",
    "video/ogg": ".ogv",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-flv": ".flv",
    "video/x-m4v": ".m4v",
    "video/x-matroska": ".mkv",
    "video/x-ms-wmv": ".wmv",
    "video/x-msvideo": ".avi",
}

_VAGUE: Final = frozenset(
    {"application/gzip", "application/x-gzip", "application/xml", "application/zip"}
    | {"application/x-zip-compressed", "application/json", "text/plain", "text/xml"}
)
"""Types that say how the bytes are packed, not what they are: a `.docx` is a zip, a `.py` plain
text. Here the sender's extension says more (our choice)."""

_ENDINGS: Final = frozenset(_TABLE.values()) | {".htm", ".jfif", ".jpeg", ".mpg", ".oga", ".tif"}
"""Those of the table, and what else is written for them."""

_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
"""https://www.rfc-editor.org/rfc/rfc6838#section-4.2."""
_ENDING = re.compile(r"[^/\\]\.([A-Za-z0-9]{1,10})\Z")
"""Ten characters: `torrent` has seven, `sqlite3` too, `crdownload` ten (our choice)."""


def clean_mime(mime: object) -> str:
    """Return a MIME type in lower case and without parameters; octet-stream if it is none.

    Example:
        >>> clean_mime("Audio/OGG; codecs=opus")
        'audio/ogg'
        >>> clean_mime("../../x")
        'application/octet-stream'
    """
    text = mime.partition(";")[0].strip().lower() if isinstance(mime, str) else ""
    return text if _MIME.fullmatch(text) else "application/octet-stream"


def extension_of(mime: str, name: str | None = None) -> str:
    """Return the extension for a file of this type, with its dot; '' if nothing tells one.

    The type decides where it is one that we know, whatever the sender's name says: a `.jpg` of type
    `image/webp` is `.webp`. Where the type says little (unknown, octet-stream, zip, plain text) the
    ending of the name does, if it is up to ten ASCII letters and digits, in lower case.

    Args:
        mime: The type, as `clean_mime` gives it.
        name: The sender's file name: any text at all; no more of it than that ending is used.

    Example:
        >>> extension_of("audio/ogg"), extension_of("image/webp", "cat.jpg")
        ('.ogg', '.webp')
        >>> extension_of("application/zip", "book.EPUB"), extension_of("x/y", "..")
        ('.epub', '')
    """
    known = _TABLE.get(mime, "")
    if known and mime not in _VAGUE:
        return known
    found = _ENDING.search(name) if name else None
    return f".{found[1].lower()}" if found else known


def bare_name(name: str, extension: str) -> str:
    """Return a sender's file name without its ending, if that is one of a type of file.

    Args:
        name: Any text at all.
        extension: Which extension the file gets, known or not.

    Example:
        >>> bare_name("cat.JPEG", ".jpg"), bare_name("notes v1.2", ".txt")
        ('cat', 'notes v1.2')
    """
    found = _ENDING.search(name)
    ending = f".{found[1].lower()}" if found else ""
    return name[: -len(ending)] if ending and ending in _ENDINGS | {extension} else name
