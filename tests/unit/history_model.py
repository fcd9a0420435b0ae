"""A list of ids that answers as Telegram does, and the oracle of what is owed.

Both are written from the documentation of the offsets alone, and know nothing of telefast's
planner: `Server.page` is the arithmetic of core.telegram.org/api/offsets on a plain list, and
`oracle` is the definition of a query in one paragraph.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from telefast.history.order import Ask
from telefast.history.query import Query
from telefast.history.windows import Windows


def oracle(ids: Sequence[int], query: Query) -> list[int]:
    """Return what *query* owes from a chat with these ids, in order."""
    kept = sorted((i for i in ids if query.keeps(i)), reverse=True)
    if query.reverse:
        start = sum(i > query.offset_id for i in kept) if query.offset_id else len(kept)
    else:
        start = sum(i >= query.offset_id for i in kept) if query.offset_id else 0
    start = min(max(start + query.add_offset, 0), len(kept))
    walk = kept[:start][::-1] if query.reverse else kept[start:]
    return walk if query.limit is None else walk[: query.limit]


@dataclass
class Server:
    """The ids of a chat, and what goes wrong while they are read.

    Attributes:
        ids: The list, which a test may change at any time.
        restricted: Ids that count, and are dropped from every page after it was cut; by id they
            are there, with a mark.
        unknown: Ids of the list that do not exist by id.
        hidden: Ids that exist by id alone: cleared for us (available_min_id), or from before we
            joined (hidden prehistory).
        tells_pts: Whether answers say the counter of changes: one for each message posted,
            edited or deleted.
        edits: Messages edited so far.
    """

    ids: list[int]
    restricted: frozenset[int] = frozenset()
    unknown: frozenset[int] = frozenset()
    hidden: frozenset[int] = frozenset()
    tells_pts: bool = True
    edits: int = 0
    dates: Callable[[int], int] = lambda message_id: message_id * 10
    tells_position: bool = True
    clamp: int | None = None
    requests: list[Ask] = field(default_factory=list)
    _changes: int = 1
    _known: list[int] = field(default_factory=list)

    @property
    def pts(self) -> int | None:
        """The counter of changes."""
        if self.ids != self._known:
            self._changes += len({*self.ids} ^ {*self._known})
            self._known = list(self.ids)
        return self._changes + self.edits if self.tells_pts else None

    def clear(self, up_to: int) -> None:
        """Hide what is not newer than *up_to*, as when a history is cleared for us: without pts."""
        self.pts  # noqa: B018 - takes note of the changes before
        gone = {i for i in self.ids if i <= up_to}
        self.hidden |= gone
        self.ids = [i for i in self.ids if i > up_to]
        self._known = list(self.ids)

    def page(self, ask: Ask) -> tuple[list[int], int, int | None]:
        """Return (ids newest first, count, position of the first)."""
        oldest_first = sorted(self.ids)
        newest_first = oldest_first[::-1]
        if ask.offset_id:
            position = len(oldest_first) - bisect_left(oldest_first, ask.offset_id)
        elif ask.offset_date:
            position = sum(self.dates(i) >= ask.offset_date for i in newest_first)
        else:
            position = 0
        add_offset = ask.add_offset
        if self.clamp is not None:
            add_offset = max(-self.clamp, min(add_offset, self.clamp))
        start = position + add_offset
        cut = newest_first[max(start, 0) : max(start + min(ask.limit, 100), 0)]
        shown = [i for i in cut if i not in self.restricted]
        return shown, len(newest_first), max(start, 0) if self.tells_position else None

    def by_ids(self, ask: Ask) -> list[int]:
        """Return those of the ids that exist."""
        there = sorted({*self.ids, *self.hidden} if self.hidden else self.ids)
        found = []
        for message_id in ask.ids[:200]:
            index = bisect_left(there, message_id)
            is_there = index < len(there) and there[index] == message_id
            if is_there and message_id not in self.unknown:
                found.append(message_id)
        return found


def run(
    windows: Windows,
    server: Server,
    *,
    rng: Random,
    concurrency: int = 4,
    prefetch: int = 8,
    most: int | None = None,
    before_answer: Callable[[Server, Ask], None] = lambda server, ask: None,
    change_page: Callable[[Ask, list[int]], tuple[list[int], list[int]]] = lambda ask, ids: (
        ids,
        [],
    ),
) -> list[int]:
    """Drive a planner to its end with answers in random order; return what it delivers.

    It never holds more than *most* pages, None for *prefetch*, and two to repair or to end.
    """
    most = prefetch if most is None else most
    delivered: list[int] = []
    in_flight: list[Ask] = []
    steps = 0
    while not windows.done and windows.error is None:
        steps += 1
        assert steps < 200_000, "no progress"
        while len(in_flight) < concurrency:
            ask = windows.next_request(room=prefetch - len(in_flight) - windows.held)
            if ask is None:
                break
            server.requests.append(ask)
            in_flight.append(ask)
        assert in_flight, "stalled"
        assert windows.held + len(in_flight) <= most + 2
        ask = in_flight.pop(rng.randrange(len(in_flight)))
        before_answer(server, ask)
        if ask.ids:
            found = server.by_ids(ask)
            marked = server.restricted.intersection(found)
            windows.on_answer(ask.token, found, pts=server.pts, marked=marked)
        else:
            ids, count, position = server.page(ask)
            ids, empties = change_page(ask, ids)
            windows.on_answer(
                ask.token,
                ids,
                empty_ids=empties,
                count=count,
                position=position,
                pts=server.pts,
            )
        while (delivery := windows.take()) is not None:
            delivered.extend(delivery.ids)
    return delivered
