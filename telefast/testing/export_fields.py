"""Typed access to the objects of an export: each value is checked, each complaint has its place.

A `Record` is one JSON object. It remembers which fields were asked for, so that the fields nobody
knows are counted too: an export is never read in silence. `Findings` is the list of all that.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from inspect import signature
from typing import TYPE_CHECKING, Any

from telethon.tl import types

from telefast.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EPOCH", "INT_MAX", "LONG_MAX", "PEER_ID_MAX", "Findings", "Record", "user_of"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INT_MAX = 2**31 - 1
"""Largest `int` of TL."""
LONG_MAX = 2**63 - 1
"""Largest `long` of TL."""

PEER_ID_MAX = 997_852_516_351
"""Largest bare id of a channel; Telegram marks it as -100… (core.telegram.org/api/bots/ids)."""
_LEGACY_USER_SHIFT = 2**32
"""Before user ids had 64 bits, Telegram Desktop wrote the sender as a number: this plus the id."""
_TEXT_MAX = 4_000_000
"""Longest text in characters: TL has 24 bits for the length in bytes."""
_EXAMPLES = 3
_REASONS = 200
_WORDS = {"0": False, "1": True, "false": False, "true": True}
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_DECIMAL = re.compile(r"-?[0-9]{1,20}")
_PEER = re.compile(r"(user|chat|channel)([0-9]{1,19})")


class Findings:
    """What an export holds: how much was loaded, and what was not, with the first places.

    Attributes:
        loaded: Kind of thing -> how many.
        unmapped: Reason -> how often. At most 200 reasons; further ones count as "other".
        examples: Reason -> the first three places.
    """

    def __init__(self) -> None:
        self.loaded: Counter[str] = Counter()
        self.unmapped: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def miss(self, reason: str, place: str, count: int = 1) -> None:
        """Count something that was not mapped."""
        if reason not in self.unmapped and len(self.unmapped) >= _REASONS:
            reason = "other"
        self.unmapped[reason] += count
        examples = self.examples.setdefault(reason, [])
        if len(examples) < _EXAMPLES:
            examples.append(place)


class Record:
    """One JSON object of an export, with its place.

    Args:
        data: What the file holds there.
        path: The JSON path, such as `chats.list[3].messages[17]`.
        findings: Where to count what is not mapped.
        message_id: The id of the message that this belongs to, if any.

    Attributes:
        is_too_new: Whether `build` could not make something of it.

    Raises:
        WorldError: If *data* is not an object.
    """

    __slots__ = ("_data", "_used", "findings", "is_too_new", "message_id", "path")

    def __init__(
        self, data: object, path: str, findings: Findings, message_id: int | None = None
    ) -> None:
        self.path = path
        self.message_id = message_id
        self.findings = findings
        self.is_too_new = False
        self._used: set[str] = set()
        if not isinstance(data, dict):
            raise self.wrong("", "an object", data)
        self._data: dict[str, object] = data

    # -- places and complaints

    def place(self, key: str = "") -> str:
        """Return where the field *key* lies, with the id of the message."""
        path = ".".join(part for part in (self.path, key) if part) or "the file"
        return path if self.message_id is None else f"{path} (message {self.message_id})"

    def wrong(self, key: str, expected: str, value: object) -> WorldError:
        """Return the error for a field that does not hold what it must."""
        return WorldError(f"{self.place(key)}: expected {expected}, got {_shown(value)}")

    def miss(self, reason: str, key: str = "", count: int = 1) -> None:
        """Count something here that was not mapped."""
        self.findings.miss(reason, self.place(key), count)

    def found(self, what: str) -> None:
        """Count something that was loaded."""
        self.findings.loaded[what] += 1

    def leftovers(self, what: str) -> None:
        """Count the fields that nobody asked for, as fields of *what*."""
        for key in self._data.keys() - self._used:
            if self._data[key] is None:
                continue
            if _KEY.fullmatch(key):
                self.miss(f"field of {what} not mapped: {key}", key)
            else:
                self.miss(f"field of {what} not mapped: (unusual name)")

    def build(self, name: str, **fields: object) -> Any:
        """Make the TL object *name*, or count and return `None` if this Telethon cannot hold it.

        For types that changed since the oldest Telethon supported. A field that the installed one
        does not have is left out if it is empty.
        """
        kind, known = _tl_type(name)
        fitting = {key: value for key, value in fields.items() if key in known}
        if kind is None or any(fields[key] for key in fields.keys() - fitting.keys()):
            self.is_too_new = True
            self.miss(f"not in this version of Telethon: {name}")
            return None
        return kind(**fitting)

    # -- fields

    def __contains__(self, key: str) -> bool:
        return self._data.get(key) is not None

    def mentions(self, key: str) -> bool:
        """Return whether there is a field *key*, null or not."""
        return key in self._data

    def take(self, key: str) -> object:
        """Return the raw value of *key*, `None` if it is absent."""
        self._used.add(key)
        return self._data.get(key)

    def ignore(self, *keys: str) -> None:
        """Mark fields as known although nothing is read from them."""
        self._used.update(keys)

    def text(self, key: str) -> str | None:
        """Return a text; `None` if the field is absent or null."""
        value = self.take(key)
        return None if value is None else self.checked_text(key, value)

    def checked_text(self, key: str, value: object) -> str:
        """Return *value*, which is a text that TL can carry."""
        if not isinstance(value, str):
            raise self.wrong(key, "a text", value)
        if len(value) > _TEXT_MAX:
            raise WorldError(f"{self.place(key)}: longer than {_TEXT_MAX:,} characters")
        if not value.isascii():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError as exc:
                raise WorldError(f"{self.place(key)}: half of a surrogate pair") from exc
        return value

    def integer(self, key: str, *, low: int = 0, high: int = INT_MAX) -> int | None:
        """Return a whole number, also one written as a text; `None` if absent or null."""
        value = self.take(key)
        return None if value is None else self.checked_integer(key, value, low=low, high=high)

    def checked_integer(
        self,
        key: str,
        value: object,
        *,
        low: int = 0,
        high: int = INT_MAX,
        expected: str = "a whole number",
    ) -> int:
        """Return *value* as a whole number between *low* and *high*."""
        number = value
        if (isinstance(value, str) and _DECIMAL.fullmatch(value)) or (
            isinstance(value, float) and value.is_integer()
        ):
            number = int(value)
        if not isinstance(number, int) or isinstance(number, bool):
            raise self.wrong(key, expected, value)
        if not low <= number <= high:
            raise self.wrong(key, f"{expected} between {low} and {high}", value)
        return number

    def seconds(self, key: str) -> int | None:
        """Return a date as seconds since the epoch; `None` if absent or null."""
        value = self.take(key)
        if value is None:
            return None
        return self.checked_integer(key, value, expected="a number of seconds")

    def date(self, key: str) -> datetime | None:
        """Return the date *key*: from `…_unixtime` in seconds, else from the local time.

        The local time says nothing of its zone; it is counted, and taken as UTC.
        """
        seconds = self.seconds(f"{key}_unixtime")
        if seconds is None:
            return self.local_date(key)
        self.ignore(key)
        return datetime.fromtimestamp(seconds, UTC)

    def local_date(self, key: str) -> datetime | None:
        """Return a date that is written as local time only; counted, and taken as UTC."""
        value = self.take(key)
        if value is None:
            return None
        expected = "a date such as 2024-05-01T12:00:00"
        if not isinstance(value, str):
            raise self.wrong(key, expected, value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as exc:
            raise self.wrong(key, expected, value) from exc
        if moment.tzinfo is None:
            self.miss("time zone of a local date, taken as UTC", key)
            moment = moment.replace(tzinfo=UTC)
        if not 1970 <= moment.year <= 2037:
            raise self.wrong(key, f"{expected} between 1970 and 2037", value)
        return max(moment.astimezone(UTC).replace(microsecond=0), EPOCH)

    def number(self, key: str) -> float | None:
        """Return a number; `None` if absent or null."""
        value = self.take(key)
        if value is None:
            return None
        number = math.nan
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            try:
                number = float(value)
            except (ValueError, OverflowError):
                number = math.nan
        if not math.isfinite(number):
            raise self.wrong(key, "a number", value)
        return number

    def flag(self, key: str) -> bool:
        """Return a truth value; false if absent or null. Whole numbers and words count too."""
        value = self.take(key)
        if value is None:
            return False
        if isinstance(value, int):  # bool is one of them
            return value != 0
        known = _WORDS.get(value) if isinstance(value, str) else None
        if known is None:
            raise self.wrong(key, "true or false", value)
        return known

    def record(self, key: str) -> Record | None:
        """Return the object in the field *key*; `None` if absent or null."""
        value = self.take(key)
        return None if value is None else self.nested(key, value)

    def child(self, key: str) -> Record:
        """Return the object in the field *key*, which is there."""
        return self.nested(key, self.take(key))

    def nested(self, key: str, value: object) -> Record:
        """Return *value*, an object, as standing in the field *key*."""
        return Record(value, self._inner(key), self.findings, self.message_id)

    def items(self, key: str) -> list[object]:
        """Return the list in the field *key*; empty if absent or null."""
        value = self.take(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(key, "a list", value)
        return value

    def records(self, key: str) -> Iterator[Record]:
        """Yield the objects of the list in the field *key*."""
        for index, item in enumerate(self.items(key)):
            yield self.nested(f"{key}[{index}]", item)

    def peer(self, key: str) -> types.TypePeer | None:
        """Return whom a field such as `from_id` names; `None` if nobody.

        Raises:
            WorldError: If it is not of the form `user123`, `chat123` or `channel123`.
        """
        value = self.take(key)
        if value is None:
            return None
        expected = "user…, chat… or channel… with a number"
        if isinstance(value, int) and not isinstance(value, bool):
            if _LEGACY_USER_SHIFT < value < 2 * _LEGACY_USER_SHIFT:
                return types.PeerUser(value - _LEGACY_USER_SHIFT)
            self.miss("old numeric id that does not say whose it is", key)
            return None
        match = _PEER.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise self.wrong(key, expected, value)
        bare = int(match[2])
        if bare == 0:
            self.miss("id of nobody (0)", key)
            return None
        if bare > PEER_ID_MAX:
            raise self.wrong(key, expected, value)
        if match[1] == "user":
            return types.PeerUser(bare)
        return types.PeerChat(bare) if match[1] == "chat" else types.PeerChannel(bare)

    def bare_id(self, key: str) -> int | None:
        """Return the bare id of a user or a chat; `None` if absent or null."""
        return self.integer(key, low=1, high=PEER_ID_MAX)

    def _inner(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def user_of(value: object) -> int | None:
    """Return the bare id of the user that a field such as `from_id` names; `None` if it does not.

    Nothing is checked or counted, for a look ahead.
    """
    if isinstance(value, int) and _LEGACY_USER_SHIFT < value < 2 * _LEGACY_USER_SHIFT:
        return value - _LEGACY_USER_SHIFT
    match = _PEER.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[1] != "user" or not 0 < int(match[2]) <= PEER_ID_MAX:
        return None
    return int(match[2])


@cache
def _tl_type(name: str) -> tuple[Any, frozenset[str]]:
    """Return a TL type of the installed Telethon and the names of its fields."""
    kind = getattr(types, name, None)
    return kind, frozenset() if kind is None else frozenset(signature(kind).parameters)


def _shown(value: object) -> str:
    """Show a wrong value without its inside, and at most 40 characters of it."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**30:
        return "a huge number"
    shown = repr(value[:41] if isinstance(value, str) else value)
    return shown if len(shown) <= 42 else f"{shown[:37]}…"
