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
6. At the end the next 200 ids are swept as well, on while they find anything, for a run of
   messages that the history hides; where the counts say that something follows, or in reverse the
   newest page shows it, that is followed first.

In reverse all is mirrored. "Behind" below always means further along the walk.

Sans-I/O: requests go out by `next_request`, answers come in by `on_answer`, in any order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from telefast.history.order import Answer, Ask, Delivery, Order
from telefast.history.query import MAX_ID, Query
from telefast.history.segment import Segment
from telefast.history.start import Begin, Start
from telefast.history.sweep import Sweep
from telefast.history.walk import Walk

__all__ = ["Windows"]

_HIDDEN_RUN = 2000
"""Messages hidden in one run, before it is believed that all the rest is hidden: our choice."""


class Windows:
    """Plan the requests of one walk through a channel's history.

    Args:
        query: What is asked; `query.ids` and an empty query are not for this class.
        request_size: Messages per request, 1 to 100. With 1 there are no seams, and the walk is
            sequential.
        can_sweep: Whether the chat's ids are its own, so that a range of them can be asked for;
            private chats and basic groups share one sequence, and there a gap is believed once a
            walk and a page behind it agree.
    """

    def __init__(self, query: Query, *, request_size: int = 100, can_sweep: bool = True) -> None:
        self.done = False
        self.error: Exception | None = None
        """What stopped the walk; everything before it was delivered."""
        self.count: int | None = None
        """Messages in the whole list, as last announced."""
        self.delivered = 0
        self.is_given_up = False
        """Whether so long a run was hidden that the rest was not looked for."""
        self.walks = 0
        self.sweeps = 0
        self._query = query
        self._can_sweep = can_sweep
        self._order = Order(query, request_size)
        self._left = MAX_ID if query.limit is None else query.limit
        self._deliveries: deque[Delivery] = deque()
        self._next_token = 0
        # The one sequential request: to be sent, in flight, and who hears its answer.
        self._ask: Ask | None = None
        self._ask_token = 0
        self._on_step: Callable[[Answer], None] | None = None
        # The segment; this first one holds nothing, so that the walk begins.
        self._segment = Segment(self._order, 0, remaining=0, most=1)
        self._reach = MAX_ID  # positions that the server honours
        self._empty_run = 0
        self._stale_at: int | None = None
        # The walk.
        self._last = 0  # everything up to here is delivered or known to be absent
        self._walk = Walk(self._order, 0, None)
        self._claimed: int | None = None  # an honest empty page followed this id
        self._counted: int | None = None  # behind this id the count was followed
        self._swept: int | None = None  # behind this id the end was swept
        self._proven: int | None = None  # nothing lies between _last and this id
        self._sweep: Sweep | None = None
        self._detour: int | None = None  # the sweep is of ids, up to this one, called empty
        # In reverse the newest id, which says where the end is.
        self._top: int | None = None
        self._top_ask: Ask | None = None
        self._top_token = 0
        self._is_top_retried = False
        if query.reverse and self._left > request_size:
            self._ask_for_top(1)
        self._start = Start(self._order, limit=self._left)
        self._begin(self._start.first())
        self._advance()

    # What the shell calls

    @property
    def held(self) -> int:
        """Answers that wait for an earlier one."""
        return len(self._segment.pages)

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
        if room <= 0 or self._top_token or (page := self._segment.next_ask()) is None:
            return None
        page = self._named(page)
        self._segment.on_sent(page.token)
        return page

    def on_answer(
        self,
        token: int,
        ids: Collection[int],
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
            position: Position of the newest of them in that list.
        """
        if count is not None:
            self.count = count
        self._on(Answer(token, self._order.sorted(ids), empty_ids, position))

    def on_error(self, token: int, error: Exception) -> None:
        """Report that a request failed for good; what lies before it is still delivered."""
        self._on(Answer(token, [], error=error))

    def take(self) -> Delivery | None:
        """Return what is to be delivered next, or None."""
        return self._deliveries.popleft() if self._deliveries else None

    # Answers

    def _named(self, ask: Ask) -> Ask:
        self._next_token += 1
        return replace(ask, token=self._next_token)

    def _do(self, ask: Ask, on_answer: Callable[[Answer], None]) -> None:
        """Make *ask* the one sequential request."""
        self._ask = self._named(ask)
        self._ask_token = self._ask.token
        self._on_step = on_answer

    def _on(self, answer: Answer) -> None:
        if self.done:
            return
        if answer.token == self._top_token:
            self._on_top(answer)
        elif answer.token == self._ask_token and self._on_step is not None:
            step, self._on_step = self._on_step, None
            if answer.error is not None:
                self.error = answer.error
            else:
                step(answer)
        elif not self._segment.on_answer(answer, top=self._top):
            self._drop(answer)
        self._advance()

    def _ask_for_top(self, size: int) -> None:
        self._top_ask = self._named(Ask(limit=size))
        self._top_token = self._top_ask.token

    def _on_top(self, answer: Answer) -> None:
        self._top_token = 0
        self._drop(answer)
        if answer.error is not None:
            self.error = answer.error
        elif answer.ids:
            self._top = answer.ids[-1]
            ids_left = self._order.ids_behind(self._last, self._top)
            self._segment.cut(ids_left, behind=self._segment.head - 1)
        elif not self.count:
            self._top = 0
        elif not self._is_top_retried:
            self._is_top_retried = True
            self._ask_for_top(self._order.size)

    def _drop(self, answer: Answer) -> None:
        self._deliveries.append(Delivery(answer.token, ()))

    def _finish(self) -> None:
        self.done = True
        self._ask = self._top_ask = None

    def _accept(self, answer: Answer) -> None:
        """Deliver what is new in an answer; the caller has checked that, and the seam."""
        fresh = self._order.behind(answer.ids, self._last)
        kept = [i for i in fresh if self._query.keeps(i)][: self._left]
        self._deliveries.append(Delivery(answer.token, kept))
        self._left -= len(kept)
        self.delivered += len(kept)
        self._last = fresh[-1]
        if self._left == 0 or not self._is_end_ahead():
            self._finish()

    def _is_end_ahead(self) -> bool:
        """Tell whether an id can lie between the last one and the query's far bound."""
        end = self._order.end
        return self._order.is_behind(end, self._last) and abs(end - self._last) > 1

    # The beginning

    def _begin(self, step: Ask | Begin, answer: Answer | None = None) -> None:
        if isinstance(step, Ask):
            self._do(step, self._on_start)
        elif step.last is None:
            self._finish()
        else:
            self._last = step.last
            if not self._is_end_ahead():
                self._finish()
            elif answer is not None and step.is_first_page:
                self._first_page(answer)
                return
        if answer is not None:
            self._drop(answer)

    def _on_start(self, answer: Answer) -> None:
        self._begin(self._start.on_answer(answer, count=self.count), answer)

    # Segments

    def _first_page(self, answer: Answer) -> None:
        """Take the page that follows `_last`, and plan the positions behind it."""
        anchor = self._order.anchor_after(self._last)
        self._accept(answer)
        if self.done:
            return
        remaining = self.count
        if remaining is not None:
            if answer.position is None:
                remaining -= self.delivered
            elif self._query.reverse:
                remaining = answer.position
            else:
                remaining -= answer.position + len(answer.ids) + len(answer.empty_ids)
        self._plan(anchor, remaining)

    def _plan(self, anchor: int, remaining: int | None) -> None:
        """Begin a segment; *remaining* messages follow its first page, None if unknown."""
        self._drop_segment()
        bound = min(self._order.ids_behind(self._last, self._top), self._left)
        remaining = bound if remaining is None else min(bound, remaining)
        self._segment = Segment(self._order, anchor, remaining=remaining, most=self._reach)

    def _drop_segment(self) -> None:
        for answer in self._segment.pages.values():
            self._drop(answer)
        self._segment = Segment(self._order, 0, remaining=0, most=1)

    def _advance(self) -> None:
        """Deliver, in order, all that is complete; start the next step where that ends."""
        while not self.done and self.error is None and self._on_step is None:
            answer = self._segment.pages.get(self._segment.head)
            if answer is not None:
                self._on_head(answer)
            elif not self._segment.is_used_up:
                return
            elif self._claimed != self._last:
                self._walk_to(None)
            elif self._top_token:
                return  # the newest id is on its way
            else:
                self._end()

    def _on_head(self, answer: Answer) -> None:
        """Check the seam before the next page, and deliver it if that holds."""
        if answer.error is not None:
            self.error = answer.error
            return
        if not self._order.behind(answer.ids, self._last):
            self._on_nothing_new(answer)
            return
        first = answer.ids[0]
        is_open = self._order.is_behind(first, self._last) and abs(first - self._last) > 1
        # Where the very top is hidden (MAX_ID stands for it) there is nothing to close.
        if is_open and first != self._proven and not (self._claimed == self._last == MAX_ID):
            if self._claimed == self._last:
                self._sweep_on(Sweep(self._order, self._last, first))
            else:
                self._walk_to(first)
            return
        self._segment.pass_head()
        self._empty_run = 0
        self._stale_at = None
        self._accept(answer)

    def _on_nothing_new(self, answer: Answer) -> None:
        position = self._segment.head
        self._segment.pass_head()
        self._drop(answer)
        self._empty_run += 1
        if self._empty_run * self._order.size >= _HIDDEN_RUN:
            self._segment.stop()
            self.is_given_up = True
        if answer.ids:
            if self._stale_at is None:
                self._stale_at = position
            else:
                # Twice only what is known: the server does not honour positions that large.
                self._reach, self._stale_at = self._stale_at, None
                self._drop_segment()
        if self._claimed != self._last:
            self._walk_to(None)

    # Walks

    def _walk_to(self, target: int | None) -> None:
        """Ask what follows the last delivered id, up to *target* or the end."""
        self._walk_on(Walk(self._order, self._last, target))

    def _walk_on(self, walk: Walk) -> None:
        self._walk = walk
        self.walks += 1
        # The very first page need not be full.
        size = self._order.size if self.delivered else min(self._order.size, self._left)
        self._do(walk.next_ask(size), self._on_walk)

    def _on_walk(self, answer: Answer) -> None:
        if not self._order.behind(answer.ids, self._last):
            self._drop(answer)
            self._on_empty_walk(answer)
            return
        target = self._walk.target
        if target is None and self._segment.is_used_up:
            self._first_page(answer)
            return
        self._accept(answer)
        if target is not None and self._order.is_behind(target, self._last):
            self._walk_to(target)

    def _on_empty_walk(self, answer: Answer) -> None:
        """Nothing follows, says the server: believe it, or look again."""
        walk = self._walk
        left = self._left_behind(answer)
        doubt = walk.on_nothing(answer, left)
        if doubt is not None and doubt.empty_to is not None:
            end = self._order.one_behind(doubt.empty_to)
            self._sweep_on(Sweep(self._order, walk.last, end), detour=doubt.empty_to)
        elif doubt is not None:
            self._walk_on(walk)
        else:
            self._claimed = self._last
            if walk.target is not None:
                self._sweep_on(Sweep(self._order, self._last, walk.target))
            elif self._segment.is_used_up and left and self._counted != self._last:
                # The counts say that something follows: look further on.
                self._counted = self._last
                self._plan(self._order.anchor_after(self._last), left)

    def _left_behind(self, answer: Answer) -> int:
        """Return how many messages the counts say follow an empty page; 0 if they do not say."""
        left = self.missing
        if self.count is not None and answer.position is not None and not self._query.reverse:
            left = max(left, self.count - answer.position)
        return left

    @property
    def missing(self) -> int:
        """Messages of a whole list that its count announces and that have not come."""
        query = self._query
        is_part = query.min_id or query.max_id or query.offset_id or query.add_offset
        if is_part or query.offset_date is not None or self.count is None:
            return 0
        return max(self.count - self.delivered, 0)

    # Sweeps

    def _end(self) -> None:
        """The history says that it has ended: look once behind the end, then believe it."""
        is_known = self._top is not None and self._last >= min(self._top, self._query.high - 1)
        if self._swept == self._last or (self._query.reverse and is_known):
            self._finish()
            return
        self._swept = self._last
        if self._query.reverse:
            self._do(Ask(self._query.max_id, 0, self._order.size), self._on_top_page)
        elif self._last < MAX_ID:
            self._sweep_on(Sweep(self._order, self._last, None))

    def _on_top_page(self, answer: Answer) -> None:
        """In reverse the newest page tells whether anything follows."""
        fresh = self._order.behind(answer.ids, self._last)
        if fresh:
            # As if the next position had brought it: the seam is swept, then it is delivered.
            self._segment.pages[self._segment.head] = replace(answer, ids=fresh)
        else:
            self._drop(answer)
            self._sweep_on(Sweep(self._order, self._last, None))

    def _sweep_on(self, sweep: Sweep, *, detour: int | None = None) -> None:
        """Prove that nothing lies in a gap; after a detour the walk goes on behind it."""
        ask = sweep.next_ask() if self._can_sweep else None
        if ask is not None:
            self._sweep, self._detour = sweep, detour
            self.sweeps += 1
            self._do(ask, self._on_sweep)
        elif detour is not None:
            self._walk_on(Walk(self._order, detour, self._walk.target))
        else:
            self._proven = sweep.end

    def _on_sweep(self, answer: Answer) -> None:
        sweep = self._sweep
        assert sweep is not None  # noqa: S101 - for the type checker
        fresh = self._order.behind(answer.ids, self._last)
        if sweep.is_showing and fresh:
            self._accept(answer)
            return
        self._drop(answer)
        if sweep.is_showing:
            sweep.on_hidden(is_doubtful=bool(answer.empty_ids))
        else:
            sweep.on_ids(fresh)
        self._sweep_on(sweep, detour=self._detour)
