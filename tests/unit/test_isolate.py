"""A message that cannot be decoded is found, alone, and everything around it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from telefast.history.isolate import Isolated, TooManyBrokenError, isolate
from telefast.history.order import Ask
from telefast.testing.paging import slice_ids
from telefast.transport.undecoded import Broken


@dataclass
class Answer:
    """A page that can be decoded."""

    found: dict[int, object]
    empty_ids: list[int] = field(default_factory=list)


class List:
    """A list of messages, some of which nobody can decode.

    Args:
        ids: All ids.
        claims: Of the broken ones, what their bytes claim as their id; None if it is certain.
        shift: Whether a page that would begin above the top is moved to it.
    """

    def __init__(
        self, ids: Iterable[int], claims: dict[int, tuple[int, ...] | None], *, shift: bool = False
    ) -> None:
        self.ids = BitMap(ids)
        self.claims = claims
        self.shift = shift
        self.asks: list[Ask] = []

    def page(self, ask: Ask) -> list[int]:
        """Return the ids that answer *ask*."""
        if ask.ids:
            return [i for i in ask.ids if i in self.ids]
        return slice_ids(
            self.ids,
            offset_id=ask.offset_id,
            add_offset=ask.add_offset,
            limit=ask.limit,
            shift=self.shift,
        )

    def answer(self, ask: Ask) -> Answer | Broken:
        """Answer as a Telethon does that knows no object behind the first broken one."""
        self.asks.append(ask)
        page = self.page(ask)
        for index, message_id in enumerate(page):
            if message_id in self.claims:
                claims = self.claims[message_id]
                return Broken(
                    data=b"%d" % message_id,
                    constructor=1,
                    size=len(page),
                    ids=tuple(page[:index]),
                    claims=(message_id,) if claims is None else claims,
                    is_certain=claims is None,
                    mark=b"%d" % message_id,
                    count=len(self.ids),
                    position=None,
                )
        return Answer(dict.fromkeys(page))

    def isolate(self, ask: Ask) -> tuple[list[int], dict[int, Broken]]:
        """Carry out `isolate`; return the ids of its pages, and the broken ones."""
        answer = self.answer(ask)
        assert isinstance(answer, Broken)
        self.asks.clear()
        steps = isolate(ask, answer)
        try:
            part = next(steps)
            while True:
                part = steps.send(self.answer(part))  # type: ignore[type-var]
        except StopIteration as end:
            found: Isolated[Answer] = end.value
        return [i for page in found.pages for i in page.found], found.broken


@st.composite
def lists(draw: st.DrawFn) -> tuple[List, list[int]]:
    """A list with up to eight broken messages, whose claims may be right, wrong or missing."""
    ids = sorted(draw(st.sets(st.integers(1, 400), min_size=1, max_size=120)))
    broken = draw(st.sets(st.sampled_from(ids), min_size=1, max_size=min(len(ids), 8)))
    claims: dict[int, tuple[int, ...] | None] = {}
    for message_id in sorted(broken):
        wrong = draw(st.lists(st.integers(1, 500), max_size=2))
        right = draw(st.sampled_from([None, (), (message_id,)]))
        claims[message_id] = None if right is None else (*wrong, *right)
    return List(ids, claims, shift=draw(st.booleans())), ids


@given(
    lists(),
    st.integers(0, 420),
    st.sampled_from([0, 0, 1, 5, -3, -100, -103]),
    st.integers(1, 100),
)
def test_a_page_is_whole_but_for_the_broken(
    case: tuple[List, list[int]], offset_id: int, add_offset: int, limit: int
) -> None:
    """All messages of the page arrive, each once; each broken one is alone and has its own id."""
    chat, _ = case
    ask = Ask(offset_id, add_offset, limit)
    page = chat.page(ask)
    if not chat.claims.keys() & set(page):
        return
    found, broken = chat.isolate(ask)
    assert sorted(found) == sorted(set(page) - chat.claims.keys())
    assert broken.keys() == chat.claims.keys() & set(page)
    for message_id, answer in broken.items():
        assert (b"%d" % message_id, 1, ()) == (answer.data, answer.size, answer.ids)


@given(lists(), st.randoms())
def test_ids_are_whole_but_for_the_broken(case: tuple[List, list[int]], random: object) -> None:
    """The same holds for messages by ids, of which some do not exist."""
    chat, ids = case
    asked = tuple(range(min(ids), max(ids) + 3))[:200]
    if not chat.claims.keys() & set(asked):
        return
    found, broken = chat.isolate(Ask(ids=asked))
    wanted = set(asked) & set(ids)
    assert sorted(found) == sorted(wanted - chat.claims.keys())
    assert broken.keys() == chat.claims.keys() & wanted


@pytest.mark.parametrize("place", [1, 50, 99, 100])
def test_one_broken_message_costs_three_requests(place: int) -> None:
    """One among a hundred: what is above, itself, what is below; fewer at an end."""
    chat = List(range(1, 301), {301 - place - 100: None})
    found, broken = chat.isolate(Ask(201, 0, 100))
    assert len(found) == 99
    assert list(broken) == [201 - place]
    assert len(chat.asks) == (2 if place in (1, 100) else 3)


def test_an_unproven_id_costs_two_requests_more() -> None:
    """What its own bytes claim is proven by the pages above and below it."""
    for claims in ((150,), (7, 150), (150, 140)):
        chat = List(range(1, 301), {150: claims})
        _, broken = chat.isolate(Ask(201, 0, 100))
        assert list(broken) == [150]
        assert len(chat.asks) <= 3 + 2 * len(claims)


def test_an_id_without_a_claim_is_searched_for() -> None:
    """In a dense list it is found at once; anywhere within 64 pages."""
    chat = List(range(1, 301), {150: ()})
    assert list(chat.isolate(Ask(201, 0, 100))[1]) == [150]
    assert len(chat.asks) == 4
    for lonely in (1, 2, 2**30, 2**31 - 2):
        for ids in ([lonely], [1, lonely]):
            chat = List(ids, {lonely: ()})
            assert list(chat.isolate(Ask(0, 0, 100))[1]) == [lonely]
            assert len(chat.asks) <= 64


def test_a_claim_saves_halving() -> None:
    """By ids, a claim that was asked for is asked alone; without any, halves find it."""
    chat = List(range(1, 301), {150: (9999, 150)})
    assert list(chat.isolate(Ask(ids=tuple(range(101, 301))))[1]) == [150]
    assert len(chat.asks) == 2
    chat = List(range(1, 301), {150: ()})
    assert list(chat.isolate(Ask(ids=tuple(range(101, 301))))[1]) == [150]
    assert len(chat.asks) <= 16


def test_a_page_of_broken_messages_is_given_up() -> None:
    """20 are worked around; at one more the page is an error, after a bounded number of pages."""
    chat = List(range(1, 101), dict.fromkeys(range(1, 21)))
    assert len(chat.isolate(Ask(0, 0, 100))[1]) == 20
    for asked in (Ask(0, 0, 100), Ask(ids=tuple(range(1, 101)))):
        chat = List(range(1, 101), dict.fromkeys(range(1, 101, 2)))
        with pytest.raises(TooManyBrokenError, match="more than 20"):
            chat.isolate(asked)
        assert len(chat.asks) <= 70


def test_a_page_behind_a_run_of_broken_messages() -> None:
    """Where a page begins is found over a few broken ones before it; over many it is given up."""
    chat = List(range(1, 301), dict.fromkeys(range(190, 201), ()))
    found, broken = chat.isolate(Ask(201, 10, 10))
    assert (list(broken), len(found)) == ([190], 9)
    chat = List(range(1, 301), dict.fromkeys(range(150, 201), ()))
    with pytest.raises(TooManyBrokenError):
        chat.isolate(Ask(201, 50, 10))
    assert len(chat.asks) <= 25


@given(lists(), st.data())
def test_messages_that_come_and_go_meanwhile(
    case: tuple[List, list[int]], data: st.DataObject
) -> None:
    """While the page is asked for in parts, others are posted and deleted: what stays is there."""
    chat, ids = case
    ask = Ask(0, 0, 100)
    page = chat.page(ask)
    answer = chat.answer(ask)
    if not isinstance(answer, Broken):
        return
    steps = isolate(ask, answer)
    gone: set[int] = set()
    try:
        part = next(steps)
        while True:
            lost = data.draw(st.sampled_from([0, *ids]))
            if lost in chat.ids and len(gone) < 5:
                chat.ids.discard(lost)
                gone.add(lost)
            if data.draw(st.booleans()):
                chat.ids.add(max(chat.ids, default=0) + 1)
            part = steps.send(chat.answer(part))  # type: ignore[type-var]
            assert len(chat.asks) < 500
    except StopIteration as end:
        found: Isolated[Answer] = end.value
    kept = {i for each in found.pages for i in each.found} | found.broken.keys()
    certain = all(claims is None for claims in chat.claims.values())
    if certain:
        assert set(page) - gone <= kept
