"""Which request next, what is complete, what may be delivered.

Theory of operation. A page covers the interval from its oldest to its newest id, without a gap,
at the moment of its answer. Everything follows from that, whatever is deleted or posted meanwhile:

1. All pages are anchored at an id (`offset_id`), never at the moving top of the list. The pages
   of a *segment* lie at positions 0, 99, 198... from its anchor: each overlaps the one before by
   one message, the *seam*.
2. Ids are delivered in order, and only those behind the last one delivered.
3. Where the next page begins behind the last delivered id, something may lie between: *walk* by
   ids from the seam until they meet.
4. An empty or short page ends nothing. The end is proven by an empty page anchored at the last
   delivered id.
5. If another answer showed an id behind such an empty page, its claim is false: the ids between
   are *swept* with a request by ids, and what exists is asked of the history again. Only the
   history decides what is delivered.
6. At the end the next 200 ids are swept once, for a run of messages that the history hides.

In reverse all is mirrored. "Behind" below always means further along the walk.

Sans-I/O: requests go out by `next_request`, answers come in by `on_answer`, in any order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from telefast.history.query import MAX_ID, Query

__all__ = ["Ask", "Delivery", "Windows"]

SWEEP_SIZE = 200
"""Ids that `channels.getMessages` answers at once (tdlib MessagesManager.cpp, both loops)."""
_EMPTY_RUN = 8
"""Pages in a row that bring nothing before the announced count is no longer believed: 800
messages hidden in one run, our choice."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to make; a page of history, or messages by ids where *ids* is not empty."""

    token: int
    offset_id: int = 0
    add_offset: int = 0
    limit: int = 0
    offset_date: int | None = None
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """These ids of the answer *token* are next; then that answer is not needed any more."""

    token: int
    ids: Sequence[int]


class _Step(Enum):
    """What the one sequential request in flight is for."""

    PROBE = auto()  # an id for a date
    SEEK = auto()  # the first page, where its anchor must be found out
    MEASURE = auto()  # counting add_offset by hand
    WALK = auto()
    SWEEP = auto()
    SHOW = auto()  # does the history show what the sweep found?
    CHECK_TOP = auto()  # reverse only: what does the newest page say about the end?


@dataclass(slots=True)
class _Answer:
    token: int
    ids: list[int]  # in walking order, each once
    empty_ids: Sequence[int]
    position: int | None
    error: Exception | None = None


@dataclass(slots=True)
class _Sweep:
    """Ids from *cursor* to *end*, both exclusive, still to be swept."""

    cursor: int
    end: int
    is_final: bool
    found: list[int] = field(default_factory=list)


