"""What the pages of a forum hold, and what is to go into them: a SQLite data base beside them.

A page is put in its place as a whole, and what the data base says of it cannot be written in the
same moment. So the order is:

1. In one transaction: the messages that are new (`pending`), what the topic adds up to with them,
   and what the page is going to be (`next`): its name, how it begins, and its size.
2. The page is written beside its place, brought to the disk, and renamed.
3. In one transaction: `next` becomes `page`, and what is in it is pending no more.

After a kill between 2 and 3 the file begins as `next` says and has its size: then only 3 is to be
done. How a page begins tells its number of messages and the last of them, so no two states of it
begin alike. A page that is neither is not ours any more, or gone: its topic begins anew.

All of it blocks: call it by `telefast.tasks.in_thread`, one call at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from telefast.database import Database, Schema
from telefast.disk import Replacement, replace_file
from telefast.errors import CorruptStateError
from telefast.forum.pages import TOPICS
from telefast.forum.record import Draft, Page, TopicState

__all__ = ["Change", "LayoutStore", "Saved"]

_TABLES: Final = """
CREATE TABLE forum (seen INTEGER NOT NULL);
INSERT INTO forum VALUES (0);
CREATE TABLE topics (
    id INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    file TEXT,  -- the name that its page has, whatever is in it
    page TEXT,
    next TEXT,
    upto INTEGER NOT NULL DEFAULT 0  -- what is pending up to here goes into the next page
);
CREATE TABLE pending (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    topic INTEGER NOT NULL,
    text BLOB NOT NULL
);
CREATE INDEX by_topic ON pending (topic, number);
"""
_SCHEMA: Final = Schema("record of a forum's pages", b"TFFP", 1, _TABLES)
_SLICE: Final = 1024 * 1024
_TO_SHRINK: Final = 256
"""Pages of SQLite's, 1 MiB, that must be empty for the data base to be made smaller: our choice."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is new in a topic.

    Attributes:
        topic_id: Its id.
        state: What it adds up to, as JSON.
        text: The messages.
        is_anew: Whether all that was known before is dropped.
        draft: Its page, if that is to be put in its place.
    """

    topic_id: int
    state: str
    text: bytes
    is_anew: bool = False
    draft: Draft | None = None


class Saved(NamedTuple):
    """What is known of a topic: what it adds up to, and its page, None if it begins anew."""

    state: TopicState
    page: Page | None


class LayoutStore(Database):
    """The record of a forum's pages.

    Args:
        folder: That of the forum.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "state.db", _SCHEMA)
        self._folder = folder / TOPICS
        self._seen = 0
        self._files: dict[int, str] = {}
        self._next: dict[int, tuple[Page, int]] = {}
        self.last = 0
        """Number of the latest lot of messages that was kept."""
        self.pages: dict[int, Page] = {}
        """The pages that are in their places, and what is in them is to stay."""
        self.lost: set[int] = set()
        """Topics whose page was removed or changed by somebody else."""

    def load(self) -> tuple[int, dict[int, Saved]]:
        """Open it, settle what a kill has left, and return what is known.

        Returns:
            Up to which message one pass over all topics has come, and each topic by its id.

        Raises:
            CorruptStateError: If it is damaged, or something else.
            TelefastError: As by `Database.open`.
        """
        self.open()
        try:
            with self._typed():
                base = self._opened()
                base.execute("PRAGMA synchronous=FULL")  # a page must not survive what it is of
                self._folder.mkdir(parents=True, exist_ok=True)
                for left in self._folder.glob("topic_*.md.tmp"):
                    left.unlink()
                [self._seen] = base.execute("SELECT seen FROM forum").fetchone()
                [self.last] = base.execute(
                    "SELECT COALESCE(MAX(number), 0) FROM pending"
                ).fetchone()
                rows = base.execute("SELECT * FROM topics").fetchall()
            for row in rows:
                self._read(*row[:1], *row[2:])
            self._settle()
            with self._typed():
                return self._seen, {row[0]: self._saved(*row[:2]) for row in rows}
        except BaseException:
            self.close()
            raise

    def _read(
        self, topic_id: int, file: str | None, page: str | None, following: str | None, upto: int
    ) -> None:
        try:
            if file is not None:
                self._files[topic_id] = file
            if page is not None:
                self.pages[topic_id] = Page.from_json(page)
            if following is not None:
                self._next[topic_id] = (Page.from_json(following), upto)
        except (ValueError, TypeError, KeyError):
            raise self._damaged(topic_id) from None

    def _saved(self, topic_id: int, state: str) -> Saved:
        page = self.pages.get(topic_id)
        if page is not None and not self._is_there(page):
            del self.pages[topic_id]
            self.lost.add(topic_id)
            return Saved(TopicState(), None)
        try:
            return Saved(TopicState.from_json(state), page)
        except (ValueError, TypeError, KeyError):
            raise self._damaged(topic_id) from None

    def _damaged(self, topic_id: int) -> CorruptStateError:
        return CorruptStateError(
            f"what it says of topic {topic_id} is damaged", path=str(self.path)
        )

    def _is_there(self, page: Page) -> bool:
        try:
            with (self._folder / page.name).open("rb") as file:
                return file.read(page.start) == page.head and file.seek(0, 2) == page.size
        except FileNotFoundError:
            return False

    def save(self, seen: int, changes: Sequence[Change]) -> None:
        """Keep what is new, at once or not at all. `place` then puts the pages in their places.

        Raises:
            DiskFullError: If there is no room.
            StorageError: If it cannot be written otherwise.
        """
        self._settle()
        if not changes and seen == self._seen:
            return
        drafts: dict[int, tuple[Page, int]] = {}
        last = self.last
        with self._writing() as base:
            base.execute("UPDATE forum SET seen=?", (seen,))
            for each in changes:
                last = self._keep(each) or last
                if each.draft is not None:
                    drafts[each.topic_id] = self._announce(each, each.draft)
        for each in changes:
            if each.is_anew:
                self.pages.pop(each.topic_id, None)
        self._next, self._seen, self.last = drafts, seen, last

    def _keep(self, change: Change) -> int | None:
        """Keep what is new in a topic; return the number of its lot of messages."""
        base, topic_id, number = self._opened(), change.topic_id, None
        if change.is_anew:
            base.execute("DELETE FROM pending WHERE topic=?", (topic_id,))
            base.execute("UPDATE topics SET page=NULL WHERE id=?", (topic_id,))
        if change.text:
            number = base.execute(
                "INSERT INTO pending (topic, text) VALUES (?, ?)", (topic_id, change.text)
            ).lastrowid
        base.execute(
            "INSERT INTO topics (id, state) VALUES (?, ?)"
            " ON CONFLICT (id) DO UPDATE SET state=excluded.state, next=NULL",
            (topic_id, change.state),
        )
        return number

    def take_back(self, seen: int, last: int, states: dict[int, str]) -> None:
        """Drop what was kept of topics since, at once or not at all.

        Args:
            seen: Up to which message one pass had come.
            last: The latest lot that is to stay.
            states: What each topic added up to, as JSON.

        Raises:
            DiskFullError: If there is no room.
            StorageError: If it cannot be written otherwise.
        """
        with self._writing() as base:
            base.execute("UPDATE forum SET seen=?", (seen,))
            for topic_id, state in states.items():
                base.execute("UPDATE topics SET state=? WHERE id=?", (state, topic_id))
                base.execute("DELETE FROM pending WHERE topic=? AND number>?", (topic_id, last))
        self._seen = seen

    def _announce(self, change: Change, draft: Draft) -> tuple[Page, int]:
        """Write down what a page is going to be."""
        base, topic_id = self._opened(), change.topic_id
        more, upto = base.execute(
            "SELECT COALESCE(SUM(LENGTH(text)), 0), COALESCE(MAX(number), 0)"
            " FROM pending WHERE topic=?",
            (topic_id,),
        ).fetchone()
        old = None if change.is_anew else self.pages.get(topic_id)
        page = draft.page(more + (0 if old is None else old.size - old.start))
        base.execute(
            "UPDATE topics SET next=?, upto=? WHERE id=?", (page.to_json(), upto, topic_id)
        )
        return page, upto

    def place(self) -> None:
        """Put the pages in their places that were saved last.

        If one cannot be written, those before it are in their places, and the rest is kept for
        another time.

        Raises:
            DiskFullError: If there is no room.
            StorageError: If it cannot be written otherwise.
        """
        placed = []
        try:
            with self._typed():
                for topic_id, (page, upto) in self._next.items():
                    self._put(topic_id, page, upto)
                    placed.append(topic_id)
        finally:
            self._placed(placed)

    def _put(self, topic_id: int, page: Page, upto: int) -> None:
        new = Replacement(self._folder / page.name)
        try:
            new.write(page.head)
            old = self.pages.get(topic_id)
            if old is not None:
                with (self._folder / old.name).open("rb") as file:
                    file.seek(old.start)
                    while data := file.read(_SLICE):
                        new.write(data)
            for (text,) in self._opened().execute(
                "SELECT text FROM pending WHERE topic=? AND number<=? ORDER BY number",
                (topic_id, upto),
            ):
                new.write(text)
        except BaseException:
            new.discard()
            raise
        new.commit()

    def replace(self, name: str, text: str) -> None:
        """Let a file of the forum's folder hold a text; if it does, it is not touched.

        Raises:
            DiskFullError: If there is no room.
            StorageError: If it cannot be written otherwise.
        """
        path = self._folder.parent / name
        data = text.encode("utf-8", "backslashreplace")
        with self._typed():
            if not path.exists() or path.read_bytes() != data:
                replace_file(path, data)

    def _settle(self) -> None:
        """Find out which of the pages that were on their way have come to their places."""
        with self._typed():
            placed = [id_ for id_, (page, _) in self._next.items() if self._is_there(page)]
        self._placed(placed)
        self._next = {}

    def _placed(self, topic_ids: Iterable[int]) -> None:
        """Note that pages are in their places; what they were called before is no more."""
        topics = {topic_id: self._next[topic_id] for topic_id in topic_ids}
        if not topics:
            return
        with self._writing() as base:
            for topic_id, (page, upto) in topics.items():
                self._remove_old(topic_id, page)
                base.execute(
                    "UPDATE topics SET file=?, page=?, next=NULL WHERE id=?",
                    (page.name, page.to_json(), topic_id),
                )
                base.execute("DELETE FROM pending WHERE topic=? AND number<=?", (topic_id, upto))
        for topic_id, (page, _) in topics.items():
            self.pages[topic_id], self._files[topic_id] = page, page.name
            del self._next[topic_id]

    def _remove_old(self, topic_id: int, page: Page) -> None:
        name = self._files.get(topic_id, page.name)
        old = self._folder / name
        # On a disk that folds case, the old name may be the new file.
        if name != page.name and old.exists() and not old.samefile(self._folder / page.name):
            old.unlink()

    def close(self) -> None:
        """Let go of it; safe to call at any time."""
        if self._base is not None:
            with suppress(sqlite3.Error):  # it stays as large as it is
                [empty] = self._base.execute("PRAGMA freelist_count").fetchone()
                if empty >= _TO_SHRINK:
                    self._base.execute("VACUUM")
        super().close()
