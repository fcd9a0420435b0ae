"""Rules of histories: which messages a page holds."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import types

from telefast.testing import (
    Assumptions,
    Channel,
    LocalTelegram,
    OnlyEmpty,
    RepeatLastId,
    Restricted,
    World,
)
from tests.conformance.asking import ask, history, ids_of, refusal, replies, search

if TYPE_CHECKING:
    from telefast.testing import Chat


def club(world: World) -> Channel:
    """Return the supergroup."""
    return next(iter(world.channels.values()))


def downwards(chat: Chat) -> list[int]:
    """Return all ids of a chat, newest first."""
    return [*reversed(chat.ids)]


def believing(**assumed: Any) -> tuple[World, Channel]:
    """Return a world of its own with a channel of 250 messages, ids 1 to 250."""
    world = World(seed=72, user_count=4, assume=Assumptions(**assumed))
    return world, world.add_channel("Club", message_count=250)


@pytest.mark.rule("history.newest-first", "history.page-cap", "history.offset-zero-is-newest")
def test_the_first_page_is_the_newest_hundred(world: World) -> None:
    """Without an offset come the hundred newest, newest first, in each kind of chat."""
    for chat in world.account.chats():
        assert downwards(chat)[:100] == ids_of(ask(world, history(chat)))


@pytest.mark.parametrize(
    "side",
    [
        pytest.param("clip", marks=pytest.mark.rule("history.large-limit", side="clip")),
        pytest.param("refuse", marks=pytest.mark.rule("history.large-limit", side="refuse")),
    ],
)
def test_a_large_limit(side: Any) -> None:
    """More than 100 is 100 or LIMIT_INVALID in histories, searches and threads; 100 always is."""
    world, chat = believing(large_limit=side)
    for make in (history, search):
        if side == "clip":
            assert downwards(chat)[:100] == ids_of(ask(world, make(chat, limit=1000)))
        else:
            assert (400, "LIMIT_INVALID") == refusal(world, make(chat, limit=101))
        assert 100 == len(ids_of(ask(world, make(chat))))
    if side == "refuse":
        assert (400, "LIMIT_INVALID") == refusal(world, replies(chat, chat.ids[0], limit=101))


@pytest.mark.parametrize(
    ("side", "size"),
    [
        pytest.param("default", 20, marks=pytest.mark.rule("history.zero-limit", side="default")),
        pytest.param("none", 0, marks=pytest.mark.rule("history.zero-limit", side="none")),
    ],
)
def test_a_limit_of_zero(side: Any, size: int) -> None:
    """No limit brings twenty messages or none, and the count."""
    world, chat = believing(zero_limit=side)
    answer = ask(world, history(chat, limit=0))
    assert (downwards(chat)[:size], 250) == (ids_of(answer), answer.count)


@pytest.mark.rule("history.offset-id-exclusive", "history.add-offset-minus-one")
def test_an_offset_id_is_exclusive(world: World) -> None:
    """The page begins below offset_id; with an add_offset of -1 it begins at it."""
    for chat in world.account.chats():
        ids = downwards(chat)
        below = ids_of(ask(world, history(chat, offset_id=ids[20], limit=5)))
        at = ids_of(ask(world, history(chat, offset_id=ids[20], add_offset=-1, limit=5)))
        assert (ids[21:26], ids[20:25]) == (below, at)


@pytest.mark.rule("history.offset-id-need-not-exist")
def test_an_offset_id_may_be_a_hole(world: World) -> None:
    """A deleted id and one of the future stand where they would be."""
    chat = club(world)
    hole = next(id_ for id_ in range(100, 500) if id_ not in chat.ids)
    expected = [id_ for id_ in downwards(chat) if id_ < hole][:7]
    assert expected == ids_of(ask(world, history(chat, offset_id=hole, limit=7)))
    top = chat.ids.max()
    for beyond in (top + 1, 2**31 - 1):
        assert downwards(chat)[:7] == ids_of(ask(world, history(chat, offset_id=beyond, limit=7)))


@pytest.mark.rule("history.add-offset-upwards", "history.add-offset-around")
@pytest.mark.rule("history.add-offset-skips")
def test_add_offset_moves_the_page(world: World) -> None:
    """Negative ones move it to newer messages, positive ones to older."""
    chat = club(world)
    ids = downwards(chat)
    pivot = ids[200]
    upwards = ask(world, history(chat, offset_id=pivot, add_offset=-100))
    around = ask(world, history(chat, offset_id=pivot, add_offset=-10, limit=20))
    skipped = ask(world, history(chat, offset_id=pivot, add_offset=30, limit=20))
    above = ask(world, history(chat, offset_id=pivot, add_offset=-50, limit=20))
    assert ids[101:201] == ids_of(upwards)
    assert ids[191:211] == ids_of(around)
    assert ids[231:251] == ids_of(skipped)
    assert ids[151:171] == ids_of(above)


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        pytest.param(
            "clip",
            range(250, 240, -1),
            marks=pytest.mark.rule("history.page-above-top", side="clip"),
        ),
        pytest.param(
            "shift",
            range(250, 150, -1),
            marks=pytest.mark.rule("history.page-above-top", side="shift"),
        ),
    ],
)
def test_a_page_above_the_top(side: Any, expected: range) -> None:
    """Ten messages from offset_id up: the page holds these alone, or is filled up from below."""
    world, chat = believing(page_above_top=side)
    answer = ask(world, history(chat, offset_id=241, add_offset=-100))
    assert ([*expected], 0) == (ids_of(answer), answer.offset_id_offset)
    wanted = types.InputMessagesFilterEmpty()
    answer = ask(world, search(chat, "", wanted, offset_id=241, add_offset=-100))
    assert [*expected] == ids_of(answer)


@pytest.mark.rule("history.ids-only-shrink")
def test_limits_of_ids_only_shrink(world: World) -> None:
    """The page is cut first; max_id and min_id then take away what is not between them."""
    chat = club(world)
    ids = downwards(chat)
    answer = ask(world, history(chat, max_id=ids[40], min_id=ids[60]))
    assert ids[41:60] == ids_of(answer)
    assert len(ids) == answer.count
    assert [] == ids_of(ask(world, history(chat, max_id=ids[200])))


@pytest.mark.rule("history.offset-date-before", "history.offset-id-before-date")
def test_a_date_counts_without_an_id(world: World) -> None:
    """offset_date brings what was sent before it, and nothing at all beside an offset_id."""
    for chat in world.account.chats():
        middle = chat.timestamp(chat.ids[15])
        date = datetime.fromtimestamp(middle, UTC)
        expected = [id_ for id_ in downwards(chat) if chat.timestamp(id_) < middle]
        assert expected == ids_of(ask(world, history(chat, offset_date=date)))
        top = chat.ids.max()
        both = ask(world, history(chat, offset_date=date, offset_id=top, limit=3))
        assert downwards(chat)[1:4] == ids_of(both)


@pytest.mark.rule("history.windows-join")
@pytest.mark.parametrize("upwards", [False, True])
def test_windows_of_ids_join(world: World, upwards: bool) -> None:
    """Windows that were planned without knowing which ids exist hold each message once."""
    chat = club(world)
    seen: list[int] = []
    bounds = [*range(0, chat.ids.max() + 1, 90), chat.ids.max()]
    for low, high in pairwise(bounds):
        fields = {"offset_id": low + 1, "add_offset": -100} if upwards else {"offset_id": high + 1}
        page = ids_of(ask(world, history(chat, **fields)))
        seen += sorted(id_ for id_ in page if low < id_ <= high)
    assert [*chat.ids] == seen


@pytest.mark.rule("history.telethon-walks-both-ways")
async def test_telethon_walks_both_ways(world: World) -> None:
    """The unmodified iterator reads all of it, and all on one side of an id."""
    chat = club(world)
    middle = chat.ids[222]
    async with LocalTelegram(world) as telegram, telegram.client() as client:

        async def walk(**options: Any) -> list[int]:
            found = client.iter_messages(chat.username, wait_time=0, **options)
            return [message.id async for message in found]

        assert downwards(chat) == await walk()
        assert [*chat.ids] == await walk(reverse=True)
        assert [id_ for id_ in downwards(chat) if id_ < middle] == await walk(offset_id=middle)
        above = [id_ for id_ in chat.ids if id_ > middle]
        assert above == await walk(offset_id=middle, reverse=True)


@pytest.mark.rule("history.hash-not-modified", "history.hash-zero-never")
def test_an_equal_hash_is_not_modified() -> None:
    """The hash of the very page brings the count alone; any other one, and 0, the page."""
    world, chat = believing()
    value = 0
    for id_ in range(250, 240, -1):  # As the page writes it, in 64 bits.
        value ^= value >> 21
        value ^= (value << 35) % 2**64
        value ^= value >> 4
        value = (value + id_) % 2**64
    value -= 2**64 * (value >= 2**63)
    for make in (history, search):
        answer = ask(world, make(chat, limit=10, hash=value))
        assert types.messages.MessagesNotModified(250) == answer
        for other in (0, value ^ 1):
            assert 10 == len(ids_of(ask(world, make(chat, limit=10, hash=other))))
        assert [] == ids_of(ask(world, make(chat, limit=10, max_id=1, hash=0)))
    chat.delete(245)
    assert 10 == len(ids_of(ask(world, history(chat, limit=10, hash=value))))


@pytest.mark.rule("history.deleted-are-absent", "ids.never-again")
def test_deleted_messages_are_absent() -> None:
    """A hole is no entry and is not counted, and its id is never used again."""
    world, chat = believing()
    chat.delete(250, 100, 99)
    answer = ask(world, history(chat, offset_id=103, limit=4))
    assert ([102, 101, 98, 97], 247) == (ids_of(answer), answer.count)
    assert [251] == chat.post(1)


@pytest.mark.rule("history.service-messages-count")
def test_service_messages_are_in_the_list(world: World) -> None:
    """They are on the page at their place, and in the count."""
    chat = club(world)
    answer = ask(world, history(chat, offset_id=chat.ids[60]))
    kinds = {type(message) for message in answer.messages}
    assert types.MessageService in kinds
    assert (len(chat.ids), [*reversed(chat.ids[:60])]) == (answer.count, ids_of(answer))


@pytest.mark.rule("history.short-page-is-no-end")
def test_a_page_may_be_short_or_empty() -> None:
    """What may not be shown leaves pages short or empty in mid-history, and is counted."""
    world, chat = believing()
    rule = Restricted(range(60, 190))
    answer = ask(world, history(chat), rule)
    assert ([*range(250, 189, -1)], 250) == (ids_of(answer), answer.count)
    assert [] == ids_of(ask(world, history(chat, offset_id=190), rule))
    assert 59 == len(ids_of(ask(world, history(chat, offset_id=90), rule)))


@pytest.mark.rule("history.repeated-ids")
def test_a_page_may_repeat_ids() -> None:
    """The last id of the page before comes again, or that of the page itself."""
    world, chat = believing()
    again = ids_of(ask(world, history(chat, offset_id=151, limit=5), RepeatLastId(nth=1)))
    assert [151, 150] == again[:2]
    inside = ids_of(ask(world, history(chat, limit=5), RepeatLastId(nth=1, inside=True)))
    assert inside[-1] in inside[:-1]


@pytest.mark.rule("history.only-empties")
def test_a_page_may_be_of_empties() -> None:
    """Each entry is messageEmpty with its id."""
    world, chat = believing()
    answer = ask(world, history(chat, limit=5), OnlyEmpty(nth=1))
    assert {types.MessageEmpty} == {type(message) for message in answer.messages}
    assert [250, 249, 248, 247, 246] == ids_of(answer)


@pytest.mark.rule("history.negative-offset-id")
def test_a_negative_offset_id_is_refused(world: World) -> None:
    """MSG_ID_INVALID, in histories, searches and threads."""
    chat = club(world)
    root = chat.ids[100]
    for request in (history(chat, offset_id=-1), search(chat, offset_id=-1)):
        assert (400, "MSG_ID_INVALID") == refusal(world, request)
    assert (400, "MSG_ID_INVALID") == refusal(world, replies(chat, root, offset_id=-1))
