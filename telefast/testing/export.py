r"""A world from a real chat: what Telegram Desktop exports as "Machine-readable JSON".

```text
export            which chats, in which order; the world and its report
export_json       the file: `\xHH`, line and column of syntax errors
export_fields     one JSON object: types, ranges, JSON path of field errors, unknown fields
export_messages   one message -> TL, with export_text, _media, _files, _extras, _marks, _actions,
                  _payments and _people
```
"""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from telethon.tl import types

from telefast.errors import ArgumentError, WorldError
from telefast.testing.export_chats import ExportedChat, choose, find_chats
from telefast.testing.export_fields import Findings
from telefast.testing.export_files import FileTable
from telefast.testing.export_json import locate_export, read_export
from telefast.testing.export_messages import ChatContext, read_message
from telefast.testing.export_people import People
from telefast.testing.refs import CHANNEL_MARK
from telefast.testing.world import World

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from telefast.testing.chat import Chat
    from telefast.testing.export_fields import Record

__all__ = ["NOT_IN_EXPORT", "ChatReport", "ExportReport", "ExportedWorld", "world_from_export"]

NOT_IN_EXPORT = (
    "albums (grouped_id)",
    "topics of forums",
    "views, forwards and comments of posts",
    "web page previews",
    "nested entities (one kind per piece of text)",
    "kind of a poll (quiz, several answers, public)",
    "own reactions",
    "members of groups",
    "deleted messages: their ids are holes",
)
"""What Telegram Desktop never writes, so that no export can give it back."""


