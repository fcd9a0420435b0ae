"""The topics of a forum in memory, between the messages that come and the files."""

from __future__ import annotations

import asyncio
from collections.abc import Container
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from telefast.forum.describe import Names
from telefast.forum.layout_store import Change, LayoutStore
from telefast.forum.metrics import IDS
from telefast.forum.pages import (
    TOPICS,
    NameStyle,
    index_page,
    message_block,
    metrics_file,
    topic_file_name,
    topic_header,
)
from telefast.forum.record import Draft, Home, Page, TopicState, known_better
from telefast.forum.rows import topic_begun_by
from telefast.forum.topics import GENERAL
from telefast.forum.types import TopicInfo
from telefast.tasks import in_thread

__all__ = ["Call", "Frame", "Shelf", "TopicFile"]

_FLUSH_AT: Final = 1024 * 1024
"""Characters of all topics gathered before they are written down: our choice, about 5,000
messages. It is what a kill costs, and what waits in memory."""


@dataclass(frozen=True, slots=True)
class TopicFile:
    """What became of the page of a topic.

    Attributes:
        topic_id: The topic.
        path: Where its page is.
        messages: How many messages are in it.
        added: How many of them are new.
        is_rewritten: Whether the file was written; if not, there was nothing new.
    """

    topic_id: int
    path: Path
    messages: int
    added: int
    is_rewritten: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """How pages look.

    Attributes:
        home: The forum.
        style: How they are called.
        names: Tells what peers are called.
        has_ids: Whether the file of metrics names who wrote.
    """

    home: Home
    style: NameStyle
    names: Names
    has_ids: bool


@dataclass(slots=True)
class _Bucket:
    """What is known of a topic, and not yet written down.

    Attributes:
        state: What was read.
        page: The page that is in its place, and stays but for what is added.
        known: The page that is in its place, also if it begins anew.
        is_anew: Whether what was written down before is to be dropped.
        parts: Messages that are new.
        added: How many there were.
    """

    state: TopicState = field(default_factory=TopicState)
    page: Page | None = None
    known: Page | None = None
    is_anew: bool = False
    parts: list[str] = field(default_factory=list)
    added: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """What was there before a call, so that it can be taken back.

    Attributes:
        seen: Up to which message one pass had come.
        last: The latest lot of messages on the disk.
        topics: Each topic that got messages, as it was; and whether it was to begin anew.
    """

    seen: int
    last: int
    topics: dict[int, tuple[_Bucket, bool]] = field(default_factory=dict)