class Windows:
    """Plan the requests of one walk through a channel's history.

    Args:
        query: What is asked; `query.ids` and an empty query are not for this class.
        request_size: Messages per request, 1 to 100. With 1 there are no seams, and the walk is
            sequential.
    """

    def __init__(self, query: Query, *, request_size: int = 100) -> None:
        self.done = False
        self.error: Exception | None = None
        """What stopped the walk; everything before it was delivered."""
        self.count: int | None = None
        """Messages in the whole list, as last announced."""
        self.delivered = 0
        self.walks = 0
        self.sweeps = 0
        self._query = query
        self._reverse = query.reverse
        self._size = request_size
        self._stride = request_size - 1
        self._left = MAX_ID if query.limit is None else query.limit
        self._deliveries: deque[Delivery] = deque()
        self._next_token = 0
        # the segment
        self._segment = 0
        self._anchor = 0
        self._head = 0  # the next position to deliver
        self._next_position = 0  # the next to ask for
        self._planned = 0
        self._reach = MAX_ID  # positions that the server honours
        self._remaining = 0  # messages behind the segment's first page, at most
        self._pages: dict[int, _Answer] = {}
        self._roles: dict[int, tuple[int, int]] = {}  # token -> segment, position
        self._empty_run = 0
        self._stale_at = -1
        # the sequential step
        self._step: _Step | None = None
        self._ask: Ask | None = None  # to be sent
        self._step_token = -1
        self._last = 0  # everything up to here is delivered or known to be absent
        self._from = 0  # where the walk asks
        self._target: int | None = None
        self._is_retried = False
        self._claimed: int | None = None  # an honest empty page was seen from here
        self._probed: int | None = None  # the count was followed from here
        self._proven: int | None = None  # nothing lies between _last and this id
        self._sweep: _Sweep | None = None
        self._swept_end: int | None = None
        self._shift = 0
        self._start = 0
        # reverse only
        self._top: int | None = None
        self._top_ask: Ask | None = None
        self._top_token = -1
        self._is_top_retried = False
        self._begin()

    # What the shell calls

    @property
    def held(self) -> int:
        """Answers that wait for an earlier one."""
        return len(self._pages)

    def next_request(self, *, room: int) -> Ask | None:
        """Return a request to send now, or None if nothing is to be sent before an answer.

        Args:
            room: How many more pages the caller is ready to hold. The one sequential request that
                repairs or ends a walk goes out without room: what is held waits for it.
        """
        if self.done or self.error is not None:
            return None
        if self._ask is not None:
            ask, self._ask = self._ask, None
            return ask
        if self._top_ask is not None:
            ask, self._top_ask = self._top_ask, None
            return ask
        if room <= 0 or self._next_position >= self._planned or self._top_token >= 0:
            return None
        position = self._next_position
        self._next_position += 1
        first = position * self._stride
        # The last page need not carry more than what is left of the limit, and the seam.
        size = min(self._size, max(self._remaining - first + self._stride, 1) + 1)
        ask = self._page_ask(self._anchor, size, skip=first)
        self._roles[ask.token] = (self._segment, position)
        return ask

    def on_answer(
        self,
        token: int,
        ids: Sequence[int],
        *,
        empty_ids: Sequence[int] = (),
        count: int | None = None,
        position: int | None = None,
    ) -> None:
        """Report an answer.

        Args:
            token: Of the request.
            ids: Messages in it, `MessageEmpty` left out.
            empty_ids: Ids that it calls empty.
            count: Messages in the whole list.
            position: Position of the first message in the list.
        """
        answer = _Answer(token, self._ordered(ids), empty_ids, position)
        if count is not None:
            self.count = count
        self._on(answer)

    def on_error(self, token: int, error: Exception) -> None:
        """Report that a request failed for good; what lies before it is still delivered."""
        self._on(_Answer(token, [], (), None, error))

    def take(self) -> Delivery | None:
        """Return what is to be delivered next, or None."""
        return self._deliveries.popleft() if self._deliveries else None

    # Order

    def _behind(self, one: int, other: int) -> bool:
        return one > other if self._reverse else one < other

    def _ordered(self, ids: Sequence[int]) -> list[int]:
        return sorted(set(ids), reverse=not self._reverse)

    def _fresh(self, ids: Sequence[int]) -> list[int]:
        return [i for i in ids if self._behind(i, self._last)]

    def _far_bound(self) -> int:
        """Return the first id behind the query's bounds."""
        return self._query.high if self._reverse else self._query.low

    def _ids_behind(self, message_id: int) -> int:
        """Return how many ids can lie behind one, within the bounds."""
        if not self._reverse:
            return max(message_id - self._query.low - 1, 0)
        end = self._query.high - 1
        if self._top is not None:
            end = min(end, self._top)
        return max(end - message_id, 0)

    # Requests

    def _token(self) -> int:
        self._next_token += 1
        return self._next_token

    def _page_ask(
        self, anchor: int, size: int, *, skip: int = 0, offset_date: int | None = None
    ) -> Ask:
        """Ask for the *size* messages that follow *anchor*, after *skip* of them.

        Forward the page begins below the anchor, in reverse at the anchor.
        """
        add_offset = -(skip + size) if self._reverse else skip
        return Ask(self._token(), min(anchor, MAX_ID), add_offset, size, offset_date)

    def _do(self, step: _Step, ask: Ask) -> None:
        self._step, self._ask, self._step_token = step, ask, ask.token

    # Answers

    def _on(self, answer: _Answer) -> None:
        if answer.token == self._top_token:
            self._top_token = -1
            self._drop(answer)
            if answer.error is not None:
                self._fail(answer.error)
            elif answer.ids:
                self._top = max(answer.ids)
                self._replan(self._last, self._head)
            elif self.count and not self._is_top_retried:
                self._is_top_retried = True
                self._ask_for_top(self._size)
        elif answer.token == self._step_token:
            self._step_token = -1
            step, self._step = self._step, None
            if answer.error is not None:
                self._fail(answer.error)
            elif not self.done:
                assert step is not None  # noqa: S101 - for the type checker
                _HANDLERS[step](self, answer)
        else:
            segment, position = self._roles.pop(answer.token, (-1, 0))
            if segment != self._segment or self.done:
                self._drop(answer)
                return
            self._pages[position] = answer
            if answer.ids:
                self._replan(answer.ids[-1], position + 1)
        self._advance()

    def _drop(self, answer: _Answer) -> None:
        self._deliveries.append(Delivery(answer.token, ()))

    def _fail(self, error: Exception) -> None:
        self.error = error

    def _finish(self) -> None:
        self.done = True
        self._ask = self._top_ask = None

    def _accept(self, answer: _Answer) -> None:
        """Deliver what is new in an answer; the caller has checked the seam."""
        fresh = self._fresh(answer.ids)
        kept = [i for i in fresh if self._query.keeps(i)][: self._left]
        self._deliveries.append(Delivery(answer.token, kept))
        self._left -= len(kept)
        self.delivered += len(kept)
        if fresh:
            self._last = self._from = fresh[-1]
        crossed = bool(fresh) and not self._behind(self._far_bound(), fresh[-1])
        if crossed or self._left == 0 or self._ids_left_none():
            self._finish()

    def _ids_left_none(self) -> bool:
        # In reverse new messages may come behind the top, so only the bound counts.
        return abs(self._far_bound() - self._last) <= 1

    # The beginning

    def _begin(self) -> None:
        query = self._query
        self._shift = query.add_offset
        self._start = query.start()
        when = query.offset_date
        if when == 0:  # before every message
            if not self._reverse:
                self._finish()
                return
            when = None
        if self._reverse and self._left > self._size:
            self._ask_for_top(1)
        if when is not None and (self._reverse or self._shift):
            self._do(_Step.PROBE, Ask(self._token(), 0, 0, 1, when))
        else:
            self._locate(when)
        self._advance()

    def _ask_for_top(self, size: int) -> None:
        self._top_ask = Ask(self._token(), 0, 0, size)
        self._top_token = self._top_ask.token

    def _locate(self, when: int | None = None) -> None:
        """Go to the first message: at once where its anchor is known, else by a first page."""
        if not self._reverse and self._start == 0:
            # The list's beginning; nothing is newer than that.
            self._shift = max(self._shift, 0)
            size = self._size if self._shift else min(self._size, self._left)
            ask = self._page_ask(0, size, skip=self._shift, offset_date=when)
            self._do(_Step.SEEK, ask)
        elif self._shift:
            # "Older" is forward's own direction, and against reverse's.
            skip = -self._shift if self._reverse else self._shift
            self._do(_Step.SEEK, self._page_ask(self._start, self._size, skip=skip))
        else:
            self._start_at(self._start)

    def _start_at(self, anchor: int) -> None:
        self._last = self._from = anchor - 1 if self._reverse else anchor
        if self._ids_left_none():
            self._finish()

    def _on_probe(self, answer: _Answer) -> None:
        self._drop(answer)
        if answer.ids:
            newest = max(answer.ids)
            self._start = self._query.start_at(newest + 1)
            self._locate()
        elif not self._is_retried:
            self._is_retried = True
            when = self._query.offset_date
            self._do(_Step.PROBE, Ask(self._token(), 0, 0, self._size, when))
        elif self._reverse or self._shift < 0:
            # Nothing is older than the date: it stands at the list's old end.
            self._is_retried = False
            self._start = self._query.low + 1
            self._locate()
        else:
            self._finish()

    def _on_seek(self, answer: _Answer) -> None:
        if answer.ids:
            first = answer.ids[0]
            if not self._reverse:
                self._start_at(min(first + 1, self._query.high))
            else:
                self._start_at(max(first, self._query.low + 1))
            if self._reverse and first >= self._query.high:
                self._finish()
            if self.done or (self._reverse and first <= self._query.low):
                self._drop(answer)  # the bounds cut into the page: begin at the bound instead
            else:
                self._first_page(answer)
            return
        self._drop(answer)
        if not self._shift:
            # An empty list, or a page that hides what it holds. One anchored page decides, and
            # for a date one more try.
            if self._query.offset_date is None:
                self._start_at(MAX_ID)
            elif self._is_retried:
                self._finish()
            else:
                self._is_retried = True
                self._locate(self._query.offset_date)
        elif self.count is not None and self._shift >= self.count:
            self._measured(None)
        else:
            self._from = self._start or MAX_ID
            self._measure()

    # Counting add_offset by hand, where a page at that position is empty

    def _measure(self) -> None:
        older = self._shift > 0
        add_offset = 0 if older else -self._size
        ask = Ask(self._token(), self._from, add_offset, self._size)
        self._do(_Step.MEASURE, ask)

    def _on_measure(self, answer: _Answer) -> None:
        self._drop(answer)
        older = self._shift > 0
        query = self._query
        ids = sorted(answer.ids, reverse=older)
        ids = [i for i in ids if (i < self._from if older else i >= self._from)]
        for message_id in ids:
            if not query.keeps(message_id):
                break
            self._shift += -1 if older else 1
            self._from = message_id if older else message_id + 1
            if self._shift == 0:
                self._measured(message_id)
                return
        else:
            if ids:
                self._measure()
                return
        self._measured(None)

    def _measured(self, message_id: int | None) -> None:
        """Begin where the count ended; None: the list is shorter than that, on one side."""
        older = self._query.add_offset > 0
        if message_id is None:
            if older != self._reverse:  # shifted beyond the end of the walk
                self._finish()
                return
            anchor = self._query.low + 1 if older else min(self._query.high, MAX_ID)
        elif self._reverse:
            anchor = message_id if older else message_id + 1
        else:
            anchor = message_id if older else min(message_id + 1, self._query.high)
        self._start_at(anchor)

    # Segments

    def _first_page(self, answer: _Answer) -> None:
        """Take a page anchored at `_last` and plan the positions behind it."""
        self._anchor = self._last + 1 if self._reverse else self._last
        in_page = len(answer.ids) + len(answer.empty_ids)
        self._accept(answer)
        if self.done:
            return
        remaining = self.count
        if remaining is not None:
            if answer.position is not None:
                before = answer.position
                remaining = before if self._reverse else remaining - before - in_page
            else:
                remaining -= self.delivered
        self._plan(remaining)

    def _plan(self, remaining: int | None) -> None:
        """Plan positions behind a page anchored at `_anchor`, which is position 0."""
        self._new_segment()
        self._head = self._next_position = 1
        bound = min(self._ids_behind(self._last), self._left)
        self._remaining = max(bound if remaining is None else min(bound, remaining), 0)
        self._planned = 1
        if self._stride:
            self._planned += min(-(-self._remaining // self._stride), self._reach - 1)

    def _new_segment(self) -> None:
        self._segment += 1
        for held in self._pages.values():
            self._drop(held)
        self._pages.clear()

    def _replan(self, message_id: int, position: int) -> None:
        """Plan no page behind the bounds: *message_id* ends the page before *position*."""
        if self._stride:
            pages = -(-self._ids_behind(message_id) // self._stride)
            self._planned = min(self._planned, position + pages)

    def _advance(self) -> None:
        """Deliver, in order, all that is complete; start the next step where that ends."""
        while not self.done and self.error is None and self._step is None:
            answer = self._pages.get(self._head)
            if answer is None:
                if self._head < self._next_position or self._head < self._planned:
                    return
                if self._claimed == self._last:
                    self._end()
                else:
                    self._walk(None)
            elif answer.error is not None:
                self._fail(answer.error)
            else:
                self._deliver_head(answer)

    def _deliver_head(self, answer: _Answer) -> None:
        if not self._fresh(answer.ids):
            del self._pages[self._head]
            self._drop(answer)
            self._head += 1
            self._empty_run += 1
            if self._claimed != self._last:
                self._walk(None)
            elif self._empty_run >= _EMPTY_RUN:
                self._planned = min(self._planned, self._next_position)
            if answer.ids:
                self._on_stale(self._head - 1)
            return
        first = answer.ids[0]
        if (
            self._behind(first, self._last)
            and abs(first - self._last) > 1
            and first != self._proven
            and not (self._claimed == self._last == MAX_ID)  # the top is hidden, not a gap
        ):
            if self._claimed == self._last:
                self._start_sweep(first, is_final=False)
            else:
                self._walk(first)
            return
        del self._pages[self._head]
        self._head += 1
        self._empty_run = 0
        self._stale_at = -1
        self._accept(answer)

    def _on_stale(self, position: int) -> None:
        """Give up positions that large, if two pages in a row showed only what is known."""
        if self._stale_at < 0:
            self._stale_at = position
            return
        self._reach = max(self._stale_at, 1)
        self._stale_at = -1
        self._new_segment()
        self._planned = self._next_position = self._head

    # Walks

    def _walk(self, target: int | None) -> None:
        """Ask what follows the last delivered id, up to *target* or the end."""
        self._target = target
        self._is_retried = False
        self._from = self._last
        self._ask_walk()

    def _ask_walk(self) -> None:
        self.walks += 1
        anchor = self._from + 1 if self._reverse else self._from
        # Only a full page can prove that nothing follows; the first need not be one.
        is_first = self.delivered == 0 and not self._is_retried
        size = min(self._size, self._left) if is_first else self._size
        self._do(_Step.WALK, self._page_ask(anchor, size))

    def _on_walk(self, answer: _Answer) -> None:
        if self._fresh(answer.ids):
            target = self._target
            if target is None and self._head >= self._planned and not self._pages:
                self._first_page(answer)
                return
            self._accept(answer)
            if target is not None and self._behind(target, self._last) and not self.done:
                self._is_retried = False
                self._ask_walk()
            return
        self._drop(answer)
        is_doubtful = bool(answer.ids or answer.empty_ids) or self._expects_more()
        if not self._is_retried and (is_doubtful or self._left < self._size):
            self._is_retried = True
            self._ask_walk()
            return
        furthest = self._ordered(answer.empty_ids)[-1:]
        if furthest and self._behind(furthest[0], self._from):
            # Twice the server said that these ids are empty: go on behind them.
            self._from = furthest[0]
            self._is_retried = False
            self._ask_walk()
            return
        self._claimed = self._last
        if self._target is not None:
            self._start_sweep(self._target, is_final=False)
        elif self._head >= self._planned and self._expects_more() and self._probed != self._last:
            # The count says that something follows: look a few pages further on.
            self._probed = self._last
            self._anchor = self._last + 1 if self._reverse else self._last
            assert self.count is not None  # noqa: S101 - for the type checker
            self._plan(min(self.count - self.delivered, _EMPTY_RUN * self._stride))

    def _expects_more(self) -> bool:
        """Tell whether the count of a whole list says that messages are missing."""
        query = self._query
        is_whole = not (query.min_id or query.max_id or query.offset_id or query.add_offset)
        is_whole = is_whole and query.offset_date is None
        return is_whole and self.count is not None and self.delivered < self.count

    # Sweeps

    def _end(self) -> None:
        """The history says that it has ended; look once behind the end, then believe it."""
        if self._swept_end == self._last:
            self._finish()
            return
        self._swept_end = self._last
        if not self._reverse:
            if self._last >= MAX_ID or self._last - 1 <= self._query.low:
                self._finish()
            else:
                end = max(self._last - SWEEP_SIZE - 1, self._query.low)
                self._start_sweep(end, is_final=True)
        elif self._top is not None and self._last < min(self._top, self._query.high - 1):
            anchor = min(self._top + 1, self._query.high)
            self._do(_Step.CHECK_TOP, Ask(self._token(), anchor, 0, self._size))
        else:
            self._finish()

    def _on_check_top(self, answer: _Answer) -> None:
        if self._fresh(answer.ids):
            # As if the next position had brought it: the seam is swept, then it is delivered.
            answer.ids = self._fresh(answer.ids)
            self._pages[self._head] = answer
        else:
            self._drop(answer)

    def _start_sweep(self, end: int, *, is_final: bool) -> None:
        self._sweep = _Sweep(self._last, end, is_final)
        self._ask_sweep(self._sweep)

    def _ask_sweep(self, sweep: _Sweep) -> None:
        step = 1 if self._reverse else -1
        count = min(abs(sweep.end - sweep.cursor) - 1, SWEEP_SIZE)
        if count <= 0:
            self._swept(sweep)
            return
        self.sweeps += 1
        first = sweep.cursor + step
        sweep.cursor += step * count
        ids = tuple(range(first, first + step * count, step))
        self._do(_Step.SWEEP, Ask(self._token(), ids=ids))

    def _on_sweep(self, answer: _Answer) -> None:
        sweep = self._sweep
        assert sweep is not None  # noqa: S101 - for the type checker
        self._drop(answer)
        sweep.found = self._fresh(answer.ids)
        self._show(sweep)

    def _show(self, sweep: _Sweep) -> None:
        if not sweep.found:
            self._ask_sweep(sweep)
            return
        found = sweep.found[0]
        anchor = found if self._reverse else found + 1
        self._do(_Step.SHOW, self._page_ask(anchor, self._size))

    def _on_show(self, answer: _Answer) -> None:
        sweep = self._sweep
        assert sweep is not None  # noqa: S101 - for the type checker
        if self._fresh(answer.ids):
            self._sweep = None
            self._claimed = None
            self._accept(answer)
            return
        # It exists but is not shown, nor is the rest of that page: ask behind it.
        self._drop(answer)
        del sweep.found[: self._size]
        self._show(sweep)

    def _swept(self, sweep: _Sweep) -> None:
        self._sweep = None
        if sweep.is_final:
            self._finish()
        else:
            self._proven = sweep.end


_HANDLERS = {
    _Step.PROBE: Windows._on_probe,
    _Step.SEEK: Windows._on_seek,
    _Step.MEASURE: Windows._on_measure,
    _Step.WALK: Windows._on_walk,
    _Step.SWEEP: Windows._on_sweep,
    _Step.SHOW: Windows._on_show,
    _Step.CHECK_TOP: Windows._on_check_top,
}
