"""Dense stretches by ids: 200 messages in a request instead of 100, and each stretch proven.

Theory of operation. A request by ids may yield what the history hides on purpose (what was before
we joined, what an administrator cleared for us), and only the history decides what is delivered.
So the walk is cut into *stretches*: some *sweeps* of 200 ids each, then a *border*, which is an
ordinary page of history anchored at the id where the sweeps end. A history page says how long the
whole list is (`count`) and how far from its new end the page begins (`position`). Their difference
counts from the old end: call it the *rank* of a message. The ranks of the last message before a
stretch and of the first one behind it tell how many messages the history has between them. If the
sweeps have found as many, the sets are equal, for the history's messages are some of those that
exist. Else the stretch is read again by pages.

That argument needs one list. Between the answers the list changes, and equal numbers could hide it:
one hidden message found, one old message deleted (ranks fall by one), one posted (so that `count`
stays). Three facts exclude every such coincidence:

- New messages leave all ranks as they are. Only deletions change ranks, or what exists in a
  stretch.
- Every answer of a channel carries `pts`, which grows by one for each message posted, edited or
  deleted, and never falls (https://core.telegram.org/api/updates).
- So `count` grows by at most one where `pts` does, and grows as much only if every single change
  was a post.

A stretch counts as proven only if two history answers, one with the smallest `pts` of all its
answers or less, one with the largest or more, differ by as much in `count` as in `pts`. Then
nothing was deleted while the answers were made, nor hidden (that lowers `count` too): all answers
are of one list, but for new messages at its end. In a quiet chat nothing differs, the usual case.
Where the last sweep was later than every history answer, the border is asked once more.

What remains: a message that the history counts, yet leaves out of its pages, as content restricted
by local law. By id it carries a `restriction_reason`; such messages are never taken from a sweep,
so the numbers differ and the pages decide. A border that is short for no good reason tells of them
as well; the rest of the walk is by pages then.

The next border is asked before the sweeps of a stretch, so it is known beforehand how many
messages they will bring: where pages are not dearer, the source ends. It is for channels only, for
private chats and basic groups share one sequence of ids.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from telefast.history.order import Answer, Ask, Order
from telefast.history.sweep import SWEEP_SIZE

__all__ = ["Dense", "following"]

_GAIN = 0.9
"""A stretch is swept if that takes this share of the requests of pages, or less: our choice."""
_SWEEP_ROOM = 2
"""Pages of room that a sweep takes: it may bring 200 messages."""
_TORN = -1
"""Stands for a length that changed while `pts` did not."""
_BORDER, _CONFIRM = -1, -2
"""What a request is, if it is no sweep of that number."""


def _ranks(answer: Answer) -> tuple[int, int] | None:
    """Return the ranks of the newest and the oldest message of a full page; None if unknown."""
    if answer.count is None or answer.position is None or answer.pts is None:
        return None
    if not answer.ids or answer.empty_ids:
        return None
    newest = answer.count - answer.position
    return newest, newest - len(answer.ids) + 1


def following(page: Answer, order: Order) -> int | None:
    """Return how many messages of the list the walk comes to after *page*; None if unknown."""
    both = _ranks(page)
    if both is None:
        return None
    return page.position if order.query.reverse else both[1] - 1


@dataclass(slots=True)
class _Stretch:
    """Sweeps between two history pages.

    Attributes:
        start: The last id before it.
        rank: Its rank.
        since: `pts` of the page that it follows.
        slices: The ids of each sweep.
        end: The last id of the sweeps; the border follows it.
        owed: How many messages the history has in it, once the border has come.
    """

    start: int
    rank: int
    since: int | None
    slices: list[tuple[int, ...]]
    end: int
    owed: int = 0
    is_asked: bool = False
    border: Answer | None = None
    sent: int = 0
    sweeps: dict[int, Answer] = field(default_factory=dict)
    is_confirmed: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether all its answers have come."""
        return self.border is not None and len(self.sweeps) == len(self.slices)


