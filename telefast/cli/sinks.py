"""Where the contenders of a race put their messages: the same for all, so that the race is fair.

Each sink has `take(message)`, `close()` and, after that, `digest`: two contenders that read the
same have the same digest. What a digest covers differs, and so does what it costs.
"""

from __future__ import annotations

import hashlib
import json
import os
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any, Protocol

from telethon import types, utils

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Exact",
    "JsonLines",
    "Keep",
    "Sink",
    "SinkError",
    "Tally",
    "first_difference",
    "open_sink",
    "record_of",
]

BUFFER_SIZE = 256 * 1024
"""Bytes collected before they are written: our choice, about 600 messages."""


class SinkError(Exception):
    """The disk did not take what was to be written; the message says which file and why."""


class Sink(Protocol):
    """What takes a contender's messages."""

    digest: str
    """What was taken, in short; set by `close`."""
    size: int
    """Bytes written to disk; set by `close`."""

    def take(self, message: Any) -> None:
        """Take one finished message."""

    def close(self) -> None:
        """Take no more; everything is handed to the operating system now."""

    def sync(self) -> None:
        """Wait until what was written is on the disk."""


def open_sink(kind: str, path: Path | None) -> Sink:
    """Return a new sink of a *kind*: `lines` (needs a *path*), `tally`, `exact` or `keep`."""
    if kind == "lines" and path is not None:
        return JsonLines(path)
    kinds: dict[str, type[Sink]] = {"exact": Exact, "keep": Keep}
    return kinds.get(kind, Tally)()


class JsonLines:
    """Write each message as a line of JSON; see `record_of` for its fields.

    Args:
        path: The file, which must not exist.

    Raises:
        SinkError: If the file cannot be made or, later, written.
    """

    def __init__(self, path: Path) -> None:
        self.digest = ""
        self.size = 0
        self._path = path
        self._hash = hashlib.sha256()
        self._encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
        self._lines: list[str] = []
        self._length = 0
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise _refused(path, error) from error

    def take(self, message: Any) -> None:
        """Add one line."""
        line = self._encode(record_of(message))
        self._lines.append(line)
        self._length += len(line)
        if self._length >= BUFFER_SIZE:
            self._write()

    def close(self) -> None:
        """Write what is left."""
        self._write()
        self.digest = self._hash.hexdigest()

    def sync(self) -> None:
        """Wait for the disk, and close the file."""
        try:
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise _refused(self._path, error) from error

    def _write(self) -> None:
        if not self._lines:
            return
        # A lone surrogate, which a malformed export may hold, is no UTF-8: keep it visible.
        data = ("\n".join(self._lines) + "\n").encode("utf-8", "backslashreplace")
        self._lines.clear()
        self._length = 0
        self._hash.update(data)
        self.size += len(data)
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise _refused(self._path, error) from error


class Tally:
    """Keep next to nothing: a running hash of id, date and length of text, about 1 us a message.

    For benchmarks of reading, where a sink that works would hide what is measured. That all
    contenders read the same *bytes* is shown in a run of its own, with `Exact`.
    """

    def __init__(self) -> None:
        self.digest = ""
        self.size = 0
        self._state = 0

    def take(self, message: Any) -> None:
        """Mix one message in."""
        # Integers only: their hash does not depend on the process.
        text = message.message
        date = int(message.date.timestamp())
        self._state = hash((self._state, message.id, date, len(text) if text else 0))

    def close(self) -> None:
        """Set the digest."""
        self.digest = f"{self._state & 0xFFFF_FFFF_FFFF_FFFF:016x}"

    def sync(self) -> None:
        """Do nothing."""


