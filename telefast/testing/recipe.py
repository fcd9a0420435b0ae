"""A world as JSON-able data, to be made again in another process.

Seeded things are named by their seed; only what was added by hand travels, as TL bytes in
base64. Reading one runs no code: there is no pickle in it.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from base64 import b64decode, b64encode
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap
from telethon.tl import types
from telethon.tl.alltlobjects import LAYER

from telefast.errors import WorldError
from telefast.testing.assumptions import Assumptions
from telefast.testing.forum import Forum
from telefast.testing.making import Made
from telefast.testing.private import Group
from telefast.testing.tl import read_object
from telefast.testing.world import World

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from telefast.testing.account import Account
    from telefast.testing.channel import Channel
    from telefast.testing.dialogs import DialogBook
    from telefast.testing.private import BoxedChat

__all__ = ["read_recipe", "write_recipe"]

_VERSION = 4

_STATE = (
    "left",
    "kicked",
    "available_min_id",
    "dead_threads",
    "hidden_prehistory",
    "pinned_msg_id",
    "participants_hidden",
)
_TUPLES = ("members", "admins", "restricted", "banned", "invites")
"""Attributes of a `Channel`: plain values, and tuples of them."""


def write_recipe(world: World) -> dict[str, Any]:
    """Return *world* as JSON-able data."""
    return {
        "version": _VERSION,
        "layer": LAYER,
        "seed": world.seed,
        "user_count": world.user_count,
        "assume": asdict(world.assume),
        "dc_ids": world.dc_ids,
        "files": world.file_store.recipe(),
        "peers": _join(bytes(peer) for peer in world.added),
        "channels": [_channel(world, channel) for channel in world.channels.values()],
        "accounts": [_account(account) for account in world.accounts],
        "monoforums": [
            (each.id, each.monoforum.id) for each in world.channels.values() if each.monoforum
        ],
        "links": [
            {"id": each.id, "linked": each.linked.id, "threads": [*each.threads.items()]}
            for each in world.channels.values()
            if each.linked is not None and not each.megagroup
        ],
        "min_users": sorted(world.min_users),
        "absent_users": sorted(world.absent_users),
        "abouts": sorted(world.abouts.items()),
    }


def read_recipe(recipe: Mapping[str, Any]) -> World:
    """Make a world from what `write_recipe` returned.

    Raises:
        WorldError: If the recipe is of another version or layer, or broken.
    """
    try:
        if recipe["version"] != _VERSION or recipe["layer"] != LAYER:
            raise WorldError(
                f"recipe of version {recipe['version']!r}, layer {recipe['layer']!r}: "
                f"expected version {_VERSION}, layer {LAYER}"
            )
        world = World(seed=recipe["seed"], user_count=recipe["user_count"], dc_ids=recipe["dc_ids"])
        world.assume = Assumptions(**recipe["assume"])
        world.file_store.restore(recipe["files"])
        for data in _split(recipe["peers"]):
            peer = read_object(data)
            if isinstance(peer, types.User):
                world.add_user(peer)
            else:
                world.add_foreign(peer)
        for made in recipe["channels"]:
            _remake(world, made)
        for made in recipe["accounts"]:
            _remake_account(world, made)
        for one, other in recipe["monoforums"]:
            world.channels[one].monoforum = world.channels[other]
        for made in recipe["links"]:
            _relink(world, made)
        world.min_users.update(recipe["min_users"])
        world.absent_users.update(recipe["absent_users"])
        world.abouts.update(recipe["abouts"])
    except (KeyError, TypeError, ValueError, struct.error, zlib.error) as error:
        if isinstance(error, WorldError):
            raise
        raise WorldError(f"broken recipe: {type(error).__name__}: {error}") from error
    return world


def _channel(world: World, channel: Channel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "title": channel.title,
        "made_as": channel.made_as,
        "username": channel.username,
        "megagroup": channel.megagroup,
        "about": channel.about,
        "private": channel.private,
        "photo": None if channel.photo is None else bytes(channel.photo).hex(),
        "access_hash": channel.access_hash,
        "participants_count": channel.participants_count,
        "made": world.made_from(channel.id),
        "state": {name: getattr(channel, name) for name in _STATE},
        "people": {name: getattr(channel, name) for name in _TUPLES},
        "migrated_from": channel.migrated_from,
        "ids": _ranges(channel.ids) if channel.changed else None,
        "last_id": channel.last_id,
        "pts": channel.pts,
        "messages": _join(channel.put_messages()),
        "reactions": channel.reactions.recipe(),
        "forum": channel.topics_recipe() if isinstance(channel, Forum) else None,
    }


def _remake(world: World, made: Mapping[str, Any]) -> None:
    channel = world.make_channel(
        made["made_as"],
        Made(*made["made"]),
        megagroup=made["megagroup"],
        username=made["username"],
        channel_id=made["id"],
        about=made["about"],
    )
    channel.title = made["title"]
    channel.private = made["private"]
    if made["photo"] is not None:
        channel.photo = read_object(bytes.fromhex(made["photo"]))
    channel.access_hash = made["access_hash"]
    channel.participants_count = made["participants_count"]
    for name in _STATE:
        setattr(channel, name, made["state"][name])
    for name in _TUPLES:
        setattr(channel, name, tuple(made["people"][name]))
    if made["migrated_from"] is not None:
        old_id, top = made["migrated_from"]
        channel.migrated_from = (old_id, top)
    for data in _split(made["messages"]):
        channel.put(read_object(data))
    if made["ids"] is not None:
        channel.ids.clear()
        for begin, end in made["ids"]:
            channel.ids.add_range(begin, end + 1)
    channel.last_id = made["last_id"]
    channel.pts = made["pts"]
    channel.changed = made["ids"] is not None
    channel.reactions.restore(made["reactions"])
    if isinstance(channel, Forum):
        channel.restore_topics(made["forum"])


def _relink(world: World, made: Mapping[str, Any]) -> None:
    channel, group = world.channels[made["id"]], world.channels[made["linked"]]
    world.link(channel, group)
    for post, copy in made["threads"]:
        channel.threads[post] = copy
        group.threads[copy] = post


def _account(account: Account) -> dict[str, Any]:
    chats = (*account.private_chats.values(), *account.groups.values())
    return {
        "user_id": account.me.id,
        "dc_id": account.dc_id,
        "split_ranges": account.split_ranges,
        "last_id": account.box.last_id,
        "placed": _pack(account.box.placed),
        "noted": _pack(account.box.noted),
        "chats": [_boxed(chat) for chat in chats],
        "dialogs": _dialogs(account.dialogs),
    }


def _dialogs(book: DialogBook) -> dict[str, Any]:
    return {
        "pinned": [*book.pinned.items()],
        "archived": sorted(book.archived),
        "read_inbox": [*book.read_inbox.items()],
        "read_outbox": [*book.read_outbox.items()],
        "marked_unread": sorted(book.marked_unread),
    }


def _remake_dialogs(book: DialogBook, made: Mapping[str, Any]) -> None:
    book.pinned.update((folder, list(pinned)) for folder, pinned in made["pinned"])
    book.archived.update(made["archived"])
    book.read_inbox.update(made["read_inbox"])
    book.read_outbox.update(made["read_outbox"])
    book.marked_unread.update(made["marked_unread"])


def _boxed(chat: BoxedChat) -> dict[str, Any]:
    return {
        "id": chat.id,
        "title": chat.title,
        "made_as": chat.made_as,
        "members": chat.members if isinstance(chat, Group) else None,
        "about": chat.about if isinstance(chat, Group) else None,
        "kicked": chat.kicked if isinstance(chat, Group) else False,
        "migrated_to": _id_of(chat.migrated_to) if isinstance(chat, Group) else None,
        "pinned_msg_id": chat.pinned_msg_id,
        "runs": _pack(chat.runs),
        "ids": _pack(chat.ids),
        "changed": chat.changed,
        "last_id": chat.last_id,
        "pts": chat.pts,
        "messages": _join(chat.put_messages()),
        "reactions": chat.reactions.recipe(),
    }


def _remake_account(world: World, made: Mapping[str, Any]) -> None:
    if made["user_id"] == world.me.id:
        account = world.account
    else:
        account = world.add_account(made["user_id"], dc_id=made["dc_id"])
    account.split_ranges = [(low, high) for low, high in made["split_ranges"]]
    for each in made["chats"]:
        _remake_boxed(account, each)
    _remake_dialogs(account.dialogs, made["dialogs"])
    account.box.restore(_unpack(made["placed"]), _unpack(made["noted"]), made["last_id"])


def _remake_boxed(account: Account, made: Mapping[str, Any]) -> None:
    runs, ids = _unpack(made["runs"]), _unpack(made["ids"])
    chat: BoxedChat
    if made["members"] is None:
        chat = account.make_private_chat(account.world.users[made["id"]], runs, ids)
    else:
        chat = account.make_group(made["made_as"], made["id"], made["members"], runs, ids)
        chat.about = made["about"]
        chat.kicked = made["kicked"]
        if made["migrated_to"] is not None:
            chat.migrated_to = account.world.channels[made["migrated_to"]]
    chat.pinned_msg_id = made["pinned_msg_id"]
    chat.title = made["title"]
    for data in _split(made["messages"]):
        chat.put(read_object(data))
    chat.last_id = made["last_id"]
    chat.pts = made["pts"]
    chat.changed = made["changed"]
    chat.reactions.restore(made["reactions"])


def _id_of(channel: Channel | None) -> int | None:
    return None if channel is None else channel.id


def _pack(ids: BitMap) -> str:
    """Return a set of ids as text: its runs, compressed."""
    numbers = array("I", (number for run in _ranges(ids) for number in run))
    if sys.byteorder == "big":
        numbers.byteswap()
    return b64encode(zlib.compress(numbers.tobytes())).decode()


def _unpack(text: str) -> BitMap:
    numbers = array("I", zlib.decompress(b64decode(text, validate=True)))
    if sys.byteorder == "big":
        numbers.byteswap()
    ids = BitMap()
    for begin, end in zip(numbers[::2], numbers[1::2], strict=True):
        ids.add_range(begin, end + 1)
    ids.run_optimize()
    return ids


def _ranges(ids: BitMap) -> list[tuple[int, int]]:
    """Return the runs of consecutive ids, both ends included."""
    runs: list[tuple[int, int]] = []
    begin, end = -1, -2
    for id_ in ids:
        if id_ != end + 1:
            if begin >= 0:
                runs.append((begin, end))
            begin = id_
        end = id_
    if begin >= 0:
        runs.append((begin, end))
    return runs


def _join(blobs: Iterable[bytes]) -> str:
    return b64encode(b"".join(struct.pack("<I", len(blob)) + blob for blob in blobs)).decode()


def _split(text: str) -> Iterator[bytes]:
    data = b64decode(text, validate=True)
    offset = 0
    while offset < len(data):
        (size,) = struct.unpack_from("<I", data, offset)
        offset += 4
        if offset + size > len(data):
            raise ValueError("a blob is cut short")
        yield data[offset : offset + size]
        offset += size
