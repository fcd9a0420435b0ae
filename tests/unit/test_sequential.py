"""The search of all chats, page after page, and what is chosen of a list that came whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from telethon import types

from telefast.history.query import Query
from telefast.history.sequential import GlobalSearch, chosen
from tests.unit.history_model import oracle

EPOCH = 1_700_000_000


@dataclass(frozen=True, order=True)
class Place:
    """A message's place in the list of all chats: the latest first."""

    date: int
    peer: int
    id: int

    def message(self) -> Any:
        """Return it as an answer holds it."""
        return SimpleNamespace(
            id=self.id,
            peer_id=types.PeerUser(self.peer),
            date=datetime.fromtimestamp(self.date, UTC),
            input_chat=types.InputPeerUser(self.peer, 0),
        )


@dataclass
class Server:
    """All chats; answers as Telegram does."""

    places: list[Place]
    tells_rate: bool = True
    spoil: Any = None  # changes the messages of a page
    asked: int = 0

    def answer(self, request: Any) -> Any:
        """Return the page that a request asks for."""
        self.asked += 1
        newest_first = sorted(self.places, reverse=True)
        if request.max_date is not None:
            newest_first = [p for p in newest_first if p.date < request.max_date]
        count: int | None = len(newest_first)
        if request.offset_rate:
            peer = getattr(request.offset_peer, "user_id", 0)
            before = Place(request.offset_rate, peer, request.offset_id)
            newest_first = [p for p in newest_first if p < before]
        page = newest_first[: request.limit]
        if len(page) == count:
            count = None
        messages = [place.message() for place in page]
        rate = page[-1].date if page and self.tells_rate else None
        if self.spoil is not None:
            messages = self.spoil(self.asked, messages)
        return SimpleNamespace(messages=messages, count=count, next_rate=rate)


def run(server: Server, query: Query) -> tuple[list[Place], GlobalSearch]:
    """Search to the end; return what was delivered."""
    search = GlobalSearch("", None, query)
    found = []
    while True:
        messages = search.on_page(cast("Any", server.answer(search.request())))
        found += [Place(int(m.date.timestamp()), m.peer_id.user_id, m.id) for m in messages]
        search.go_on(messages[-1] if messages else None)
        assert server.asked < 100
        if search.done:
            return found, search


PLACES = st.lists(
    st.builds(
        Place,
        st.integers(EPOCH, EPOCH + 60),
        st.integers(1, 5),
        st.integers(1, 300),
    ),
    max_size=500,
    unique_by=lambda p: (p.peer, p.id),
)


@given(PLACES, st.none() | st.integers(0, 400), st.booleans())
def test_everything_comes_once(places: list[Place], limit: int | None, tells_rate: bool) -> None:
    """All that fits, latest first, as many as wanted, each once; a page for each hundred."""
    server = Server(places, tells_rate=tells_rate)
    found, search = run(server, Query(limit=limit))
    assert sorted(places, reverse=True)[:limit] == found
    assert not search.is_given_up
    assert server.asked <= len(found) // 100 + 2


@given(PLACES, st.integers(EPOCH - 5, EPOCH + 65) | st.just(0))
def test_a_date_bounds_it(places: list[Place], when: int) -> None:
    """Only what is older than the date; before the epoch there is nothing."""
    found, _ = run(Server(places), Query(offset_date=when))
    assert sorted((p for p in places if p.date < when), reverse=True) == found


@given(PLACES, st.integers(1, 4))
def test_repetitions_and_empties_end_nothing(places: list[Place], every: int) -> None:
    """A page that repeats what is known, or has only empties, is not the end."""
    last: list[Any] = []

    def spoil(number: int, messages: list[Any]) -> list[Any]:
        nonlocal last
        if number % (every + 1) == 0:
            return [types.MessageEmpty(m.id, m.peer_id) for m in messages]
        repeated = last[-3:]
        last = messages
        return repeated + messages if number > 1 else messages

    server = Server(places, spoil=spoil)
    found, search = run(server, Query())
    assert len(set(found)) == len(found)
    assert not search.is_given_up
    assert set(found) <= set(places)
    if server.asked <= every:
        assert sorted(places, reverse=True) == found


def test_a_page_of_empties_leads_on() -> None:
    """Behind a page of nothing but empties the next one is asked for, where the answer says."""
    places = [Place(EPOCH + i, 1, i) for i in range(1, 400)]

    def hide(number: int, messages: list[Any]) -> list[Any]:
        return [types.MessageEmpty(m.id, None) for m in messages] if number == 2 else messages

    found, search = run(Server(places, spoil=hide), Query())
    newest_first = sorted(places, reverse=True)
    assert newest_first[:100] + newest_first[199:] == found
    assert not search.is_given_up


def test_endless_repetition_ends() -> None:
    """A server that repeats one page for ever is given up, and that is said."""
    places = [Place(EPOCH + i, 1, i) for i in range(1, 400)]
    first: list[Any] = []

    def repeat(number: int, messages: list[Any]) -> list[Any]:
        first.extend(messages if number == 1 else [])
        return list(first)

    found, search = run(Server(places, spoil=repeat), Query())
    assert sorted(places, reverse=True)[:100] == found
    assert search.is_given_up


def test_memory_is_bounded() -> None:
    """What was delivered long ago is forgotten."""
    places = [Place(EPOCH + i, 1, i) for i in range(1, 2500)]
    found, search = run(Server(places), Query())
    assert len(found) == 2499
    assert len(search._seen) <= 1000


def test_the_filter_and_the_words_are_asked_for() -> None:
    """The request holds what the user gave."""
    photos = types.InputMessagesFilterPhotos()
    request = GlobalSearch("cat", photos, Query(limit=7)).request()
    assert (request.q, request.filter, request.limit) == ("cat", photos, 7)


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """Draw bounds, offsets and shifts."""

    def maybe(low: int, high: int) -> int:
        return draw(st.just(0) | st.integers(low, high))

    return Query(
        limit=draw(st.none() | st.integers(0, 30)),
        min_id=maybe(1, 40),
        max_id=maybe(1, 60),
        offset_id=maybe(1, 60),
        add_offset=maybe(-30, 30),
        reverse=draw(st.booleans()),
    )


@given(st.sets(st.integers(1, 60)), queries())
def test_a_whole_list_is_cut_like_any_other(ids: set[int], query: Query) -> None:
    """The oracle's ids, where the list is ordered by id."""
    messages = [SimpleNamespace(id=i) for i in sorted(ids, reverse=True)]
    assert oracle(sorted(ids), query) == [m.id for m in chosen(messages, query)]


@given(st.lists(st.integers(1, 60), unique=True), st.booleans())
def test_another_order_is_kept(ids: list[int], reverse: bool) -> None:
    """What is ordered by date comes in that order, nothing left out."""
    messages = [SimpleNamespace(id=i) for i in ids]
    found = [m.id for m in chosen(messages, Query(reverse=reverse))]
    assert (ids[::-1] if reverse else ids) == found