class Keep(Tally):
    """Keep all messages in memory, as programs do that want a list, and tally."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[Any] = []

    def take(self, message: Any) -> None:
        """Keep one message."""
        self._kept.append(message)
        super().take(message)


class Exact:
    """Hash all that a user can see of each message: its exact bytes, and what it is bound to."""

    def __init__(self) -> None:
        self.digest = ""
        self.size = 0
        self._hash = hashlib.sha256()

    def take(self, message: Any) -> None:
        """Hash one message with its sender, chat, forward and text."""
        forward = message.forward
        bound = (
            message.id,
            message.text,
            message.sender_id,
            _bytes_of(message.sender),
            _bytes_of(message.input_sender),
            message.chat_id,
            _bytes_of(message.chat),
            _bytes_of(message.input_chat),
            forward and (_bytes_of(forward.sender), _bytes_of(forward.chat)),
        )
        self._hash.update(bytes(message))
        self._hash.update(repr(bound).encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Set the digest."""
        self.digest = self._hash.hexdigest()

    def sync(self) -> None:
        """Do nothing."""


def record_of(message: Any) -> dict[str, Any]:
    """Return a message as the fields of one line of `messages.jsonl`.

    All fields are always there, null where there is nothing to say:

    * `id`, `date` (ISO 8601, UTC)
    * `sender_id` (marked, as Telethon's `sender_id`), `sender` (the name that is shown)
    * `text` (plain), `service` (kind of a service message, such as `ChatAddUser`)
    * `reply_to` (id of the message that this one answers)
    * `media` (kind, such as `photo`, `document`, `poll`)
    * `forward` (the marked id of the origin, else the name that Telegram shows)
    * `reactions` (emoji -> count; `custom:<id>` for a custom emoji, `paid` for stars)
    * `digest` (BLAKE2b-128 of the message's exact TL bytes: equal lines are equal messages)
    """
    sender = message.sender
    media = getattr(message, "media", None)
    action = getattr(message, "action", None)
    forward = getattr(message, "fwd_from", None)
    reactions = getattr(message, "reactions", None)
    return {
        "id": message.id,
        "date": message.date.isoformat() if message.date else None,
        "sender_id": message.sender_id,
        "sender": (utils.get_display_name(sender) or None) if sender else None,
        "text": message.message,
        "service": type(action).__name__.removeprefix("MessageAction") if action else None,
        "reply_to": message.reply_to_msg_id,
        "media": type(media).__name__.removeprefix("MessageMedia").lower() if media else None,
        "forward": _origin(forward) if forward else None,
        "reactions": _summary(reactions.results) if reactions else None,
        "digest": hashlib.blake2b(bytes(message), digest_size=16).hexdigest(),
    }


def first_difference(one: Path, other: Path, count: int | None = None) -> str | None:
    """Compare two files of messages line by line.

    Args:
        one: A file.
        other: Another.
        count: How many lines to compare of *one*, if not all.

    Returns:
        Where they differ first, in words; None if they do not.
    """
    with one.open("rb") as left, other.open("rb") as right:
        lines = zip_longest(islice(left, count), right)
        for number, (mine, theirs) in enumerate(lines, start=1):
            if mine != theirs:
                return f"line {number:,}: {_shown(mine)} against {_shown(theirs)}"
    return None


def _shown(line: bytes | None) -> str:
    # The id comes first in each line; no text of a message is shown.
    return "the end" if line is None else line[1:40].partition(b",")[0].decode("utf-8", "replace")


def _origin(forward: Any) -> int | str | None:
    if forward.from_id is not None:
        marked: int = utils.get_peer_id(forward.from_id)
        return marked
    name: str | None = forward.from_name
    return name


def _summary(results: list[Any]) -> dict[str, int] | None:
    summary: dict[str, int] = {}
    for result in results:
        reaction = result.reaction
        if isinstance(reaction, types.ReactionEmoji):
            name = reaction.emoticon
        elif isinstance(reaction, types.ReactionCustomEmoji):
            name = f"custom:{reaction.document_id}"
        else:
            name = type(reaction).__name__.removeprefix("Reaction").lower()
        summary[name] = result.count
    return summary or None


def _bytes_of(thing: Any) -> bytes | None:
    return None if thing is None else bytes(thing)


def _refused(path: Path, error: OSError) -> SinkError:
    return SinkError(f"{path}: cannot be written ({error.strerror or error})")
