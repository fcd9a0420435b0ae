"""Refuse a world that contradicts itself, with the path to what does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.dialogs import ARCHIVE, MAIN
from telefast.testing.forum import Forum
from telefast.testing.forum_seed import GENERAL
from telefast.testing.refs import SERVICE_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telefast.testing.account import Account
    from telefast.testing.channel import Channel
    from telefast.testing.chat import Chat
    from telefast.testing.population import Population
    from telefast.testing.private import Group
    from telefast.testing.world import World

__all__ = ["check_world"]


def check_world(world: World) -> None:
    """Look for contradictions; see `World.check`.

    Raises:
        WorldError: Names the first that is found.
    """
    for name, ids in (
        ("min_users", world.min_users),
        ("absent_users", world.absent_users),
        ("abouts", world.abouts),
    ):
        _known(world, f"world: {name}", ids)
    _check_accounts(world)
    names: dict[str, str] = {}
    for user in world.users.values():
        for own in (user.username, *(each.username for each in user.usernames or ())):
            _take_name(names, own, f"user {user.id}")
    for foreign in world.foreign.values():
        _take_name(names, getattr(foreign, "username", None), f"foreign chat {foreign.id}")
    for key, channel in world.channels.items():
        path = _path(channel)
        if key != channel.id:
            raise WorldError(f"{path}: channels[{key}]: is stored under another id")
        _take_name(names, channel.username, path)
        _check_messages(world, channel)
        _check_channel(world, channel)
        _check_people(world, channel)
    for account in world.accounts:
        for group in account.groups.values():
            _check_messages(world, group)
            _check_group(account, group)
        for chat in account.private_chats.values():
            _check_messages(world, chat)
            pinned = chat.pinned_msg_id
            if pinned is not None and not chat.has(pinned):
                path = f"private chat {chat.title!r} (id {chat.id})"
                raise WorldError(f"{path}: pinned_msg_id={pinned}: there is no such message")
        _check_dialogs(account)


def _take_name(names: dict[str, str], name: str | None, path: str) -> None:
    if name is None:
        return
    holder = names.setdefault(name.lower(), path)
    if holder != path:
        raise WorldError(f"{path}: username={name!r}: is that of {holder}")


def _check_accounts(world: World) -> None:
    phones: dict[str, str] = {}
    for account in world.accounts:
        path = f"account {account.index}"
        if account.dc_id not in world.dc_ids:
            raise WorldError(f"{path}: dc_id={account.dc_id}: is none of dc_ids={world.dc_ids}")
        holder = phones.setdefault(account.phone, path)
        if holder != path:
            raise WorldError(f"{path}: phone={account.phone!r}: is that of {holder}")
        before = 0
        for place, (low, high) in enumerate(account.split_ranges):
            if not before < low <= high:
                raise WorldError(
                    f"{path}: split_ranges[{place}]=({low}, {high}): expected rising ranges of ids"
                )
            before = high


def _check_messages(world: World, chat: Chat) -> None:
    path = f"{chat.kind} {chat.title!r} (id {chat.id})"
    if chat.pts < 1:
        raise WorldError(f"{path}: pts={chat.pts}: expected 1 or more")
    for message_id, refs in chat.put_refs():
        _known(
            world,
            f"{path}: message {message_id}",
            (ref for ref in refs if ref > 0 and ref != SERVICE_ID),
        )
    for message_id, file in chat.files_outside(world.dc_ids):
        raise WorldError(
            f"{path}: message {message_id}: file {file.id}: dc_id={file.dc_id}: is none of "
            f"dc_ids={world.dc_ids}"
        )


def _check_channel(world: World, channel: Channel) -> None:
    path = _path(channel)
    floor = channel.available_min_id
    if not 0 <= floor <= channel.last_id:
        raise WorldError(
            f"{path}: available_min_id={floor}: expected 0 to {channel.last_id}, its last id"
        )
    if channel.hidden_prehistory and not channel.megagroup:
        raise WorldError(f"{path}: hidden_prehistory=True: only a supergroup has that")
    pinned = channel.pinned_msg_id
    if pinned is not None and not channel.has(pinned):
        raise WorldError(f"{path}: pinned_msg_id={pinned}: there is no such message")
    _check_link(world, channel)
    if isinstance(channel, Forum):
        _check_topics(world, channel)
    if channel.migrated_from is None:
        return
    old_id, top = channel.migrated_from
    where = f"{path}: migrated_from=({old_id}, {top})"
    if not channel.megagroup:
        raise WorldError(f"{where}: a broadcast channel was never a basic group")
    if top < 0:
        raise WorldError(f"{where}: the highest id of its history is below 0")
    for account in world.accounts:
        group = account.groups.get(old_id)
        if group is not None and group.migrated_to is not channel:
            raise WorldError(f"{where}: that group does not say that it became this supergroup")


def _check_link(world: World, channel: Channel) -> None:
    path, other = _path(channel), channel.linked
    if other is None:
        if channel.threads:
            raise WorldError(f"{path}: threads: there are some, but no discussion group")
        return
    where = f"{path}: linked_chat={other.id}"
    if world.channels.get(other.id) is not other:
        raise WorldError(f"{where}: is no channel of this world")
    if other.linked is not channel:
        raise WorldError(f"{where}: that one is not linked with this one")
    if other.megagroup == channel.megagroup:
        raise WorldError(f"{where}: expected a broadcast channel and a supergroup")
    for own, theirs in channel.threads.items():
        if other.threads.get(theirs) != own:
            raise WorldError(f"{path}: threads[{own}]={theirs}: {other.kind} {other.id} disagrees")


def _check_topics(world: World, forum: Forum) -> None:
    for key, topic in forum.topics.items():
        path = f"{_path(forum)}: topics[{key}]"
        if topic.id != key or topic.forum is not forum:
            raise WorldError(f"{path}: is topic {topic.id}, or one of another forum")
        if not topic.title:
            raise WorldError(f"{path}: title='': expected a text")
        if topic.hidden and key != GENERAL:
            raise WorldError(f"{path}: hidden=True: only General can be hidden")
        if isinstance(topic.creator, types.PeerUser):
            _known(world, f"{path}: creator", [topic.creator.user_id])
    gone = next((id_ for id_ in forum.pinned if id_ not in forum.topics), None)
    if gone is not None:
        raise WorldError(f"{_path(forum)}: pinned: {gone} is no topic")


def _check_people(world: World, channel: Channel) -> None:
    path = _path(channel)
    for name in ("members", "admins", "restricted", "banned"):
        ids: tuple[int, ...] = getattr(channel, name)
        _known(world, f"{path}: {name}", ids)
        if len(set(ids)) != len(ids):
            raise WorldError(f"{path}: {name}: somebody is in it twice")
    members = set(channel.members)
    for name, ids in (("admins", channel.admins), ("restricted", channel.restricted)):
        outside = next((id_ for id_ in ids if id_ not in members), None)
        if outside is not None:
            raise WorldError(f"{path}: {name}: {outside} is none of the members")
    inside = next((id_ for id_ in channel.banned if id_ in members), None)
    if inside is not None:
        raise WorldError(f"{path}: banned: {inside} is a member")
    if channel.participants_count < len(members):
        raise WorldError(
            f"{path}: participants_count={channel.participants_count}: "
            f"{len(members)} members are listed"
        )


def _check_group(account: Account, group: Group) -> None:
    path = f"basic group {group.title!r} (id {group.id})"
    _known(account.world, f"{path}: members", group.members)
    pinned = group.pinned_msg_id
    if pinned is not None and not group.has(pinned):
        raise WorldError(f"{path}: pinned_msg_id={pinned}: there is no such message")
    new = group.migrated_to
    if new is None:
        return
    where = f"{path}: migrated_to={new.id}"
    if account.world.channels.get(new.id) is not new:
        raise WorldError(f"{where}: is no channel of this world")
    if new.migrated_from is None or new.migrated_from[0] != group.id:
        raise WorldError(f"{where}: that one does not say that it was this group")


def _check_dialogs(account: Account) -> None:
    book, path = account.dialogs, f"account {account.index}: dialogs"
    for folder, pinned in book.pinned.items():
        if folder not in {MAIN, ARCHIVE}:
            raise WorldError(f"{path}.pinned[{folder}]: there is no such folder")
        if len(set(pinned)) != len(pinned):
            raise WorldError(f"{path}.pinned[{folder}]: a chat is in it twice")
        for mark in pinned:
            if book.folder_of(mark) != folder:
                raise WorldError(f"{path}.pinned[{folder}]: chat {mark} is in another folder")
    named = {
        "pinned": [mark for pinned in book.pinned.values() for mark in pinned],
        "archived": book.archived,
        "read_inbox": book.read_inbox,
        "read_outbox": book.read_outbox,
        "marked_unread": book.marked_unread,
    }
    for name, marks in named.items():
        for mark in marks:
            if account.chat(mark) is None:
                raise WorldError(f"{path}.{name}: {mark} is no chat of this account")
    for name, read in (("read_inbox", book.read_inbox), ("read_outbox", book.read_outbox)):
        for mark, top in read.items():
            chat = account.chat(mark)
            if chat is not None and not 0 <= top <= chat.last_id:
                raise WorldError(
                    f"{path}.{name}[{mark}]={top}: expected 0 to {chat.last_id}, its last id"
                )


def _known(world: Population, path: str, ids: Iterable[int]) -> None:
    unknown = next((id_ for id_ in ids if id_ not in world.users), None)
    if unknown is not None:
        raise WorldError(f"{path}: no such user {unknown}; add it with World.add_user")


def _path(channel: Channel) -> str:
    return f"channel {channel.title!r} (id {channel.id})"