class Dense:
    """Sweeps and borders behind a page of history; a `Source`.

    Args:
        order: Direction, bounds and page size.
        page: The page that was delivered last, with its ranks.
        most: Sweeps in one stretch, at most.
        left: Messages to bring, at most.
        top: The newest id, where that is known.
    """

    def __init__(
        self, order: Order, page: Answer, *, most: int, left: int, top: int | None
    ) -> None:
        self.is_joined = True
        """What it hands on follows what was delivered, without a gap."""
        self.failed_to: int | None = None
        """The end of the stretch that was not proven, if one was not."""
        self.is_sparse = False
        """Whether it ended because pages are as cheap, or a border proves nothing."""
        self.is_spoiled = False
        """Whether a border was short: the history leaves out what it counts."""
        self.proven = 0
        """Stretches that were."""
        self._order = order
        self._most = most
        self._left = left
        self._top = top
        self._stretches: deque[_Stretch] = deque()
        self._ready: deque[Answer] = deque()
        self._waste: list[Answer] = []
        self._in_flight: dict[int, tuple[_Stretch, int]] = {}
        self._last_asked: tuple[_Stretch, int] | None = None
        self._confirming: _Stretch | None = None
        self._counts: dict[int, int] = {}  # of the list, by pts
        self._append(page)

    # A source

    @property
    def held(self) -> int:
        """Pages of room that its answers take, and those in flight beyond one for each."""
        answers = [*self._ready, *self._of_stretches()]
        pages = sum(-(-len(answer.ids) // self._order.size) or 1 for answer in answers)
        in_flight = sum(index >= 0 for _, index in self._in_flight.values())
        return pages + in_flight * (_SWEEP_ROOM - 1)

    @property
    def is_used_up(self) -> bool:
        """Whether everything planned has had its turn."""
        return not self._ready and not self._stretches

    def next_ask(self, *, room: int) -> Ask | None:
        """Return what to ask for next; to confirm a border needs no room."""
        if self._confirming is not None:
            stretch, self._confirming = self._confirming, None
            self._last_asked = stretch, _CONFIRM
            return self._border(stretch, size=1)
        unsent = [s for s in self._stretches if s.sent < len(s.slices)]
        for stretch in unsent[:2]:  # the border first, while the stretch before is swept
            if not stretch.is_asked and room > 0:
                stretch.is_asked = True
                self._last_asked = stretch, _BORDER
                return self._border(stretch)
        if not unsent or unsent[0].border is None or room < _SWEEP_ROOM:
            return None
        stretch = unsent[0]
        self._last_asked = stretch, stretch.sent
        stretch.sent += 1
        return Ask(ids=stretch.slices[stretch.sent - 1])

    def on_sent(self, token: int) -> None:
        """Report the token of what `next_ask` returned last."""
        assert self._last_asked is not None  # noqa: S101 - for the type checker
        self._in_flight[token] = self._last_asked

    def on_answer(self, answer: Answer, *, top: int | None) -> bool:
        """Keep an answer; False if it answers nothing that this source asked for."""
        asked = self._in_flight.pop(answer.token, None)
        if asked is None:
            return False
        stretch, index = asked
        self._note(answer)
        if index == _CONFIRM:
            stretch.is_confirmed = True
            self._waste.append(answer)
        elif index == _BORDER:
            self._on_border(stretch, answer)
        else:
            stretch.sweeps[index] = self._of_stretch(stretch, answer)
        self._settle()
        return True

    def head(self) -> Answer | None:
        """Return the answer whose turn it is, None if it is not proven yet."""
        return self._ready[0] if self._ready else None

    def pass_head(self) -> None:
        """The head has had its turn."""
        self._ready.popleft()

    def cut(self, ids_left: int) -> None:
        """Nothing to do: ranks say better than ids where the list ends."""

    def stop(self) -> None:
        """Nothing to do: it is not for lists that hide long runs."""

    def waiting(self) -> Iterable[Answer]:
        """Return the answers that have not had their turn."""
        yield from self._waste
        yield from self._ready
        yield from self._of_stretches()

    def _of_stretches(self) -> Iterable[Answer]:
        for stretch in self._stretches:
            yield from stretch.sweeps.values()
            if stretch.border is not None:
                yield stretch.border

    # Stretches

    def _note(self, answer: Answer) -> None:
        """Remember how long the list was; two lengths at one `pts` prove nothing any more."""
        if answer.pts is None or answer.count is None:
            return
        if self._counts.setdefault(answer.pts, answer.count) != answer.count:
            self._counts[answer.pts] = _TORN

    def _append(self, page: Answer) -> None:
        """Plan the stretch behind a page, if there is enough for one."""
        both, follow = _ranks(page), following(page, self._order)
        if both is None or follow is None:
            return
        self._note(page)
        reverse = self._order.query.reverse
        start, rank = page.ids[-1], both[0 if reverse else 1]
        ids_left = self._order.ids_behind(start, self._top)
        sweeps = (min(follow, self._left, ids_left) - self._order.size) // SWEEP_SIZE
        sweeps = min(sweeps, self._most)
        if sweeps < 1:
            return
        step = 1 if reverse else -1
        end = start + step * sweeps * SWEEP_SIZE
        ids = range(start + step, end + step, step)
        slices = [tuple(ids[i : i + SWEEP_SIZE]) for i in range(0, len(ids), SWEEP_SIZE)]
        self._stretches.append(_Stretch(start, rank, page.pts, slices, end))

    def _border(self, stretch: _Stretch, *, size: int | None = None) -> Ask:
        return self._order.page(self._order.anchor_after(stretch.end), size=size)

    def _of_stretch(self, stretch: _Stretch, answer: Answer) -> Answer:
        """Leave out what carries a mark, and what was not asked for."""
        low, high = sorted((stretch.start, stretch.end))
        if self._order.query.reverse:
            low, high = low + 1, high + 1
        ids = [i for i in answer.ids if low <= i < high and i not in answer.marked]
        return Answer(answer.token, ids, (), None, answer.error, pts=answer.pts)

    def _on_border(self, stretch: _Stretch, answer: Answer) -> None:
        """Take a border if it can prove its stretch and if sweeps are cheap; else end here."""
        if answer.error is not None:
            # History itself fails: an error to be raised at its turn.
            stretch.border = answer
            stretch.slices = []
            return
        both = _ranks(answer)
        is_full = len(answer.ids) == self._order.size
        if both is not None and is_full and self._order.is_behind(answer.ids[0], stretch.end):
            reverse = self._order.query.reverse
            owed = (both[1] - stretch.rank if reverse else stretch.rank - both[0]) - 1
            pages = owed / (self._order.size - 1) + 1
            if len(stretch.slices) + 1 <= _GAIN * pages:
                stretch.border, stretch.owed = answer, owed
                self._left -= owed + len(answer.ids)
                self._append(answer)
                return
        # A page that is short for no good reason spoils everything; others only this attempt.
        self.is_spoiled = not is_full
        self.is_sparse = True
        self._waste.append(answer)
        self._stretches.pop()

    def _settle(self) -> None:
        """Hand on the stretches that are proven; end at the first that is not."""
        while self._stretches and self._stretches[0].is_complete:
            stretch = self._stretches[0]
            verdict = self._verdict(stretch)
            if verdict is None:
                return
            if not verdict:
                self.failed_to = stretch.end
                self._waste.extend(self._of_stretches())
                self._stretches.clear()
                self._in_flight.clear()
                return
            self._stretches.popleft()
            self._ready.extend(stretch.sweeps[i] for i in range(len(stretch.slices)))
            assert stretch.border is not None  # noqa: S101 - for the type checker
            self._ready.append(stretch.border)
            self.proven += 1

    def _verdict(self, stretch: _Stretch) -> bool | None:
        """Tell whether a complete stretch is proven; None if an answer may yet tell."""
        border = stretch.border
        assert border is not None  # noqa: S101 - for the type checker
        if border.error is not None:
            return True
        found = sum(len(answer.ids) for answer in stretch.sweeps.values())
        stamps = {stretch.since, border.pts, *(a.pts for a in stretch.sweeps.values())}
        if found != stretch.owed or None in stamps:
            return False
        known = {stamp for stamp in stamps if stamp is not None}
        before = [stamp for stamp in self._counts if stamp <= min(known)]
        after = [stamp for stamp in self._counts if stamp >= max(known)]
        if not before:
            return False
        if not after:
            if any(index < 0 for _, index in self._in_flight.values()):
                return None  # a page of history is on its way
            if not stretch.is_confirmed:
                self._confirming = stretch
                return None
            return False
        first, last = max(before), min(after)
        self._counts = {at: count for at, count in self._counts.items() if at >= first}
        is_torn = _TORN in (self._counts[first], self._counts[last])
        return not is_torn and self._counts[last] - self._counts[first] == last - first
