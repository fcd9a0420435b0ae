"""What a message carries: `MediaItem`, or `SkippedItem` with the reason why not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from telethon import types

from telefast.media.keys import FileKey
from telefast.media.origins import Origin
from telefast.media.policy import Protection

__all__ = ["Kind", "MediaItem", "Place", "Reason", "Role", "SkippedItem"]

Kind: TypeAlias = Literal[
    "photo", "video", "video_note", "animation", "sticker", "voice", "audio", "file"
]
Place: TypeAlias = Literal["media", "service", "story", "web_page", "instant_view", "quoted"]
Role: TypeAlias = Literal["file", "video", "quality", "cover", "preview"]
Reason: TypeAlias = Literal[
    "protected", "expired", "locked", "missing", "deleted", "empty", "external", "unsupported"
]


@dataclass(frozen=True, slots=True)
class MediaItem:
    """One file that can be downloaded.

    Its `repr` shows no access hash, no file reference, no bytes, no name and no URL.

    Attributes:
        key: Which file it is; equal for the same file in any message, chat and account.
        dc_id: The data centre that has it; 0 for a file of another site (`key.kind == "web"`),
            which `upload.getWebFile` fetches at the one that Telegram's configuration names.
        size: Bytes; None if Telegram does not say, as of a file of another site, until it comes.
        mime: The type in lower case. The sender chose it: it may lie.
        extension: With its dot, '' if unknown: by a fixed table, the same on every system.
        kind: `photo`, `video`, `video_note`, `animation`, `sticker`, `voice`, `audio` or `file`.
        role: Which of the files of one medium: `file` itself, the `video` of an animated or live
            photo, another `quality` or the `cover` of a video, a `preview`.
        place: Where in the message: its `media`, a `service` message, a `story`, a `web_page`, an
            `instant_view`, or `quoted` from another chat.
        date: When it was sent, in UTC; None if unknown.
        origin: Where it was seen, to fetch a fresh reference; None for a medium without a message.
        others: Further places where the same file lies, if the first is gone.
        protection: Why it is protected; empty if it is not. A protected item is in a list only
            because the policy has allowed it.
        name: The file name that the sender chose, or None. Hostile: never use it as a path.
        inline: The bytes, if they came with the message and nothing has to be fetched.
    """

    key: FileKey
    dc_id: int
    size: int | None
    mime: str
    extension: str
    kind: Kind
    role: Role = "file"
    place: Place = "media"
    date: datetime | None = None
    origin: Origin | None = None
    others: tuple[Origin, ...] = ()
    protection: tuple[Protection, ...] = ()
    name: str | None = field(default=None, repr=False)
    inline: bytes | None = field(default=None, repr=False)
    at: Any = field(default=None, repr=False, compare=False)

    def location(self) -> Any:
        """Return where to fetch it from: Telethon's `InputFileLocation`, for this account only.

        Returns:
            `InputDocumentFileLocation`, `InputPhotoFileLocation`, `InputPeerPhotoFileLocation`;
            `InputWebFileLocation` for a file of another site; None for an inline item.
        """
        return self.at

    @property
    def needs_reference(self) -> bool:
        """Whether it is fetched by a file reference, which expires."""
        kinds = types.InputDocumentFileLocation | types.InputPhotoFileLocation
        return isinstance(self.at, kinds)

    def renewed(self, references: dict[tuple[str, int], tuple[int, bytes]]) -> MediaItem | None:
        """Return it with a fresh file reference; itself if it needs none.

        None means that the file is not in the answer: it was deleted or replaced.

        Args:
            references: What an answer holds: `telefast.media.origins.references_in`.
        """
        if not self.needs_reference:
            return self
        found = references.get((self.key.kind, self.key.id))
        if found is None:
            return None
        at = type(self.at)(self.key.id, found[0], found[1], self.at.thumb_size)
        return replace(self, at=at)


@dataclass(frozen=True, slots=True)
class SkippedItem:
    """A file that cannot or must not be had.

    Attributes:
        reason: `protected`: not to be saved, and the policy did not allow it. `expired`: it has
            destroyed itself. `locked`: paid media that were not bought. `missing`: Telegram did not
            send it along, as of a story or of a rich message in part; its origin says where it is.
            `deleted`: a story that is gone. `empty`: nothing is there, or no image but a blur.
            `external`: another site has it, and Telegram does not fetch it for us; asking that site
            would tell it who reads. `unsupported`: a kind that this layer cannot show.
        origin: Where it was seen.
        key: Which file, if that is known.
        role: As of a `MediaItem`.
        place: As of a `MediaItem`.
        protection: Why it is protected, if that is the reason.
    """

    reason: Reason
    origin: Origin | None = None
    key: FileKey | None = None
    role: Role = "file"
    place: Place = "media"
    protection: tuple[Protection, ...] = ()
