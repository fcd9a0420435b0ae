"""Find the chats of an export, choose among them, and put their messages in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.export_fields import INT_MAX, Findings, Record, user_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telefast.testing.export_people import People

__all__ = ["ExportedChat", "choose", "find_chats"]

_MARK = 10**12
_NAMELESS = {"saved_messages": "Saved Messages", "replies": "Replies"}
_PEOPLE = frozenset({"personal_chat", "bot_chat", "saved_messages", "replies"})
_CHANNELS = frozenset({"public_channel", "private_channel"})
_SUPERGROUPS = frozenset({"public_supergroup", "private_supergroup"})
_KINDS = _PEOPLE | _CHANNELS | _SUPERGROUPS | {"private_group"}
_LISTED = 20
_CUT = 40


@dataclass(slots=True)
class ExportedChat:
    """One chat of an export, its messages not yet looked at.

    Attributes:
        title: Its name, or what Telegram calls a chat without one.
        name: Its name in the export, `None` for saved messages and deleted accounts.
        kind: Its type as the export says.
        bare_id: Its id as the export says.
        path: Where it stands in the file.
        messages: The raw messages; emptied while they are read, to free the memory.
    """

    title: str
    name: str | None
    kind: str
    bare_id: int
    path: str
    messages: list[object]

    @property
    def is_broadcast(self) -> bool:
        """Whether it is a broadcast channel."""
        return self.kind in _CHANNELS

    @property
    def is_known(self) -> bool:
        """Whether its kind is a known one; another is shown as a supergroup."""
        return self.kind in _KINDS

    @property
    def is_channel(self) -> bool:
        """Whether it has message ids of its own: a channel, or what is shown as a supergroup."""
        return self.kind not in _PEOPLE and self.kind != "private_group"

    @property
    def shown_as(self) -> str:
        """What the embedded Telegram shows it as."""
        if not self.is_channel:
            return "private chat" if self.kind in _PEOPLE else "basic group"
        return "channel" if self.is_broadcast else "supergroup"

    @property
    def shown_kind(self) -> str:
        """The type, if it is a known one."""
        return self.kind if self.is_known else "chat of an unknown kind"

    @property
    def origin(self) -> types.TypePeer:
        """The chat as a peer, as Telegram knows it."""
        if self.kind in _PEOPLE:
            return types.PeerUser(self.bare_id)
        if self.is_channel and self.is_known:
            return types.PeerChannel(self.bare_id)
        return types.PeerChat(self.bare_id)

    def owners(self) -> dict[int, str | None]:
        """Return who may have made the export, as this chat shows it: bare ids and names.

        Saved messages have the id of their owner, and in a private chat only two write, of whom
        one is the other one. Nothing is checked here.
        """
        if self.kind not in {"personal_chat", "bot_chat", "saved_messages"}:
            return {}
        is_own = self.kind == "saved_messages"
        found: dict[int, str | None] = {self.bare_id: None} if is_own else {}
        for raw in self.messages:
            if not isinstance(raw, dict):
                continue
            user_id = user_of(raw.get("from_id") or raw.get("actor_id"))
            name = raw.get("from") or raw.get("actor")
            if user_id is not None and (user_id == self.bare_id) is is_own:
                found[user_id] = name if isinstance(name, str) else found.get(user_id)
        return found

    def shown(self) -> str:
        """Describe the chat for a list to choose from."""
        title = self.title if len(self.title) <= _CUT else f"{self.title[: _CUT - 1]}…"
        return f"{title!r} (id {self.bare_id}, {self.shown_kind}, {len(self.messages):,} messages)"

    def in_order(self, findings: Findings) -> Iterator[Record]:
        """Yield the messages by id, each once, and drop them from memory one by one.

        Negative ids are those of the basic group before its upgrade; they are counted.

        Raises:
            WorldError: If an id is missing, 0 or too large, or stands for two different messages.
        """
        places: list[tuple[int, int]] = []
        for index in range(len(self.messages)):
            record = self._record(index, findings)
            message_id = record.integer("id", low=-(2**63), high=2**63)
            if message_id is None or message_id == 0 or message_id > INT_MAX:
                raise record.wrong("id", f"a number from 1 to {INT_MAX}", message_id)
            if message_id < 0:
                record.message_id = message_id
                record.miss("message from before the upgrade to a supergroup (negative id)")
                self.messages[index] = None
            else:
                places.append((message_id, index))
        places.sort()
        before = (0, -1)
        for message_id, index in places:
            if message_id == before[0]:
                self._check_same(before[1], index, message_id)
            before = (message_id, index)
        last = 0
        for message_id, index in places:
            record = self._record(index, findings, message_id)
            self.messages[index] = None
            if message_id == last:
                record.miss("message that stands twice in the file")
            else:
                yield record
            last = message_id

    def _record(self, index: int, findings: Findings, message_id: int | None = None) -> Record:
        path = f"{self.path}.messages[{index}]" if self.path else f"messages[{index}]"
        return Record(self.messages[index], path, findings, message_id)

    def _check_same(self, first: int, second: int, message_id: int) -> None:
        if self.messages[first] == self.messages[second]:
            return
        prefix = f"{self.path}.messages" if self.path else "messages"
        raise WorldError(
            f"{prefix}[{second}] (message {message_id}): differs from {prefix}[{first}], "
            "which has the same id"
        )


def find_chats(data: object, findings: Findings, people: People) -> list[ExportedChat]:
    """Return all chats of an export in the order of the file.

    Args:
        data: What the file holds.
        findings: Where to count what is not mapped.
        people: Learns the names in the contacts and in the personal information.

    Raises:
        WorldError: If *data* is no export, or has no chat.
    """
    if not isinstance(data, dict) or not ("messages" in data or "chats" in data):
        raise WorldError(
            'this is no Telegram Desktop export: expected an object with "messages" (one chat) '
            'or "chats" (a whole account)'
        )
    export = Record(data, "", findings)
    if "messages" in data:
        return [_chat(export)]
    chats: list[ExportedChat] = []
    personal = export.record("personal_information")
    if personal is not None:
        people.know_me(personal)
    contacts = export.record("contacts")
    if contacts is not None:
        contacts.ignore("about")
        for contact in contacts.records("list"):
            people.know_contact(contact)
    for key in ("chats", "left_chats"):
        group = export.record(key)
        if group is not None:
            group.ignore("about")
            chats.extend(_chat(chat) for chat in group.records("list"))
            group.leftovers("the list of chats")
    export.ignore("about")
    export.leftovers("the export")
    if not chats:
        raise WorldError("this export has no chats; choose some in Telegram Desktop's settings")
    return chats


def choose(chats: Sequence[ExportedChat], wanted: str | int | None) -> list[ExportedChat]:
    """Return the chats to load: all, or the one with that id or title.

    Raises:
        WorldError: If no chat or several fit; the message lists the chats.
    """
    if wanted is None:
        return list(chats)
    fitting: list[ExportedChat] = []
    if isinstance(wanted, str):
        exact = [chat for chat in chats if chat.title == wanted]
        folded = [chat for chat in chats if chat.title.casefold() == wanted.strip().casefold()]
        fitting = exact or folded
        digits = wanted.strip()
        if not fitting and digits.isascii() and digits.removeprefix("-").isdigit():
            wanted = int(digits) if len(digits) <= 20 else 0
    if isinstance(wanted, int):
        number = abs(wanted)
        bare = number - _MARK if wanted < 0 and number > _MARK else number
        fitting = [chat for chat in chats if chat.bare_id == bare]
    if len(fitting) == 1:
        return fitting
    shown = repr(wanted if not isinstance(wanted, str) else wanted[:_CUT])
    problem = "no such chat" if not fitting else "several chats fit, choose by id"
    listed = fitting or chats
    names = "; ".join(chat.shown() for chat in listed[:_LISTED])
    more = f"; and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    raise WorldError(f"chat={shown}: {problem}: {names}{more}")


def _chat(record: Record) -> ExportedChat:
    kind = record.text("type") or "unknown"
    name = record.text("name") or None
    title = name or _NAMELESS.get(kind) or "Deleted Account"
    bare_id = record.bare_id("id")
    if bare_id is None:
        raise record.wrong("id", "the id of a chat", None)
    messages = record.items("messages")
    record.leftovers("a chat")
    if kind in {"public_channel", "public_supergroup"}:
        record.miss("user name of a public chat", "name")
    return ExportedChat(title, name, kind, bare_id, record.path, messages)
