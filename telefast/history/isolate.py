"""Ask again for what lies behind a message that cannot be decoded, and find out its id.

Theory: a page of history is a run of the list, newest first, of which the messages above the broken
one are known by id. So those are asked for again (their users and chats lay behind the broken one),
then the broken one alone, then what is below it: three requests for one broken message, anchored
by ids, so that messages that come or go meanwhile move nothing.

The broken one's id stands in its own bytes where its constructor is known and only a part of it is
not. Otherwise what may be its id is proven by two pages: the one below `id + 1` begins with it, and
the one below `id` does not. If no guess holds, the id is searched for by doubling and halving,
64 pages at most. Among messages by ids, the id that is left alone is the one.

Pure: `isolate` is a generator of requests; send it their answers. It has no loop of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from telefast.history.order import Ask
from telefast.history.query import MAX_ID
from telefast.transport.undecoded import Broken

__all__ = ["Isolated", "TooManyBrokenError", "isolate"]

_MOST = 20
"""Broken messages in one page before the page is given up: our choice. A Telethon that is too old
for a fifth of a chat is better replaced than worked around at three requests for each message."""


class Whole(Protocol):
    """As much of a page as is needed."""

    found: dict[int, object]
    empty_ids: list[int]


P = TypeVar("P", bound=Whole)


@dataclass(slots=True)
class Isolated(Generic[P]):
    """What a page has.

    Attributes:
        pages: Answers that can be decoded; together they hold all other messages.
        broken: The answers that hold one broken message each, by its id.
    """

    pages: list[P] = field(default_factory=list)
    broken: dict[int, Broken] = field(default_factory=dict)

    def add(self, message_id: int, broken: Broken) -> None:
        """Add a broken message."""
        if len(self.broken) == _MOST:
            raise _too_many()
        self.broken[message_id] = broken


class TooManyBrokenError(Exception):
    """So many messages of one page cannot be decoded that it is given up."""


def _too_many() -> TooManyBrokenError:
    return TooManyBrokenError(f"more than {_MOST} messages of one page")


def isolate(ask: Ask, broken: Broken) -> Generator[Ask, P | Broken, Isolated[P]]:
    """Yield requests, take their answers, and return what they have together.

    Args:
        ask: The request of the page.
        broken: Its answer.

    Raises:
        TooManyBrokenError: If more than 20 messages of the page are broken.
    """
    isolated: Isolated[P] = Isolated()
    if ask.ids:
        yield from _ids(ask.ids, broken, isolated)
    else:
        yield from _page(ask, broken, isolated)
    return isolated


def _ids(
    ids: Collection[int], broken: Broken, isolated: Isolated[P]
) -> Generator[Ask, P | Broken, None]:
    if len(ids) == 1:
        isolated.add(next(iter(ids)), broken)
        return
    # In channels answers have the order of the request; a claim tells elsewhere.
    listed = list(ids)
    claimed = [claim for claim in broken.claims if claim in set(listed)][:1]
    if claimed:
        groups = [claimed, [i for i in listed if i != claimed[0]]]
    else:
        groups = [listed[: len(listed) // 2], listed[len(listed) // 2 :]]
    for group in groups:
        answer = yield Ask(ids=tuple(group))
        if isinstance(answer, Broken):
            yield from _ids(group, answer, isolated)
        else:
            isolated.pages.append(answer)


def _page(ask: Ask, broken: Broken, isolated: Isolated[P]) -> Generator[Ask, P | Broken, None]:
    top = max(broken.ids) if broken.ids else (yield from _first(ask, broken, _MOST))
    yield from _run(broken, broken.size, top + 1, isolated)


def _run(
    broken: Broken, need: int, anchor: int, isolated: Isolated[P]
) -> Generator[Ask, P | Broken, int]:
    """Have *need* messages below *anchor*, which *broken* would be; return the lowest id."""
    while True:
        if broken.ids:  # once more, now with their users and chats
            answer = yield _below(anchor, len(broken.ids))
            if isinstance(answer, Broken):  # changed meanwhile; smaller each time
                anchor = yield from _run(answer, len(broken.ids), anchor, isolated)
            else:
                anchor = _keep(answer, anchor, isolated)
            need -= len(broken.ids)
        answer = broken if broken.size == 1 else (yield _below(anchor, 1))
        if isinstance(answer, Broken):
            if answer.is_certain:
                anchor, alone = answer.claims[0], answer
            else:
                anchor, alone = (yield from _search(answer, anchor)), answer
            isolated.add(anchor, alone)
        else:  # gone meanwhile: here is the next one, or the end of the list
            lowest = _keep(answer, anchor, isolated)
            if lowest == anchor:
                return anchor
            anchor = lowest
        need -= 1
        if need <= 0:
            return anchor
        answer = yield _below(anchor, need)
        if not isinstance(answer, Broken):
            return _keep(answer, anchor, isolated)
        broken = answer
        need = min(need, broken.size)


def _keep(page: P, anchor: int, isolated: Isolated[P]) -> int:
    """Keep a page and return its lowest id."""
    isolated.pages.append(page)
    return min([anchor, *page.found, *page.empty_ids])


def _below(anchor: int, limit: int) -> Ask:
    return Ask(min(anchor, MAX_ID), 0, limit)


def _first(ask: Ask, broken: Broken, depth: int) -> Generator[Ask, P | Broken, int]:
    """Return the id of the message that the page of *ask* begins with."""
    if broken.is_certain:
        return broken.claims[0]
    if depth == 0:
        raise _too_many()
    # Below which id does the page begin?
    if ask.add_offset == 0 and ask.offset_date is None:
        return (yield from _search(broken, ask.offset_id or MAX_ID))
    earlier = replace(ask, add_offset=ask.add_offset - 1, limit=1)
    answer = yield earlier
    if not isinstance(answer, Broken):
        high = min([*answer.found, *answer.empty_ids], default=MAX_ID)
    elif answer.mark == broken.mark:  # nothing is above the newest message
        high = MAX_ID
    else:
        high = yield from _first(earlier, answer, depth - 1)
    return (yield from _search(broken, high))


def _search(broken: Broken, high: int) -> Generator[Ask, P | Broken, int]:
    """Find the id of a message by the pages that begin with it, *high* being above it."""
    for claim in broken.claims:
        if claim < high and (claim + 1 == high or (yield from _begins(claim + 1, broken))):
            if not (yield from _begins(claim, broken)):
                return claim
            high = claim
    # The page below `high` begins with it, the one below `low` does not.
    low, step, is_near = 1, 1, True
    while high - low > 1:
        middle = max(high - step, low + 1) if is_near else (low + high) // 2
        if (yield from _begins(middle, broken)):
            high = middle
            step *= 2
        else:
            low = middle
            is_near = False
    return high - 1


def _begins(anchor: int, broken: Broken) -> Generator[Ask, P | Broken, bool]:
    """Tell whether the page below *anchor* begins with this message."""
    answer = yield _below(anchor, 1)
    return isinstance(answer, Broken) and answer.mark == broken.mark
