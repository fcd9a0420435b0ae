"""Is a world that contradicts itself refused, with the path to what does?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from telethon import types

from telefast.errors import WorldError
from telefast.testing import CdnRedirect, DataCentre, LocalTelegram, World, put_media
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from collections.abc import Callable

DATE = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    """A world with one of everything, and no contradiction."""
    world = World(seed=3, user_count=4, dc_ids=(2, 4))
    world.add_channel("Ships", message_count=5, username="ships", channel_id=9)
    world.add_private_chat("Ada", message_count=5)
    world.add_account(dc_id=4)
    return world


def post(message: str = "x", **fields: Any) -> types.Message:
    """Return a message of the channel."""
    return types.Message(
        id=7, peer_id=types.PeerChannel(9), date=DATE, message=message, out=False, **fields
    )


def _foreign_file(world: World) -> None:
    document: Any = world.file_store.document(1000, "a", dc_id=4)
    document.dc_id = 9
    put_media(world.channels[9], types.MessageMediaDocument(document=document))


def _user(world: World, **fields: Any) -> None:
    world.add_user(types.User(id=77, access_hash=1, **fields))


def _same_phone(world: World) -> None:
    world.accounts[1].me.phone = world.accounts[0].phone


CASES: dict[str, tuple[Callable[[World], object], str]] = {
    "account nowhere": (
        lambda world: setattr(world.accounts[1], "dc_id", 77),
        "account 1: dc_id=77: is none of dc_ids",
    ),
    "phone twice": (_same_phone, "account 1: phone="),
    "ranges fall": (
        lambda world: setattr(world.account, "split_ranges", [(1, 4), (5, 3)]),
        r"account 0: split_ranges\[1\]=\(5, 3\)",
    ),
    "ranges overlap": (
        lambda world: setattr(world.account, "split_ranges", [(1, 4), (4, 9)]),
        r"split_ranges\[1\]",
    ),
    "file nowhere": (_foreign_file, r"Ships.*message 6: file \d+: dc_id=9"),
    "pts below 0": (lambda world: setattr(world.channels[9], "pts", -3), "Ships.*pts=-3"),
    "username of user and channel": (
        lambda world: _user(world, username="Ships"),
        "Ships.*username='ships': is that of user 77",
    ),
    "second username": (
        lambda world: _user(world, usernames=[types.Username("ships", active=True)]),
        "user 77",
    ),
    "unknown sender": (
        lambda world: world.channels[9].put(post(from_id=types.PeerUser(999))),
        "Ships.*message 7: no such user 999",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_contradiction_is_named(world: World, case: str) -> None:
    """It is refused before a client sees it, and the error leads to what is wrong."""
    world.check()
    change, path = CASES[case]
    change(world)
    with pytest.raises(WorldError, match=path):
        LocalTelegram(world)


def test_what_was_wrong_and_is_gone_is_no_contradiction(world: World) -> None:
    """A message that was deleted or replaced does not count."""
    _foreign_file(world)
    world.channels[9].put(post(from_id=types.PeerUser(999)))
    world.channels[9].delete(6)
    world.channels[9].put(post())
    world.check()


def test_formatting_ends_with_the_text(world: World) -> None:
    """An entity beyond the text is refused when the message is put; halves of pairs count one."""
    ships = world.channels[9]
    for offset, length in ((0, 5), (5, 1), (-1, 2), (0, -1)):
        entity: types.TypeMessageEntity = types.MessageEntityBold(offset, length)
        with pytest.raises(WorldError, match=r"message 7: entities\[1\].*ends at 4"):
            ships.put(post("a\U0001f600b", entities=[types.MessageEntityBold(0, 4), entity]))
    ships.put(post("a\ud83d", entities=[types.MessageEntityBold(0, 2)]))


def test_a_network_that_is_not_there(world: World) -> None:
    """A rule cannot send clients to a data centre that is none, or no network."""
    for network in (4, 99):
        with pytest.raises(WorldError, match=f"network={network}"):
            LocalTelegram(world, rules=[CdnRedirect(network)])
        with pytest.raises(WorldError, match=f"network={network}"):
            LocalTelegram(world).add(CdnRedirect(network))
    networks = [DataCentre(203, cdn=True)]
    LocalTelegram(world, rules=[CdnRedirect(203)], data_centres=networks)


@pytest.mark.parametrize("process", [False, True])
async def test_half_of_a_surrogate_pair_is_shown(world: World, process: bool) -> None:
    """Text that is no UTF-8 goes over the wire, and Telethon shows signs that stand for it."""
    ships = world.channels[9]
    ships.put(post("x\ud800y"))
    assert b"x\xed\xa0\x80y" in ships.message_bytes(7)
    assert read_object(ships.message_bytes(7)).message == "x\ufffd\ufffd\ufffdy"
    async with LocalTelegram(world, process=process) as telegram, telegram.client() as client:
        (message,) = await client.get_messages("ships", limit=1)
        assert message.raw_text == "x\ufffd\ufffd\ufffdy"
