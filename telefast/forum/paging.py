"""Which page of a list of topics to ask for next, and when the list is known to be complete.

Theory: topics stand by their latest message, and a page begins below an offset made of three
things: date and id of that message, and the id of the topic. They are taken from the last topic of
the page before, as it stood there (https://core.telegram.org/constructor/messages.forumTopics;
TDLib `ForumTopicManager.cpp`). Where the page does not tell them, a topic's own date would skip
all that stands between: so a topic shortly before is taken, which repeats the rows behind it, or
the message is looked up.

Whoever writes in a topic moves it to the top of the list, where later pages do not show it. It then
has a latest message which is newer than all that the first page has shown. So, where topics are
missing at the end, the list is read from the top once more, down to what the first page began with;
until that brings nothing new. If topics are still missing, all pages are read again; and once
more, if the top has changed meanwhile.

A page that brings nothing new ends nothing; an empty page does (pages may be short), and one that
comes for the third time, for whoever trusts it would ask for ever. Whether that is the end of the
list, the count decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from telefast.forum.rows import Row, TopicPage
from telefast.forum.topics import GENERAL
from telefast.forum.types import TopicInfo

__all__ = ["FIRST", "AskGeneral", "AskPage", "LookUp", "TopicPaging"]

_STALLS = 3
"""How often an answer that leads nowhere is asked for at most: our choice."""
_PASSES = 12
"""How often the list is begun at the top, at most: our choice. Each time something has moved."""
_BARREN = 5
"""Pages in a row without a topic that is new, in the first pass: our choice. Pinned topics alone
repeat there."""

Problem = Literal["", "count", "stalled", "moving"]
Phase = Literal["walk", "catch up", "again", "settle"]

_NEXT: Final[dict[Phase, Phase]] = {
    "walk": "catch up",
    "catch up": "again",
    "again": "settle",
    "settle": "again",
}
"""What follows a pass that found nothing, while topics are missing."""


@dataclass(frozen=True, slots=True)
class AskPage:
    """Ask for the page that begins below these offsets; zeros for the first one."""

    date: int = 0
    message_id: int = 0
    topic_id: int = 0


FIRST: Final = AskPage()
"""The top of the list."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Find out the latest message of a topic, and its date.

    Attributes:
        topic_id: The topic.
        message_id: The message, if only its date is wanted; None if it is unknown.
    """

    topic_id: int
    message_id: int | None


@dataclass(frozen=True, slots=True)
class AskGeneral:
    """Ask for General by its id, since no page has shown it."""


class TopicPaging:
    """Read a list of topics to its end, and prove that it is the end.

    Ask `next_step` what to do, and report by `on_page`, `on_place` or `on_general`.

    Args:
        with_general: Whether General belongs to the list even if no page shows it.
        first: The page to begin with, where a list is gone on with.
        seen: Ids of the topics that were listed before.
        start: What the first page of the list began with, 0 if unknown.

    Attributes:
        page: The page that was asked for last, or is to be asked for.
        listed: Ids of the topics that were listed.
        count: Topics that Telegram counts; None before the first page.
        pages: Pages that were reported.
        duplicates: Rows that were listed before.
        start: The newest rank that the pass began with.
        problem: Why the list is not complete, once `next_step` has returned None.
    """

    def __init__(
        self,
        *,
        with_general: bool = False,
        first: AskPage = FIRST,
        seen: Iterable[int] = (),
        start: int = 0,
    ) -> None:
        self.count: int | None = None
        self.pages = 0
        self.duplicates = 0
        self.start = start
        self.problem: Problem = ""
        self._with_general = with_general
        self.listed = set(seen)
        self._gone: set[int] = set()
        self._has_general = False  # by its id
        self._step: AskPage | LookUp | AskGeneral | None = first
        self.page = first
        self._live: Sequence[Row] = ()
        self._phase: Phase = "walk"
        self._passes = 0
        self._until = self._before = 0
        self._head: list[int] = []
        self._head_before: list[int] = []
        self._stalls = 0
        self._barren = 0
        self._pages_of_pass = 0
        self._asked: set[AskPage] = set()
        self._is_stalled = self._has_stalled = self._is_ended = False
        self._begin_pass(first)

    def next_step(self) -> AskPage | LookUp | AskGeneral | None:
        """Return what to do now; None at the end. The same until something is reported."""
        return self._step

    @property
    def is_stuck(self) -> bool:
        """Whether the page before led nowhere, so that more topics should be asked for at once."""
        return self._stalls > 0

    def on_page(self, page: TopicPage) -> list[TopicInfo]:
        """Hear what a page holds, and return the topics that are new."""
        self.pages += 1
        self.count = page.count
        self._pages_of_pass += 1
        fresh = [each.topic for each in page.rows if self._is_new(each.topic)]
        self._live = live = [each for each in page.rows if not each.topic.deleted]
        if not self.page.date:
            self.start = max((each.rank or 0 for each in live), default=0)
            self._head = [each.topic.id for each in live]
        self._barren = 0 if any(not each.deleted for each in fresh) else self._barren + 1
        if not live or any(self._is_known(each) for each in live):
            self._end_pass(is_stalled=False)
        elif self._is_endless():
            self._end_pass(is_stalled=True)
        else:
            self._choose_anchor()
        return fresh

    def on_place(self, place: tuple[int, int] | None) -> None:
        """Hear date and id of the message that was looked up; None if it cannot be found."""
        found = self._offset(self._live[-1], place) if place else None
        others = (self._offset(each, each.place) for each in reversed(self._live) if each.place)
        found = found or next(others, None)
        if found is None:
            self._end_pass(is_stalled=True)
        else:
            self._ask_below(found)

    def on_general(self, *, exists: bool) -> None:
        """Hear whether there is a General."""
        self._has_general = exists
        self._with_general = False
        if self._is_ended:
            self._step = None
        else:
            self._go_on(found=0)

    # Inside

    def _is_new(self, topic: TopicInfo) -> bool:
        """Note a topic; tell whether it was not listed before."""
        known = self._gone if topic.deleted else self.listed
        if topic.id in known:
            self.duplicates += not topic.deleted
            return False
        known.add(topic.id)
        return True

    def _is_known(self, row: Row) -> bool:
        """Tell whether a row, and all below it, stood where it stands in the pass before."""
        is_looking_up = self._phase in ("catch up", "settle")
        is_placed = not row.topic.pinned and row.rank is not None
        return is_looking_up and is_placed and (row.rank or 0) <= self._until

    def _is_endless(self) -> bool:
        if self._phase == "walk":
            return self._barren >= _BARREN
        return self._pages_of_pass > (self.count or 0) + _BARREN

    def _choose_anchor(self) -> None:
        """Take the last topic whose place is known, or have the last one looked up."""
        live, last = self._live, self._live[-1]
        if last.place and not last.topic.pinned:
            self._ask_below(self._offset(last, last.place))
            return
        # A pinned one may stand out of its place: what is below it may be newer.
        near = live[len(live) // 2 :]
        usable = (each for each in reversed(near) if each.place and not each.topic.pinned)
        row = next(usable, last)
        if row.place is not None:
            self._ask_below(self._offset(row, row.place))
        else:
            self._step = LookUp(last.topic.id, last.topic.top_message_id)

    def _offset(self, row: Row, place: tuple[int, int]) -> AskPage:
        return AskPage(*place, row.topic.id)

    def _ask_below(self, page: AskPage) -> None:
        if page in self._asked:
            self._stalls += 1
            if self._stalls >= _STALLS:
                self._end_pass(is_stalled=True)
                return
        else:
            self._asked.add(page)
            self._stalls = 0
            self.page = page
        self._step = self.page

    def _begin_pass(self, first: AskPage) -> None:
        self.page = self._step = first
        self._passes += 1
        self._before = len(self.listed)
        self._asked = {first}
        self._stalls = self._barren = self._pages_of_pass = 0
        self._is_stalled = self._is_ended = False

    def _end_pass(self, *, is_stalled: bool) -> None:
        self._is_stalled = is_stalled
        is_all = len(self.listed) >= (self.count or 0)
        if is_all or self._passes >= _PASSES:
            self._end("" if is_all else "moving")
        elif self._with_general and GENERAL not in self.listed:
            self._step = AskGeneral()
        else:
            self._go_on(found=len(self.listed) - self._before)

    def _go_on(self, *, found: int) -> None:
        """Begin another pass, or end."""
        if self._phase == "settle" and not found and self._head == self._head_before:
            is_all = len(self.listed) + self._has_general >= (self.count or 0)
            self._end("" if is_all else "stalled" if self._has_stalled else "count")
            return
        if self._phase == "again":
            self._has_stalled = self._is_stalled
        self._until, self._head_before = self.start, self._head
        self._phase = "catch up" if found else _NEXT[self._phase]
        self._begin_pass(FIRST)

    def _end(self, problem: Problem) -> None:
        self.problem = problem
        self._is_ended = True
        self._step = None
        if self._with_general and GENERAL not in self.listed:
            self._step = AskGeneral()