class Shelf:
    """What was read, and what of it is on the disk.

    Args:
        folder: That of the forum.
        frame: How pages look.
    """

    def __init__(self, folder: Path, frame: Frame) -> None:
        self._folder = folder
        self._frame = frame
        self._store = LayoutStore(folder)
        self._buckets: dict[int, _Bucket] = {}
        self._anew: set[int] = set()
        self._before: set[int] = set()  # topics that an earlier run has written
        self._owed: set[int] = set()  # topics of which messages may be missing up to `seen`
        self._size = 0
        self._turn = asyncio.Lock()
        self.seen = 0
        """Up to which message one pass over all topics has come, that is under way or was last."""

    @property
    def begin(self) -> int:
        """Behind which message one pass has to begin. No message of a topic is before it."""
        return self._begin(self._owed)

    def _begin(self, owed: set[int]) -> int:
        return min([self.seen, *(topic_id - 1 for topic_id in owed)])

    async def open(self, *, rewrite: bool) -> None:
        """Read what is known; if *rewrite*, only to begin anew with each topic that comes.

        Raises:
            TelefastError: As by `LayoutStore.load`.
        """
        try:
            self.seen, saved = await in_thread(self._store.load)
        except BaseException:  # also if cancelled when it was open already
            await self.aclose()
            raise
        self._buckets = {
            topic_id: _Bucket(state, page, page, is_anew=not state.last_id and page is None)
            for topic_id, (state, page) in saved.items()
        }
        self._before = {*self._buckets}
        self._anew = {*self._buckets} if rewrite else set()
        self._owed = {*self._store.lost}

    async def aclose(self) -> None:
        """Let go of the files."""
        await in_thread(self._store.close)

    def last_id(self, topic_id: int) -> int:
        """Return up to which message a topic is there; 0 for none."""
        bucket = self._buckets.get(topic_id)
        return 0 if bucket is None or topic_id in self._anew else bucket.state.last_id

    def owe(self, topic_id: int) -> None:
        """Note that a topic which may begin anew is read by itself, which may come to no end."""
        if topic_id in self._anew:
            self._owed.add(topic_id)

    def unlisted_one(self, topic_id: int, message: Any, *, is_of_all: bool) -> TopicInfo:
        """Return what a topic is that has a message, and is not listed.

        Args:
            topic_id: Its id.
            message: The first of its messages that came.
            is_of_all: Whether the list is of all topics, so that it was deleted, if it is not newer
                than the list.
        """
        if topic_id not in self._before:
            bucket, begun = self._buckets.get(topic_id), topic_begun_by(message)
            if begun is not None or (bucket is not None and bucket.known is not None):
                return begun or TopicInfo(topic_id)
        return TopicInfo(topic_id, deleted=is_of_all and topic_id != GENERAL)

    def unlisted(self, topic_ids: Container[int]) -> dict[int, TopicInfo]:
        """Return the topics with a page from an earlier run that are not among these, as deleted.

        Not even a shelf that begins anew drops what is in their pages: it cannot be read again.
        """
        found = {}
        for topic_id in self._before - {GENERAL}:
            if topic_id not in topic_ids and self._buckets[topic_id].page is not None:
                found[topic_id] = TopicInfo(topic_id, deleted=True)
                self._anew.discard(topic_id)
        return found

    async def begin_call(self, topic_id: int | None) -> Call:
        """Return what is there of a topic, or of all; it is on the disk then."""
        buckets = self._buckets
        ids = buckets.keys() if topic_id is None else buckets.keys() & {topic_id}
        if any(buckets[each].parts for each in ids):  # an error had ended a call before
            await self.save({})
        return Call(self.seen, self._store.last)

    async def take_back(self, call: Call) -> None:
        """Drop what a call has added, in memory and on the disk.

        Raises:
            TelefastError: As by `LayoutStore.take_back`.
        """
        async with self._turn:
            restored, states, owed = dict[int, _Bucket](), dict[int, str](), {*self._owed}
            for topic_id, (before, was_to_begin) in call.topics.items():
                bucket = self._buckets[topic_id]
                if was_to_begin and not bucket.is_anew:  # what was there before is no more
                    before = _Bucket(known=before.known)
                    owed.add(topic_id)
                elif not was_to_begin:
                    before.is_anew = bucket.is_anew
                restored[topic_id] = before
                if not bucket.is_anew:
                    states[topic_id] = before.state.to_json()
            self.seen, self._owed = call.seen, owed
            if self._store.last > call.last:
                await in_thread(self._store.take_back, self.begin, call.last, states)
            for topic_id, before in restored.items():
                bucket = self._buckets[topic_id]
                self._size -= sum(map(len, bucket.parts))
                self._buckets[topic_id] = before
                if bucket.is_anew and call.topics[topic_id][1]:
                    self._anew.add(topic_id)

    async def add(self, topic: TopicInfo, message: Any, call: Call) -> None:
        """Add a message to a topic, unless it is there."""
        if topic.id not in call.topics:
            call.topics[topic.id] = self._copy(topic.id)
        bucket = self._bucket(topic.id)
        if message.id <= bucket.state.last_id:
            return
        text = message_block(message, self._frame.names)
        bucket.state.add(message, topic, self._frame.names)
        bucket.parts.append(text)
        bucket.added += 1
        self._size += len(text)
        if self._size >= _FLUSH_AT:
            await self.save({})

    def _copy(self, topic_id: int) -> tuple[_Bucket, bool]:
        """Return what is known of a topic, and whether it is to begin anew."""
        bucket = self._buckets.get(topic_id, _Bucket(is_anew=True))
        state = TopicState.from_json(bucket.state.to_json())
        return replace(bucket, state=state, parts=[]), topic_id in self._anew

    def _bucket(self, topic_id: int) -> _Bucket:
        if topic_id in self._anew or topic_id not in self._buckets:
            self._anew.discard(topic_id)
            known = self._buckets.get(topic_id, _Bucket()).known
            self._buckets[topic_id] = _Bucket(known=known, is_anew=True)
        return self._buckets[topic_id]

    async def save(self, topics: dict[int, TopicInfo], *, is_all: bool = False) -> list[TopicFile]:
        """Keep all that is new, and put the pages of *topics* in their places.

        Args:
            topics: Topics that were read to their end.
            is_all: Whether all others were, too, and there was nothing in them.
        """
        async with self._turn:
            store = self._store
            owed = set() if is_all else self._owed - topics.keys()
            seen = self._begin(owed)
            drafts = {topic_id: self._draft(topic) for topic_id, topic in topics.items()}
            changes, taken = self._changes(drafts), {}
            if is_all:
                changes += [_nothing(topic_id) for topic_id in self._owed - topics.keys()]
            for change in changes:
                bucket = self._buckets[change.topic_id]
                taken[change.topic_id], bucket.parts = bucket.parts, []
            is_saved = False

            def work() -> None:
                nonlocal is_saved
                store.save(seen, changes)
                is_saved = True
                store.place()

            try:
                await in_thread(work)
            finally:
                if is_saved:
                    self._owed &= owed
                for topic_id, parts in taken.items():
                    self._taken(self._buckets[topic_id], parts, is_saved=is_saved)
                for topic_id in taken:
                    bucket = self._buckets[topic_id]
                    bucket.page = store.pages.get(topic_id)
                    bucket.known = bucket.page or bucket.known
            return [self._told(topic_id, draft) for topic_id, draft in drafts.items()]

    def _changes(self, drafts: dict[int, Draft | None]) -> list[Change]:
        return [
            Change(
                topic_id,
                bucket.state.to_json(),
                "".join(bucket.parts).encode(),
                bucket.is_anew,
                drafts.get(topic_id),
            )
            for topic_id, bucket in self._buckets.items()
            if bucket.parts or drafts.get(topic_id) is not None
        ]

    def _taken(self, bucket: _Bucket, parts: list[str], *, is_saved: bool) -> None:
        if is_saved:
            bucket.is_anew = False
            self._size -= sum(map(len, parts))
        else:
            bucket.parts = parts + bucket.parts

    def _draft(self, topic: TopicInfo) -> Draft | None:
        """Return the page that a topic is to have; None if it has it."""
        bucket = self._bucket(topic.id)
        topic = known_better(topic, bucket.known)
        name = topic_file_name(topic, self._frame.style)
        header = topic_header(topic, self._frame.home, bucket.state, self._frame.names)
        page = bucket.page
        if page is not None and (page.name, page.header) == (name, header):
            return None
        metrics = bucket.state.metrics.to_json(participant_ids=self._frame.has_ids)
        return Draft(name, header, bucket.state.last_id, topic, metrics)

    def _told(self, topic_id: int, draft: Draft | None) -> TopicFile:
        bucket = self._buckets[topic_id]
        assert bucket.page is not None  # noqa: S101 - it was put in its place
        added, bucket.added = bucket.added, 0
        path = self._folder / TOPICS / bucket.page.name
        return TopicFile(
            topic_id, path, bucket.state.metrics.messages, added, is_rewritten=draft is not None
        )

    async def write_lists(self, *, has_metrics: bool) -> None:
        """Write the index, and what the topics add up to."""
        found = [self._counted(each) for each in self._buckets.values()]
        pages = [page for page in found if page is not None]
        await in_thread(self._write_lists, pages, has_metrics)

    def _write_lists(self, pages: list[Page], has_metrics: bool) -> None:
        self._store.replace("index.md", index_page(self._frame.home, pages))
        if has_metrics:
            self._store.replace("topic_metrics.json", metrics_file(self._frame.home, pages))

    def _counted(self, bucket: _Bucket) -> Page | None:
        """Return a page with what its messages add up to, as this layout tells it."""
        page = bucket.known
        if page is None:
            return None
        if bucket.page is not None and bucket.state.last_id == page.last_id:
            found = bucket.state.metrics.to_json(participant_ids=self._frame.has_ids)
        else:
            found = {name: each for name, each in page.metrics.items() if name != IDS}
        return replace(page, metrics=found)


def _nothing(topic_id: int) -> Change:
    """Return that a topic is to be forgotten."""
    return Change(topic_id, TopicState().to_json(), b"", is_anew=True)
