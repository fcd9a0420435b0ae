"""Rules of ids: messages by id, and which ids there are."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types

from telefast.testing import Assumptions, World
from tests.conformance.asking import ask, by_ids, ids_of, private_by_ids, refusal


@pytest.mark.rule("ids.cap-of-200")
def test_at_most_200_ids_are_answered(world: World) -> None:
    """What is beyond the 200th id is left out, in channels and elsewhere."""
    club = next(iter(world.channels.values()))
    assert [*range(1, 201)] == ids_of(ask(world, by_ids(club, *range(1, 251))))
    assert [*range(1, 201)] == ids_of(ask(world, private_by_ids(*range(1, 251))))


@pytest.mark.rule("ids.request-order", "ids.missing-is-empty")
def test_ids_come_as_they_were_asked_for(world: World) -> None:
    """Order and repeats are kept; a hole is an empty message, of a known peer in a channel only."""
    club, talk = next(iter(world.channels.values())), next(iter(world.private_chats.values()))
    hole = next(id_ for id_ in range(1, 400) if id_ not in club.ids)
    nobodys = world.account.box.last_id + 5
    wanted = [club.ids[9], hole, club.ids[2], club.ids[9]]
    answer = ask(world, by_ids(club, *wanted))
    assert wanted == ids_of(answer)
    assert types.MessageEmpty(hole, club.peer()) == answer.messages[1]
    wanted = [talk.ids[9], nobodys, talk.ids[2], talk.ids[9]]
    answer = ask(world, private_by_ids(*wanted))
    assert wanted == ids_of(answer)
    assert types.MessageEmpty(nobodys, None) == answer.messages[1]


@pytest.mark.parametrize(
    ("side", "refused"),
    [
        pytest.param(
            "not positive", False, marks=pytest.mark.rule("ids.none-is-valid", side="not positive")
        ),
        pytest.param("missing", True, marks=pytest.mark.rule("ids.none-is-valid", side="missing")),
    ],
)
def test_only_invalid_ids_are_refused(side: Any, refused: bool) -> None:
    """Ids that cannot be are refused if there is no other; what was deleted is on one side only."""
    world = World(seed=5, user_count=3, assume=Assumptions(invalid_ids=side))
    chat = world.add_channel("Club", message_count=40)
    chat.delete(7)
    empty = (400, "MESSAGE_IDS_EMPTY")
    for ids in ((), (0,), (-1, 0)):
        assert empty == refusal(world, by_ids(chat, *ids))
    if refused:
        assert empty == refusal(world, by_ids(chat, 7, 5000))
    else:
        assert [7, 5000] == ids_of(ask(world, by_ids(chat, 7, 5000)))
    assert [7, 0, 8] == ids_of(ask(world, by_ids(chat, 7, 0, 8)))


@pytest.mark.rule("ids.channel-has-its-own", "ids.shared-box", "ids.box-per-account")
def test_who_shares_ids_with_whom() -> None:
    """Channels begin at 1 each; the other chats of an account share a box, accounts do not."""
    world = World(seed=6, user_count=9)
    one, two = (world.add_channel("Club", message_count=50) for _ in range(2))
    assert [*range(1, 51)] == [*one.ids] == [*two.ids]
    talk, group = (
        world.add_private_chat(message_count=50),
        world.add_group("Crew", message_count=50),
    )
    assert talk.ids.isdisjoint(group.ids)
    assert max(talk.ids.max(), group.ids.max()) >= 100
    other = world.add_account().add_private_chat(message_count=50)
    assert other.ids & (talk.ids | group.ids)
