"""Rules of maps of a filtered list: positions and calendar."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import functions, types

from telefast.testing.rpc import UnknownMethodFault
from tests.conformance.asking import EMPTY_FILTER, ask, ids_of, refusal, search

if TYPE_CHECKING:
    from telefast.testing import Chat, World

PHOTOS = types.InputMessagesFilterPhotos()


def positions(chat: Chat, wanted: Any = PHOTOS, **fields: Any) -> Any:
    """Return a request for sparse positions."""
    fields = {"peer": chat.input_peer(), "offset_id": 0, "limit": 100} | fields
    return functions.messages.GetSearchResultsPositionsRequest(filter=wanted, **fields)


def calendar(chat: Chat, wanted: Any = PHOTOS, **fields: Any) -> Any:
    """Return a request for counts by day."""
    fields = {"peer": chat.input_peer(), "offset_id": 0, "offset_date": None} | fields
    return functions.messages.GetSearchResultsCalendarRequest(filter=wanted, **fields)


@pytest.mark.rule("search.positions")
def test_positions_are_spread_over_the_list(world: World) -> None:
    """Each names a message of the list with its date and place; a short list comes whole."""
    for chat in world.account.chats():
        answer = ask(world, positions(chat, EMPTY_FILTER, limit=50))
        ids = [*reversed(chat.ids)]
        assert len(ids) == answer.count
        assert len(answer.positions) <= 50
        for each in answer.positions:
            assert ids[each.offset] == each.msg_id
            assert chat.timestamp(each.msg_id) == each.date.timestamp()
        offsets = [each.offset for each in answer.positions]
        assert [*range(0, len(ids), max(1, offsets[-1] - offsets[-2]))] == offsets
        photos = [each.msg_id for each in ask(world, positions(chat)).positions]
        assert ids_of(ask(world, search(chat, "", PHOTOS))) == photos
        below = ask(world, positions(chat, EMPTY_FILTER, offset_id=ids[9], limit=2000)).positions
        assert (ids[10], 10) == (below[0].msg_id, below[0].offset)


@pytest.mark.rule("search.positions-limit")
def test_positions_have_a_limit(world: World) -> None:
    """Less than 50 or more than 2000 are LIMIT_INVALID."""
    chat = next(iter(world.channels.values()))
    for limit in (0, 49, 2001):
        assert (400, "LIMIT_INVALID") == refusal(world, positions(chat, limit=limit))
    assert ask(world, positions(chat, limit=50)).positions
    assert ask(world, positions(chat, limit=2000)).positions


@pytest.mark.rule("search.calendar")
def test_a_calendar_counts_days(world: World) -> None:
    """Each day of the list has its first and last id and its count, the latest day first."""
    for chat in world.account.chats():
        answer = ask(world, calendar(chat, EMPTY_FILTER))
        days: dict[int, list[int]] = {}
        for id_ in reversed(chat.ids):
            days.setdefault(chat.timestamp(id_) // 86_400, []).append(id_)
        assert len(chat.ids) == answer.count
        assert [*days][:100] == [int(p.date.timestamp()) // 86_400 for p in answer.periods]
        for period, ids in zip(answer.periods, days.values(), strict=False):
            assert (ids[-1], ids[0], len(ids)) == (
                period.min_msg_id,
                period.max_msg_id,
                period.count,
            )
        assert [period.max_msg_id for period in answer.periods] == ids_of(answer)
        assert answer.periods[-1].min_msg_id == answer.min_msg_id
        date = datetime.fromtimestamp(chat.timestamp(chat.ids[9]), UTC)
        early = ask(world, calendar(chat, EMPTY_FILTER, offset_date=date))
        assert early.periods[0].max_msg_id < chat.ids[9]
        assert len(chat.ids) - sum(p.count for p in early.periods) == early.offset_id_offset


def test_nobody_has_no_positions(world: World) -> None:
    """A user without a private chat has an empty map; parts of saved messages have none."""
    nobody = next(user for user in world.users.values() if user.id not in world.private_chats)
    peer = types.InputPeerUser(nobody.id, nobody.access_hash or 0)
    chat = next(iter(world.channels.values()))
    assert [] == ask(world, positions(chat, peer=peer)).positions
    assert [] == ask(world, calendar(chat, peer=peer)).periods
    saved = types.InputPeerSelf()
    for request in (positions(chat, saved_peer_id=saved), calendar(chat, saved_peer_id=saved)):
        with pytest.raises(UnknownMethodFault):
            ask(world, request)
