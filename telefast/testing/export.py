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

    from telefast.testing.channel import Channel

__all__ = ["NOT_IN_EXPORT", "ChatReport", "ExportReport", "ExportedWorld", "world_from_export"]

NOT_IN_EXPORT = (
    "albums (grouped_id)",
    "topics of forums",
    "views, forwards and comments of posts",
    "web page previews",
    "nested entities (one kind per piece of text)",
    "kind of a poll (quiz, several answers, public)",
    "own reactions",
    "deleted messages: their ids are holes",
)
"""What Telegram Desktop never writes, so that no export can give it back."""


@dataclass(frozen=True, slots=True)
class ChatReport:
    """One chat that was loaded.

    Attributes:
        title: Its title.
        kind: Its type in the export, such as `private_supergroup`.
        channel_id: Bare id of the channel that shows it.
        shown_as: `channel` or `supergroup`, as the embedded Telegram has only these.
        messages: Messages loaded.
        path: Where it stands in the file.
    """

    title: str
    kind: str
    channel_id: int
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

    main: Channel
    report: ExportReport
    files: Mapping[int, Path]
    thumbs: Mapping[int, Path]


def world_from_export(
    path: str | os.PathLike[str], *, chat: str | int | None = None
) -> ExportedWorld:
    """Load a Telegram Desktop export: one chat, or a whole account.

    Messages keep their ids, dates, texts, entities, replies, senders, forwards, media descriptors,
    reactions and service actions. What the format does not carry or has no place in TL is counted
    in `ExportedWorld.report`, never guessed. Private chats, basic groups and saved messages are
    shown as supergroups with the same message ids.

    The whole file is parsed in memory, about ten times its size at the peak for an export without
    media; then the JSON is released and each message costs about its TL bytes plus 300.

    Args:
        path: `result.json`, or the folder that it lies in.
        chat: Load only this chat: its id as in the file, or marked (-100…), or its title. `None`
            loads all.

    Raises:
        ArgumentError: If an argument is of the wrong type.
        WorldError: If the file is missing, is no export, is not JSON (with line and column), has a
            field of the wrong type (with the JSON path and the message id) or no such chat. What
            is wrong in the file begins with its path.

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
    if people.me is None:
        findings.miss("who made the export: own messages are not marked", "the file")
    channel_ids = _channel_ids(chosen)
    world = _empty_world(channel_ids)
    world.add_user(people.owner())
    table = FileTable(source.parent)
    reports: list[ChatReport] = []
    for one, channel_id in zip(chosen, channel_ids, strict=True):
        channel = _add_chat(world, one, channel_id, findings, people, table)
        reports.append(
            ChatReport(
                one.title,
                one.shown_kind,
                channel_id,
                "channel" if one.is_broadcast else "supergroup",
                len(channel.ids),
                one.path,
            )
        )
    _add_people(world, people, findings)
    reports.sort(key=lambda report: -report.messages)
    world.main = world.channels[reports[0].channel_id]
    world.files, world.thumbs = table.files, table.thumbs
    world.report = ExportReport(
        source,
        tuple(reports),
        left_out,
        dict(findings.loaded),
        dict(findings.unmapped.most_common()),
        {reason: tuple(places) for reason, places in findings.examples.items()},
    )
    return world


def _channel_ids(chats: Sequence[ExportedChat]) -> list[int]:
    """Return a bare channel id for each chat: its own, unless another chat has it.

    Users, basic groups and channels count their ids apart, so that a private chat may have the id
    of a channel. Channels and supergroups keep theirs.

    Raises:
        WorldError: If two channels have the same id.
    """
    native = Counter(chat.bare_id for chat in chats if chat.is_native)
    for chat in chats:
        if chat.is_native and native[chat.bare_id] > 1:
            raise WorldError(f"{chat.path}.id: two channels have the id {chat.bare_id}")
    taken = set(native)
    ids: list[int] = []
    for chat in chats:
        channel_id = chat.bare_id
        if not chat.is_native:
            while channel_id in taken:
                channel_id += 1
            taken.add(channel_id)
        ids.append(channel_id)
    return ids


def _empty_world(channel_ids: Sequence[int]) -> ExportedWorld:
    """Return a world without chats, of the first seed whose own channels are not among these."""
    worlds = (ExportedWorld(seed=seed, user_count=0) for seed in itertools.count())
    marks = {-(CHANNEL_MARK + channel_id) for channel_id in channel_ids}
    return next(world for world in worlds if marks.isdisjoint(world.foreign))


def _add_chat(
    world: World,
    chat: ExportedChat,
    channel_id: int,
    findings: Findings,
    people: People,
    table: FileTable,
) -> Channel:
    place = chat.path or "the file"
    if not chat.is_native:
        findings.miss(f"kind of chat: {chat.shown_kind} shown as a supergroup", place)
    if channel_id != chat.bare_id:
        findings.miss("id of a chat that another chat has too, changed", place)
    if isinstance(chat.origin, types.PeerUser):
        people.meet(chat.origin, chat.name, is_bot=chat.kind == "bot_chat")
    context = ChatContext(channel_id, chat.origin, chat.is_broadcast, people, table)
    messages = (read_message(record, context) for record in chat.in_order(findings))
    return world.add_channel(
        chat.title,
        megagroup=not chat.is_broadcast,
        channel_id=channel_id,
        messages=(message for message in messages if message is not None),
    )


def _add_people(world: World, people: People, findings: Findings) -> None:
    """Add everybody met in the chats; who is logged in is there since before the first chat."""
    for user in people.users():
        if user.id != world.me.id:
            world.add_user(user)
    for chat in people.foreign_chats():
        shown = world.channels.get(chat.id) if isinstance(chat, types.Channel) else None
        if shown is None:
            world.add_foreign(chat)
        elif shown.title != chat.title:
            findings.miss("two chats with one id: shown under the name of the loaded one", "")