@dataclass(frozen=True, slots=True)
class ChatReport:
    """One chat that was loaded.

    Attributes:
        title: Its title.
        kind: Its type in the export, such as `private_supergroup`.
        channel_id: Bare id of the chat that shows it, a channel or not.
        marked_id: The same id with Telethon's mark; `World.chat` takes it.
        shown_as: `channel`, `supergroup`, `basic group` or `private chat`.
        messages: Messages loaded.
        path: Where it stands in the file.
    """

    title: str
    kind: str
    channel_id: int
    marked_id: int
    shown_as: str
    messages: int
    path: str


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was loaded from an export and what could not be mapped.

    Attributes:
        source: The file.
        chats: The chats that were loaded, the largest first.
        chats_left_out: How many chats were not asked for.
        loaded: Kind of thing -> how many.
        unmapped: Reason -> how often.
        examples: Reason -> the first three places, as JSON path and message id.
        not_in_export: What the format never carries.
    """

    source: Path
    chats: tuple[ChatReport, ...]
    chats_left_out: int
    loaded: Mapping[str, int] = field(repr=False)
    unmapped: Mapping[str, int] = field(repr=False)
    examples: Mapping[str, tuple[str, ...]] = field(repr=False)
    not_in_export: tuple[str, ...] = field(default=NOT_IN_EXPORT, repr=False)

    def lines(self) -> Iterator[str]:
        """Yield the report as lines of text, for a terminal or a log."""
        total = sum(chat.messages for chat in self.chats)
        yield f"{self.source}: {total:,} messages in {len(self.chats):,} chats"
        for chat in self.chats:
            yield f"  {chat.title[:60]!r}: {chat.messages:,} messages, {chat.kind}"
        yield "loaded: " + ", ".join(f"{count:,} {what}" for what, count in self.loaded.items())
        for reason, count in self.unmapped.items():
            yield f"not mapped, {count:,} x: {reason} (first: {self.examples[reason][0]})"
        yield "never in an export: " + "; ".join(self.not_in_export)


class ExportedWorld(World):
    """A world with the chats of an export; made by `world_from_export`.

    Attributes:
        main: The chat with the most messages.
        report: What was loaded and what could not be mapped.
        files: Id of a photo or document -> its file, where the export has it.
        thumbs: Id of a document -> the file of its thumbnail, where the export has it.
    """

    main: Chat
    report: ExportReport
    files: Mapping[int, Path]
    thumbs: Mapping[int, Path]


def world_from_export(
    path: str | os.PathLike[str], *, chat: str | int | None = None
) -> ExportedWorld:
    """Load a Telegram Desktop export: one chat, or a whole account.

    Messages keep their ids, dates, texts, entities, replies, senders, forwards, media descriptors,
    reactions and service actions. What the format does not carry or has no place in TL is counted
    in `ExportedWorld.report`, never guessed. Each chat is of its own kind: channels, supergroups,
    basic groups, private chats and saved messages. A kind that is not known is shown as a
    supergroup, and counted.

    The whole file is parsed in memory, about ten times its size at the peak for an export without
    media; then the JSON is released and each message costs about its TL bytes plus 300.

    Args:
        path: `result.json`, or the folder that it lies in.
        chat: Load only this chat: its id as in the file, or marked (-100…), or its title. `None`
            loads all.

    Raises:
        ArgumentError: If an argument is of the wrong type.
        WorldError: If the file is missing, is no export, is not JSON (with line and column), has a
            field of the wrong type (with the JSON path and the message id), contradicts itself, or
            has no such chat. What is wrong in the file begins with its path.

    Example:
        >>> world = world_from_export("tests/data/exports/club.json")
        >>> world.main.title, len(world.main.ids)
        ('Lighthouse Club', 12)
    """
    if chat is not None and (isinstance(chat, bool) or not isinstance(chat, int | str)):
        raise ArgumentError("chat", chat, "the id or the title of a chat, or None for all")
    try:
        given = Path(path)
    except TypeError as exc:
        raise ArgumentError("path", path, "a path to result.json or its folder") from exc
    source = locate_export(given)
    findings, people = Findings(), People()
    data = read_export(source)
    with _naming(source):
        chats = find_chats(data, findings, people)
    chosen = choose(chats, chat)
    left_out = len(chats) - len(chosen)
    del data, chats
    with _naming(source):
        return _make_world(source, chosen, left_out, findings, people)


@contextmanager
def _naming(source: Path) -> Iterator[None]:
    """Put the file in front of what is wrong in it."""
    try:
        yield
    except WorldError as exc:
        raise WorldError(f"{source}: {exc}") from exc


def _make_world(
    source: Path, chosen: Sequence[ExportedChat], left_out: int, findings: Findings, people: People
) -> ExportedWorld:
    _know_owner(chosen, people)
    if people.me is None:
        findings.miss("who made the export: own messages are not marked", "the file")
    _check_peers(chosen)
    channel_ids = _channel_ids(chosen)
    world = _empty_world(channel_ids)
    world.add_user(people.owner())
    table = FileTable(source.parent)
    shown: list[Chat] = []
    reports: list[ChatReport] = []
    for one, chat_id in zip(chosen, channel_ids, strict=True):
        chat_shown = _add_chat(world, one, chat_id, findings, people, table)
        shown.append(chat_shown)
        reports.append(
            ChatReport(
                one.title,
                one.shown_kind,
                chat_id,
                chat_shown.marked_id,
                one.shown_as,
                len(chat_shown.ids),
                one.path,
            )
        )
    _add_people(world, people, findings)
    reports.sort(key=lambda report: -report.messages)
    world.main = max(shown, key=lambda each: len(each.ids))
    world.files, world.thumbs = table.files, table.thumbs
    world.file_store.give_paths(table.files, table.thumbs)
    world.report = ExportReport(
        source,
        tuple(reports),
        left_out,
        dict(findings.loaded),
        dict(findings.unmapped.most_common()),
        {reason: tuple(places) for reason, places in findings.examples.items()},
    )
    return world


def _know_owner(chats: Sequence[ExportedChat], people: People) -> None:
    """Learn who made an export that does not say so, from chats in which it shows."""
    if people.me is not None:
        return
    found: dict[int, str | None] = {}
    for chat in chats:
        for user_id, name in chat.owners().items():
            found[user_id] = name or found.get(user_id)
    if len(found) == 1:
        [(people.me, name)] = found.items()
        people.meet(types.PeerUser(people.me), name)


def _check_peers(chats: Sequence[ExportedChat]) -> None:
    """Refuse an export in which two chats are the same one.

    Raises:
        WorldError: If two channels, groups or private chats have the same id.
    """
    known = [chat for chat in chats if chat.is_known]
    counts = Counter(bytes(chat.origin) for chat in known)
    for chat in known:
        if counts[bytes(chat.origin)] > 1:
            kind = "channel" if chat.is_channel else chat.shown_as
            raise WorldError(f"{chat.path}.id: two {kind}s have the id {chat.bare_id}")


def _channel_ids(chats: Sequence[ExportedChat]) -> list[int]:
    """Return a bare id for each chat: its own, but for one of an unknown kind another if taken."""
    taken = {chat.bare_id for chat in chats if chat.is_channel and chat.is_known}
    ids: list[int] = []
    for chat in chats:
        chat_id = chat.bare_id
        if not chat.is_known:
            while chat_id in taken:
                chat_id += 1
            taken.add(chat_id)
        ids.append(chat_id)
    return ids


def _empty_world(channel_ids: Sequence[int]) -> ExportedWorld:
    """Return a world without chats, of the first seed whose own channels are not among these."""
    worlds = (ExportedWorld(seed=seed, user_count=0) for seed in itertools.count())
    marks = {-(CHANNEL_MARK + channel_id) for channel_id in channel_ids}
    return next(world for world in worlds if marks.isdisjoint(world.foreign))


def _add_chat(
    world: World,
    chat: ExportedChat,
    chat_id: int,
    findings: Findings,
    people: People,
    table: FileTable,
) -> Chat:
    place = chat.path or "the file"
    if not chat.is_known:
        findings.miss(f"kind of chat: {chat.shown_kind} shown as a supergroup", place)
    if chat_id != chat.bare_id:
        findings.miss("id of a chat that another chat has too, changed", place)
    shown: Chat
    if chat.is_channel:
        shown = world.add_channel(
            chat.title, megagroup=not chat.is_broadcast, channel_id=chat_id, messages=()
        )
    elif isinstance(chat.origin, types.PeerUser):
        people.meet(chat.origin, chat.name, is_bot=chat.kind == "bot_chat")
        shown = world.add_private_chat(
            world.me if chat_id == world.me.id else people.user(chat_id), messages=()
        )
        shown.title = chat.title
    else:
        shown = world.add_group(chat.title, chat_id=chat_id, members=(), messages=())
    context = ChatContext(shown.peer(), chat_id, chat.origin, chat.is_broadcast, people, table)
    for record in chat.in_order(findings):
        message = read_message(record, context)
        if message is not None:
            _check_owner(world, chat, message.id, record)
            shown.put(message)
    return shown


def _check_owner(world: World, chat: ExportedChat, message_id: int, record: Record) -> None:
    """Refuse a message whose id another chat of the account has.

    Raises:
        WorldError: If private chats and basic groups, which share their ids, contradict each other.
    """
    other = None if chat.is_channel else world.account.owner(message_id)
    if other is not None:
        raise WorldError(
            f"{record.place('id')}: {other.kind} {other.id} has a message of the same id, and all "
            "private chats and basic groups of an account share their ids"
        )


def _add_people(world: World, people: People, findings: Findings) -> None:
    """Add everybody met in the chats; who is logged in is there since before the first chat."""
    for user in people.users():
        if user.id != world.me.id:
            world.add_user(user)
    for chat in people.foreign_chats():
        mark = -chat.id if isinstance(chat, types.Chat) else -(CHANNEL_MARK + chat.id)
        shown = world.chat(mark)
        if shown is None:
            world.add_foreign(chat)
        elif shown.title != chat.title:
            findings.miss("two chats with one id: shown under the name of the loaded one", "")
