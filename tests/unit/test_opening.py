"""At which id a date lies, though pages hide, repeat or empty what they hold."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import types

from telefast.history.opening import Wanted, id_before
from telefast.history.order import Ask
from tests.unit.history_model import Server


async def before(server: Server, when: int, *, empty: bool = False, repeat: int = 0) -> int:
    """Return what is found, in a chat where message *i* was sent at 10 * *i*."""

    async def fetch(ask: Ask) -> Any:
        server.requests.append(ask)
        ids, count, position = server.page(ask)
        if repeat and ids:
            newer = sorted(i for i in server.ids if i > ids[0])[:repeat]
            ids = [*newer[::-1], *ids][: ask.limit]
        dates = {i: datetime.fromtimestamp(server.dates(i), UTC) for i in ids}
        return SimpleNamespace(
            found={} if empty else {i: SimpleNamespace(id=i, date=dates[i]) for i in ids},
            empty_ids=ids if empty else [],
            count=count,
            position=position,
        )

    return await id_before(fetch, when)


@given(st.sets(st.integers(1, 500)), st.integers(0, 5010), st.booleans(), st.integers(0, 3))
async def test_the_newest_message_before_a_date(
    ids: set[int], when: int, empty: bool, repeat: int
) -> None:
    """Its id, or 0, whatever a page repeats or empties; two requests at most."""
    server = Server(sorted(ids))
    found = await before(server, when, empty=empty, repeat=0 if empty else repeat)
    assert max((i for i in ids if i * 10 < when), default=0) == found
    assert len(server.requests) <= 2


@pytest.mark.parametrize("hidden", [1, 100, 450, 1900])
async def test_behind_what_is_hidden(hidden: int) -> None:
    """A run of hidden messages is looked through, page by page."""
    top = 3000
    server = Server(list(range(1, top + 1)), restricted=frozenset(range(top - hidden + 1, top + 1)))
    assert await before(server, 10 * top + 1) == top - hidden


async def test_a_chat_that_hides_everything() -> None:
    """After 2,000 hidden messages the date is taken for older than all."""
    server = Server(list(range(1, 5001)), restricted=frozenset(range(1, 5001)))
    assert await before(server, 10**6) == 0
    assert len(server.requests) == 21


async def test_without_positions_an_empty_page_is_the_end() -> None:
    """A server that tells no position says with an empty page that nothing is there."""
    assert await before(Server([], tells_position=False), 100) == 0


def test_the_empty_filter_is_none() -> None:
    """A filter may be a type or an object; the one that lets everything pass is none."""
    photos = types.InputMessagesFilterPhotos
    assert isinstance(Wanted(filter=photos).message_filter(), photos)
    assert isinstance(Wanted(filter=photos()).message_filter(), photos)
    assert Wanted(filter=types.InputMessagesFilterEmpty).message_filter() is None
    assert Wanted().message_filter() is None
