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

from collections.abc import Collection, Sequence
from dataclasses import replace

from telefast.history.order import Answer, Ask, Delivery, Order
from telefast.history.outbox import Outbox
from telefast.history.query import MAX_ID, Query
from telefast.history.sources import Source, Sources
from telefast.history.start import Begin, Start
from telefast.history.step import Step
from telefast.history.sweep import Sweep
from telefast.history.top import Top
from telefast.history.walk import Walk

__all__ = ["Windows"]


class Windows:
    """Plan the requests of one walk through a channel's history.

    Args:
        query: What is asked; `query.ids` and an empty query are not for this class.
        request_size: Messages per request, 1 to 100. With 1 there are no seams, and the walk is
            sequential.
        can_sweep: Whether the chat's ids are its own, so that a range of them can be asked for;
            private chats and basic groups share one sequence, and searches leave ids out. There a
            gap is believed once a walk and a page behind it agree, and only ids that a page calls
            empty are asked for.
        by_ids: Whether dense stretches may be read by ids, where `can_sweep`.
        prefetch: Pages that the caller holds or has in flight, at most.
        stretch_pages: The same while a dense stretch is read by ids; None for no more.
    """

    def __init__(
        self,
        query: Query,
        request_size: int = 100,
        can_sweep: bool = True,
        *,
        by_ids: bool = True,
        prefetch: int = 8,
        stretch_pages: int | None = None,
    ) -> None:
        self.done = False
        self.error: Exception | None = None
        """What stopped the walk; everything before it was delivered."""
        self.count: int | None = None
        """Messages in the whole list, as last announced."""
        self.by_ids = 0
        """Requests by ids that bring messages, where those of `sweeps` only find them."""
        self.walks = 0
        self.sweeps = 0
        self._query = query
        self._can_sweep = can_sweep
        self._order = Order(query, request_size)
        self._out = Outbox(self._order)
        self._next_token = 0
        self._step = Step()
        self._sources = Sources(
            self._order,
            prefetch=prefetch,
            stretch_pages=prefetch if stretch_pages is None else stretch_pages,
            can_sweep=can_sweep and by_ids,
        )
        # The walk.
        self._walk = Walk(self._order, 0, None)
        self._claimed: int | None = None  # an honest empty page followed this id
        self._counted: int | None = None  # behind this id the count was followed
        self._swept: int | None = None  # behind this id the end was swept
        self._proven: int | None = None  # nothing lies between _last and this id
        self._sweep: Sweep | None = None
        self._detour: int | None = None  # the sweep is of ids, up to this one, called empty
        # In reverse the newest id, which says where the end is.
        self._top = Top(request_size)
        if query.reverse and self._out.left > request_size:
            self._top.begin()
        self._start = Start(self._order, limit=self._out.left)
        self._begin(self._start.first())
        self._advance()

    # What the shell calls

    @property
    def held(self) -> int:
        """Answers that wait for an earlier one."""
        return self._source.held

    @property
    def missing(self) -> int:
        """Messages of a whole list that its count announces and that have not come."""
        return self._out.missing(self.count)

    @property
    def mismatches(self) -> int:
        """Stretches by ids that the history did not confirm, and that were read by pages."""
        return self._sources.mismatches

    @property
    def is_given_up(self) -> bool:
        """Whether so long a run was hidden that the rest was not looked for."""
        return self._sources.is_given_up

    def next_request(self, *, room: int) -> Ask | None:
        """Return a request to send now, or None if nothing is to be sent before an answer.

        Args:
            room: How many more pages the caller is ready to hold. The one sequential request that
                repairs or ends a walk goes out without room: what is held waits for it.
        """
        if self.done or self.error is not None:
            return None
        for asker in (self._step, self._top, self._sources):
            if (ask := asker.next_ask(room=room)) is not None:
                self._next_token += 1
                asker.on_sent(self._next_token)
                self.by_ids += asker is self._sources and bool(ask.ids)
                return replace(ask, token=self._next_token)
            if self._top.is_pending and asker is self._top:
                break
        return None

    def on_answer(
        self,
        token: int,
        ids: Collection[int],
        *,
        empty_ids: Sequence[int] = (),
        count: int | None = None,
        position: int | None = None,
        pts: int | None = None,
        marked: Collection[int] = (),
    ) -> None:
        """Report an answer; see `Plan`."""
        if count is not None:
            self.count = count
        ids = self._order.sorted(ids)
        self._on(Answer(token, ids, empty_ids, position, None, count, pts, marked))

    def on_error(self, token: int, error: Exception) -> None:
        """Report that a request failed for good; what lies before it is still delivered."""
        self._on(Answer(token, [], error=error))

    def take(self) -> Delivery | None:
        """Return what is to be delivered next, or None."""
        return self._out.take()

    # Answers

    def _on(self, answer: Answer) -> None:
        if self.done:
            return
        if self._top.on_answer(answer, count=self.count):
            self._on_top(answer)
        elif (heard := self._step.on_answer(answer)) is not None:
            if answer.error is not None:
                self.error = answer.error
            else:
                heard(answer)
        elif not self._source.on_answer(answer, top=self._top.id):
            self._out.drop(answer)
        self._advance()

    def _on_top(self, answer: Answer) -> None:
        self._out.drop(answer)
        if answer.error is not None:
            self.error = answer.error
        elif answer.ids:
            ids_left = self._order.ids_behind(self._out.last, self._top.id)
            self._source.cut(ids_left)

    def _accept(self, answer: Answer) -> None:
        """Deliver what is new in an answer; the caller has checked that, and the seam."""
        self.done = not self._out.accept(answer)

    # The beginning

    def _begin(self, step: Ask | Begin, answer: Answer | None = None) -> None:
        if isinstance(step, Ask):
            self._step.do(step, self._on_start)
        elif step.last is None:
            self.done = True
        else:
            self._out.last = step.last
            if not self._out.is_end_ahead():
                self.done = True
            elif answer is not None and step.is_first_page:
                self._first_page(answer)
                return
        if answer is not None:
            self._out.drop(answer)

    def _on_start(self, answer: Answer) -> None:
        self._begin(self._start.on_answer(answer, count=self.count), answer)

    # Sources of pages

    @property
    def _source(self) -> Source:
        return self._sources.current

    def _first_page(self, answer: Answer) -> None:
        """Take the page that follows `_last`, and plan the positions behind it."""
        anchor = self._order.anchor_after(self._out.last)
        self._accept(answer)
        if self.done:
            return
        self._plan(answer, anchor, self._out.remaining(answer, self.count))

    def _plan(self, page: Answer | None, anchor: int, remaining: int | None) -> None:
        """Begin a source behind *page*; *remaining* messages follow that, None if unknown."""
        self._drop_source()
        remaining = self._ahead if remaining is None else min(self._ahead, remaining)
        self._sources.begin(page, anchor, remaining=remaining, top=self._top.id)

    @property
    def _ahead(self) -> int:
        """How many messages may follow, at most."""
        return min(self._order.ids_behind(self._out.last, self._top.id), self._out.left)

    def _drop_source(self) -> None:
        for answer in self._sources.drop():
            self._out.drop(answer)

    def _advance(self) -> None:
        """Deliver, in order, all that is complete; start the next step where that ends."""
        while not self.done and self.error is None and not self._step.is_open:
            answer = self._source.head()
            if answer is not None:
                self._on_head(answer)
            elif not self._source.is_used_up:
                return
            elif self._claimed != self._out.last:
                self._walk_to(None)
            elif self._top.is_pending:
                return  # the newest id is on its way
            else:
                self._end()

    def _on_head(self, answer: Answer) -> None:
        """Check the seam before the next page, and deliver it if that holds."""
        if answer.error is not None:
            self.error = answer.error
            return
        is_joined = self._source.is_joined
        if not self._out.fresh(answer):
            self._on_nothing_new(answer, is_joined=is_joined)
            return
        first = answer.ids[0]
        is_known = is_joined or first in (self._proven, self._order.one_behind(self._out.last))
        is_open = not is_known and self._order.is_behind(first, self._out.last)
        # Where the very top is hidden (MAX_ID stands for it) there is nothing to close.
        if is_open and not (self._claimed == self._out.last == MAX_ID):
            if self._claimed == self._out.last:
                self._sweep_on(Sweep(self._order, self._out.last, first))
            else:
                self._walk_to(first)
            return
        self._source.pass_head()
        self._accept(answer)
        self._sources.on_new(answer, ahead=self._ahead)

    def _on_nothing_new(self, answer: Answer, *, is_joined: bool) -> None:
        self._source.pass_head()
        self._out.drop(answer)
        if is_joined:
            return
        if self._sources.on_nothing_new(answer):
            self._drop_source()
        if self._claimed != self._out.last:
            self._walk_to(None)

    # Walks

    def _walk_to(self, target: int | None) -> None:
        """Ask what follows the last delivered id, up to *target* or the end."""
        self._walk_on(Walk(self._order, self._out.last, target))

    def _walk_on(self, walk: Walk) -> None:
        self._walk = walk
        self.walks += 1
        # The very first page need not be full.
        size = self._order.size if self._out.delivered else min(self._order.size, self._out.left)
        self._step.do(walk.next_ask(size), self._on_walk)

    def _on_walk(self, answer: Answer) -> None:
        if not self._out.fresh(answer):
            self._out.drop(answer)
            self._on_empty_walk(answer)
            return
        target = self._walk.target
        if target is None and self._source.is_used_up:
            self._first_page(answer)
            return
        self._accept(answer)
        if target is not None and self._order.is_behind(target, self._out.last):
            self._walk_to(target)

    def _on_empty_walk(self, answer: Answer) -> None:
        """Nothing follows, says the server: believe it, or look again."""
        walk = self._walk
        left = self._out.left_behind(answer, self.count)
        doubt = walk.on_nothing(answer, left)
        if doubt is not None and doubt.ids:
            end = self._order.one_behind(doubt.ids[-1])
            ids = None if self._can_sweep else doubt.ids
            self._sweep_on(Sweep(self._order, walk.last, end, ids), detour=doubt.ids[-1])
        elif doubt is not None:
            self._walk_on(walk)
        else:
            self._claimed = self._out.last
            if walk.target is not None:
                self._sweep_on(Sweep(self._order, self._out.last, walk.target))
            elif self._source.is_used_up and left and self._counted != self._out.last:
                # The counts say that something follows: look further on.
                self._counted = self._out.last
                self._plan(None, self._order.anchor_after(self._out.last), left)

    # Sweeps

    def _end(self) -> None:
        """The history says that it has ended: look once behind the end, then believe it."""
        top = self._top.id
        is_known = top is not None and self._out.last >= min(top, self._query.high - 1)
        if self._swept == self._out.last or (self._query.reverse and is_known):
            self.done = True
            return
        self._swept = self._out.last
        if self._query.reverse:
            self._step.do(Ask(self._query.max_id, 0, self._order.size), self._on_top_page)
        elif self._out.last < MAX_ID:
            self._sweep_on(Sweep(self._order, self._out.last, None))

    def _on_top_page(self, answer: Answer) -> None:
        """In reverse the newest page tells whether anything follows."""
        fresh = self._out.fresh(answer)
        if fresh:
            # As if the next position had brought it: the seam is swept, then it is delivered.
            self._sources.put(replace(answer, ids=fresh))
        else:
            self._out.drop(answer)
            self._sweep_on(Sweep(self._order, self._out.last, None))

    def _sweep_on(self, sweep: Sweep, *, detour: int | None = None) -> None:
        """Prove that nothing lies in a gap; after a detour the walk goes on behind it."""
        ask = sweep.next_ask() if self._can_sweep or detour is not None else None
        if ask is not None:
            self._sweep, self._detour = sweep, detour
            self.sweeps += 1
            self._step.do(ask, self._on_sweep)
        elif detour is not None:
            self._walk_on(Walk(self._order, detour, self._walk.target))
        else:
            self._proven = sweep.end

    def _on_sweep(self, answer: Answer) -> None:
        sweep = self._sweep
        assert sweep is not None  # noqa: S101 - for the type checker
        fresh = self._out.fresh(answer)
        if sweep.is_showing and fresh:
            self._accept(answer)
            return
        self._out.drop(answer)
        if sweep.is_showing:
            sweep.on_hidden(is_doubtful=bool(answer.empty_ids))
        else:
            sweep.on_ids(fresh)
        self._sweep_on(sweep, detour=self._detour)
