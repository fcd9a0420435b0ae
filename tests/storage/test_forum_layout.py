"""Files of a forum: the same however and in how many runs they were written, and whole always."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telethon.tl import types

from telefast import (
    ArgumentError,
    ClosedError,
    ConcurrentUseError,
    CorruptStateError,
    DiskFullError,
    ForumLayout,
    ForumListing,
    StorageError,
    StoreLockedError,
    TopicFile,
    TopicInfo,
    UnsupportedStateError,
    disk,
)
from telefast.forum import shelf
from tests.storage.layout_scene import (
    FORUM,
    PEER,
    START,
    TOPICS,
    chat,
    each_topic,
    files,
    message,
    of,
    one_pass,
    pending,
    topic_id,
)

FOLDER = "Harbour_-1000000000077"
GENERAL, SHIPS, TIDES = TOPICS


async def one_pass_of(root: Path, messages: Iterable[Any]) -> list[TopicFile]:
    """Write messages as they come."""
    async with ForumLayout(root, FORUM) as layout:
        return await layout.write_all(TOPICS, messages)


async def wrong_way(root: Path, way: Any, messages: Iterable[Any], *, rewrite: bool) -> None:
    """Write messages as they come, in one pass, or those of one topic."""
    async with ForumLayout(root, FORUM, rewrite=rewrite) as layout:
        if way is one_pass:
            await layout.write_all(TOPICS, messages)
        else:
            await layout.write(SHIPS, of(SHIPS, messages))


def topics_in(found: dict[str, bytes]) -> list[str]:
    """Return the names of the pages."""
    return [name.rpartition("/")[2] for name in found if "/topics/" in name]


async def test_one_pass_and_topic_by_topic_are_the_same(tmp_path: Path) -> None:
    """Byte for byte, index and metrics included; each message is in one page."""
    told = await one_pass(tmp_path / "a", chat(60))
    assert told == [
        replace(each, path=tmp_path / "a" / each.path.relative_to(tmp_path / "b"))
        for each in await each_topic(tmp_path / "b", chat(60))
    ]
    found = files(tmp_path / "a")
    assert found == files(tmp_path / "b")
    assert [
        f"{FOLDER}/index.md",
        f"{FOLDER}/topic_metrics.json",
        *(f"{FOLDER}/topics/topic_{each.id}.md" for each in TOPICS),
    ] == list(found)
    assert 60 == sum(each.messages for each in told) == sum(each.added for each in told)
    text = b"".join(found.values()).decode()
    assert all(1 == text.count(f"### #{number}, ") for number in range(1, 61))
    assert "- Messages: 60\n" in found[f"{FOLDER}/index.md"].decode()
    assert 0 == pending(tmp_path / "a")


@settings(
    max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=5))
def test_any_runs_are_as_one(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[int, bool]]
) -> None:
    """However a chat grows from run to run, and in whatever way each reads: as if read at once."""
    root = tmp_path_factory.mktemp("runs")
    counts = sorted(count for count, _ in runs)
    for count, (_, is_one_pass) in zip(counts, runs, strict=True):
        way = one_pass if is_one_pass else each_topic
        asyncio.run(way(root / "many", chat(count)))
    asyncio.run(one_pass(root / "many", chat(60)))
    asyncio.run(each_topic(root / "one", chat(60)))
    assert files(root / "one") == files(root / "many")


async def test_nothing_new_is_not_written(tmp_path: Path) -> None:
    """A later run touches only the pages, and lists, in which there is something new."""
    await one_pass(tmp_path, chat(30))
    times = {path: path.stat().st_mtime_ns for path in map(tmp_path.joinpath, files(tmp_path))}
    for way in (one_pass, each_topic):
        told = await way(tmp_path, chat(30))
        assert [False] * 3 == [each.is_rewritten for each in told]
        assert [0] * 3 == [each.added for each in told]
        assert [10] * 3 == [each.messages for each in told]
    for path, at in times.items():
        assert at == path.stat().st_mtime_ns
    told = await one_pass(tmp_path, [*chat(30), message(31)])
    assert [(False, 10), (True, 11), (False, 10)] == [(e.is_rewritten, e.messages) for e in told]


async def test_where_to_go_on(tmp_path: Path) -> None:
    """For each topic by its last message, for all of them by how far one pass has come."""
    async with ForumLayout(tmp_path, FORUM) as layout:
        assert (0, 0) == (layout.last_id(), layout.last_id(2))
        await layout.write(SHIPS, of(SHIPS, chat(30)))
        assert (0, 28) == (layout.last_id(), layout.last_id(2))
        await layout.write_all(TOPICS, chat(29))
        assert (29, 28, 29) == (layout.last_id(), layout.last_id(2), layout.last_id(3))
    async with ForumLayout(tmp_path, FORUM) as layout:
        assert (29, 28, 27, 0) == (layout.last_id(), *map(layout.last_id, (2, 1, 99)))
        assert layout.is_current(replace(SHIPS, top_message_id=28))
        assert not layout.is_current(replace(SHIPS, top_message_id=31))
        assert not layout.is_current(SHIPS)


async def test_what_is_there_already_is_passed_over(tmp_path: Path) -> None:
    """Messages that come again are there once; None and empty messages are none."""
    await one_pass(tmp_path / "a", chat(30))
    async with ForumLayout(tmp_path / "b", FORUM) as layout:
        await layout.write_all(TOPICS, [None, *chat(20)])
        await layout.write_all(TOPICS, chat(30))
    assert files(tmp_path / "a") == files(tmp_path / "b")


async def test_messages_with_their_topics(tmp_path: Path) -> None:
    """Where each comes with the id of its topic, that counts."""

    async def pairs() -> AsyncIterator[tuple[int, Any]]:
        for each in chat(9):
            yield 3 if each.id == 9 else 2, each

    async with ForumLayout(tmp_path, FORUM) as layout:
        told = await layout.write_all([], pairs())
    assert [(2, 8), (3, 1)] == [(each.topic_id, each.messages) for each in told]


async def test_the_wrong_order_is_refused(tmp_path: Path) -> None:
    """Newest first would leave out all but the newest: it is an error, and nothing is lost."""
    async with ForumLayout(tmp_path, FORUM) as layout:
        with pytest.raises(ArgumentError, match="oldest first"):
            await layout.write_all(TOPICS, reversed(chat(30)))
        with pytest.raises(ArgumentError, match="oldest first"):
            await layout.write(SHIPS, reversed(of(SHIPS, chat(30))))
    told = await one_pass(tmp_path, chat(30))
    assert [10, 10, 10] == [each.messages for each in told]


@pytest.mark.parametrize("flush_at", [1, 700, 2**20])
@pytest.mark.parametrize("rewrite", [False, True])
@pytest.mark.parametrize("way", [one_pass, each_topic])
async def test_the_wrong_order_leaves_no_trace(
    tmp_path: Path, way: Any, rewrite: bool, flush_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found out early or late, written down meanwhile or not: the call has added nothing."""
    monkeypatch.setattr(shelf, "_FLUSH_AT", flush_at)
    await one_pass(tmp_path / "fresh", chat(60))
    wrong = [*chat(50), message(4)], [*chat(50, 40), *chat(60, 20)], [message(58), message(55)]
    for number, messages in enumerate(wrong):
        root = tmp_path / f"x{number}"
        await one_pass(root, chat(20))
        before = files(root)
        with pytest.raises(ArgumentError, match="oldest first"):
            await wrong_way(root, way, messages, rewrite=rewrite)
        assert before == files(root)
        if not rewrite:
            async with ForumLayout(root, FORUM) as layout:
                assert (20, 18, 19) == (layout.last_id(), layout.last_id(1), layout.last_id(2))
        told = await way(root, chat(60))
        assert [20, 20, 20] == [each.messages for each in told]
        assert files(tmp_path / "fresh") == files(root)
        assert 0 == pending(root)


async def test_after_the_wrong_order_the_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who catches the error goes on with the same layout, also behind another error."""
    for flush_at, rewrite in ((1, False), (1, True), (2**20, False), (2**20, True)):
        monkeypatch.setattr(shelf, "_FLUSH_AT", flush_at)
        root = tmp_path / f"x{flush_at}{rewrite}"
        await one_pass(root, chat(20))

        def broken() -> Iterable[Any]:
            yield from chat(30, 21)
            raise ValueError("broken")

        async with ForumLayout(root, FORUM, rewrite=rewrite) as layout:
            if not rewrite:
                with pytest.raises(ValueError, match="broken"):
                    await layout.write_all(TOPICS, broken())
            at = layout.last_id()
            for _ in range(2):
                with pytest.raises(ArgumentError, match="oldest first"):
                    await layout.write_all(TOPICS, [*chat(50, at + 1), message(40)])
            await layout.write_all(TOPICS, chat(60, layout.last_id() + 1))
        await one_pass(tmp_path / "fresh", chat(60))
        assert files(tmp_path / "fresh") == files(root)


async def test_a_topic_that_was_renamed(tmp_path: Path) -> None:
    """Its page has the new name, and there is no other; another style renames all of them."""
    await one_pass(tmp_path, chat(9), style="title_id")
    assert ["topic_General_1.md", "topic_Ships_2.md", "topic_Tides_3.md"] == topics_in(
        files(tmp_path)
    )
    renamed = [GENERAL, replace(SHIPS, title="SHIPS"), replace(TIDES, title="a/../b", closed=True)]
    told = await one_pass(tmp_path, chat(9), renamed, style="title_id")
    assert [False, True, True] == [each.is_rewritten for each in told]
    found = files(tmp_path)
    assert ["topic_General_1.md", "topic_SHIPS_2.md", "topic_a_.._b_3.md"] == topics_in(found)
    page = found[f"{FOLDER}/topics/topic_a_.._b_3.md"].decode()
    assert page.startswith("# a/../b\n")
    assert "- State: closed\n" in page
    assert (
        "[topic\\_SHIPS\\_2.md](<topics/topic_SHIPS_2.md>)" in found[f"{FOLDER}/index.md"].decode()
    )
    await each_topic(tmp_path, chat(9))
    assert ["topic_1.md", "topic_2.md", "topic_3.md"] == topics_in(files(tmp_path))
    await one_pass(tmp_path / "fresh", chat(9))
    assert files(tmp_path / "fresh") == {
        name.removeprefix("fresh/"): data
        for name, data in files(tmp_path).items()
        if name.startswith("fresh/")
    }


async def test_a_disk_that_folds_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the old name is the new file, it is not removed."""
    await one_pass(tmp_path, chat(9), style="title_id")
    monkeypatch.setattr(Path, "samefile", lambda *_: True)
    await one_pass(tmp_path, chat(9), [replace(SHIPS, title="ships")], style="title_id")
    assert {"topic_ships_2.md", "topic_Ships_2.md"} < {*topics_in(files(tmp_path))}


async def test_a_forum_that_was_renamed(tmp_path: Path) -> None:
    """Its folder stays, found by its id; what is in it has the new title."""
    await one_pass(tmp_path, chat(9))
    (tmp_path / "x_-1000000000077").write_text("no folder")
    async with ForumLayout(tmp_path, replace(FORUM, title="Port")) as layout:
        assert tmp_path / FOLDER == layout.folder
        await layout.write_all(TOPICS, chat(12, 10))
    found = files(tmp_path)
    assert {FOLDER, "x_-1000000000077"} == {name.split("/")[0] for name in found}
    assert all(b"Port" in data for name, data in found.items() if name.startswith(FOLDER))


def listed(*topics: TopicInfo, complete: bool = True, q: str | None = None) -> ForumListing:
    """Return topics as they were listed."""
    return ForumListing(topics, complete, len(topics), 1, 0, q=q)


def states(root: Path) -> list[str]:
    """Return the states of the topics, as their pages have them, and the index as well."""
    found = [
        data.decode().partition("- State: ")[2].partition("\n")[0]
        for name, data in files(root).items()
        if "/topics/" in name
    ]
    index = files(root)[f"{FOLDER}/index.md"].decode()
    assert found == [line.split(" | ")[3] for line in index.splitlines()[8:]]
    return found


async def test_topics_that_are_not_listed(tmp_path: Path) -> None:
    """In a complete list they are deleted, with what was known of them; in another, they may be."""
    await one_pass(tmp_path, chat(9), [GENERAL, SHIPS])
    assert files(tmp_path)[f"{FOLDER}/topics/topic_3.md"].startswith(b"# Topic 3\n")
    assert ["open", "open", "not listed"] == states(tmp_path)
    await one_pass(tmp_path, chat(9), listed(GENERAL, SHIPS))
    assert ["open", "open", "deleted"] == states(tmp_path)
    await one_pass(tmp_path, chat(12), listed(*TOPICS, complete=False))
    assert ["open", "open", "open"] == states(tmp_path)
    for some in ([GENERAL], listed(GENERAL, complete=False), listed(GENERAL, q="x"), listed(q="")):
        told = await one_pass(tmp_path, chat(20), some)
        if some != listed(q=""):
            assert ["open", "open", "open"] == states(tmp_path)
    assert [2, 3] == [each.topic_id for each in told if each.is_rewritten]
    assert ["open", "deleted", "deleted"] == states(tmp_path)
    found = files(tmp_path)
    assert found[f"{FOLDER}/topics/topic_2.md"].startswith(b"# Ships\n")
    told = await one_pass(tmp_path, chat(20), listed(GENERAL))
    assert not any(each.is_rewritten for each in told)
    await one_pass(tmp_path, chat(30), listed(GENERAL))
    assert ["open", "deleted", "deleted"] == states(tmp_path)
    await one_pass(tmp_path, chat(30), listed(*TOPICS))
    await one_pass(tmp_path / "fresh", chat(30))
    assert all(
        found == files(tmp_path)[f"fresh/{name}"]
        for name, found in files(tmp_path / "fresh").items()
    )


async def test_topics_that_are_deleted(tmp_path: Path) -> None:
    """They can be marked without a pass, also where all begins anew; nothing of theirs is lost."""
    await each_topic(tmp_path, chat(30))
    before = files(tmp_path)
    for rewrite in (False, True):
        async with ForumLayout(tmp_path, FORUM, rewrite=rewrite) as layout:
            assert [] == await layout.mark_deleted(listed(GENERAL, complete=False))
            told = await layout.mark_deleted(listed(GENERAL, TIDES))
            assert [(2, 10, 0, not rewrite)] == [
                (each.topic_id, each.messages, each.added, each.is_rewritten) for each in told
            ]
        assert ["open", "deleted", "open"] == states(tmp_path)
    await one_pass(
        tmp_path,
        [*of(GENERAL, chat(30)), *of(TIDES, chat(40, 31))],
        listed(GENERAL, TIDES),
        rewrite=True,
    )
    text = files(tmp_path)[f"{FOLDER}/topics/topic_2.md"]
    assert before[f"{FOLDER}/topics/topic_2.md"] == text.replace(b"deleted", b"open")


async def test_topics_that_begin_while_others_are_read(tmp_path: Path) -> None:
    """They are not deleted, although the list is older and complete."""
    begun = types.MessageService(
        31,
        PEER,
        START,
        action=types.MessageActionTopicCreate("New", 0),
        from_id=types.PeerUser(5),
    )
    old = listed(*TOPICS)
    async with ForumLayout(tmp_path, FORUM) as layout:
        await layout.write_all(old, chat(30))
        await layout.write_all(old, [begun])
        await layout.write_all(old, [(31, message(32))])
    assert ["open"] * 4 == sorted(states(tmp_path))


async def test_written_anew(tmp_path: Path) -> None:
    """With `rewrite`, what has changed since is there; the rest of the pages stays as it is."""
    edited = [message(each.id, f"new {each.id}") for each in chat(30)]
    await one_pass(tmp_path / "new", edited)
    for way in (one_pass, each_topic):
        root = tmp_path / way.__name__
        await one_pass(root, chat(30))
        await way(root, edited)
        assert b"new 9" not in b"".join(files(root).values())
        told = await way(root, edited, rewrite=True)
        assert [(True, 10, 10)] * 3 == [(e.is_rewritten, e.messages, e.added) for e in told]
        assert files(tmp_path / "new") == files(root)
        told = await way(root, edited)
        assert not any(each.is_rewritten for each in told)
    async with ForumLayout(root, FORUM, rewrite=True) as layout:
        assert (0, 0) == (layout.last_id(), layout.last_id(2))
        await layout.write(SHIPS, of(SHIPS, chat(30)))
        assert (0, 28, 0) == (layout.last_id(), layout.last_id(2), layout.last_id(3))
    assert b"text 4" in files(root)[f"{FOLDER}/topics/topic_2.md"]
    assert b"new 5" in files(root)[f"{FOLDER}/topics/topic_3.md"]
    assert 0 == pending(root)


async def test_written_anew_and_renamed(tmp_path: Path) -> None:
    """The page of a title that is no more goes, also then."""
    await one_pass(tmp_path, chat(9), style="title_id")
    told = await one_pass(
        tmp_path,
        chat(9),
        [GENERAL, replace(SHIPS, title="x"), TIDES],
        style="title_id",
        rewrite=True,
    )
    assert [3, 3, 3] == [each.messages for each in told]
    assert ["topic_General_1.md", "topic_Tides_3.md", "topic_x_2.md"] == topics_in(files(tmp_path))


async def test_a_page_that_was_changed_begins_anew(tmp_path: Path) -> None:
    """A page that is not as it was written, or gone, is read again from its first message."""
    await one_pass(tmp_path, chat(30))
    before = files(tmp_path)
    pages = tmp_path / FOLDER / "topics"
    (pages / "topic_1.md").unlink()
    (pages / "topic_2.md").write_bytes((pages / "topic_2.md").read_bytes() + b"x")
    (pages / "topic_3.md").write_bytes(b"x" * len((pages / "topic_3.md").read_bytes()))
    async with ForumLayout(tmp_path, FORUM) as layout:
        assert [0, 0, 0] == [layout.last_id(topic.id) for topic in TOPICS]
    await each_topic(tmp_path, chat(30))
    assert before == files(tmp_path)


async def test_a_page_that_was_removed_before_one_pass(tmp_path: Path) -> None:
    """One pass begins where the lost topic does: nothing of it is missing, and that once only."""
    await one_pass(tmp_path, chat(30))
    before = files(tmp_path)
    (tmp_path / FOLDER / "topics" / "topic_3.md").unlink()
    async with ForumLayout(tmp_path, FORUM) as layout:
        assert (2, 0, 28) == (layout.last_id(), layout.last_id(3), layout.last_id(2))
    told = await one_pass(tmp_path, chat(30))
    assert [(0, False), (0, False), (10, True)] == [(e.added, e.is_rewritten) for e in told]
    assert before == files(tmp_path)
    (tmp_path / FOLDER / "topics" / "topic_3.md").unlink()
    await one_pass(tmp_path, [each for each in chat(30) if topic_id(each.id) != 3], [GENERAL])
    async with ForumLayout(tmp_path, FORUM) as layout:  # it is gone at Telegram, too
        assert (30, 0) == (layout.last_id(), layout.last_id(3))


async def test_a_topic_begun_anew_and_not_ended(tmp_path: Path) -> None:
    """What one pass had read of it before is not taken for read: the next one brings it."""
    await one_pass(tmp_path, chat(30))
    before = files(tmp_path)

    def broken() -> Iterable[Any]:
        yield from of(TIDES, chat(15))
        raise ValueError("broken")

    async def rewrite() -> None:
        async with ForumLayout(tmp_path, FORUM, rewrite=True) as layout:
            await layout.write(SHIPS, of(SHIPS, chat(30)))
            await layout.write(TIDES, broken())

    with pytest.raises(ValueError, match="broken"):
        await rewrite()
    assert before == files(tmp_path)
    async with ForumLayout(tmp_path, FORUM) as layout:
        assert (2, 14, 28) == (layout.last_id(), layout.last_id(3), layout.last_id(2))
    told = await one_pass(tmp_path, chat(30))
    assert [(0, 10), (0, 10), (5, 10)] == [(each.added, each.messages) for each in told]
    assert before == files(tmp_path)
    async with ForumLayout(tmp_path, FORUM) as layout:
        assert 30 == layout.last_id()


async def test_an_error_of_the_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before it is kept for the next run; pages and lists stay as they are."""
    monkeypatch.setattr(shelf, "_FLUSH_AT", 200)
    await one_pass(tmp_path, chat(9))
    before = files(tmp_path)

    async def broken(error: type[BaseException]) -> AsyncIterator[Any]:
        for each in chat(25, 10):
            yield each
        raise error

    for error in (ValueError, asyncio.CancelledError):
        with pytest.raises(error):
            async with ForumLayout(tmp_path, FORUM) as layout:
                await layout.write_all(TOPICS, broken(error))
        assert before == files(tmp_path)
    async with ForumLayout(tmp_path, FORUM) as layout:
        assert (25, 25, 23) == (layout.last_id(), layout.last_id(2), layout.last_id(3))
    assert before == files(tmp_path)
    told = await one_pass(tmp_path, chat(30))
    assert [10, 10, 10] == [each.messages for each in told]
    await one_pass(tmp_path / "fresh", chat(30))
    assert files(tmp_path / "fresh") == {
        name: data for name, data in files(tmp_path).items() if not name.startswith("fresh")
    }


@pytest.mark.parametrize("way", [one_pass, each_topic])
async def test_a_message_that_cannot_be_written(tmp_path: Path, way: Any) -> None:
    """An error while it is written, of *names* or of ours, loses it in no way of reading."""
    await way(tmp_path / "fresh", chat(30))
    for at in (1, 7, 20):
        calls: list[int] = []

        def names(marked_id: int, at: int = at, calls: list[int] = calls) -> None:
            calls.append(marked_id)
            if len(calls) == at:
                raise LookupError(marked_id)

        root = tmp_path / f"x{at}"
        with pytest.raises(LookupError):
            await way(root, chat(30), names=names)
        told = await way(root, chat(30))
        assert [10, 10, 10] == [each.messages for each in told]
        assert files(tmp_path / "fresh") == files(root)


async def test_one_topic_fails_the_others_go_on(tmp_path: Path) -> None:
    """Who catches the error of a topic has the index of the others, with what is in the pages."""
    await each_topic(tmp_path, chat(9))

    def broken() -> Iterable[Any]:
        yield from of(SHIPS, chat(15, 10))
        raise ValueError("broken")

    async with ForumLayout(tmp_path, FORUM, participant_ids=True) as layout:
        with pytest.raises(ValueError, match="broken"):
            await layout.write(SHIPS, broken())
        await layout.write(TIDES, of(TIDES, chat(15)))
    index = files(tmp_path)[f"{FOLDER}/index.md"].decode()
    assert "- Messages: 11\n" in index
    assert "| Ships | 3 |" in index
    metrics = json.loads(files(tmp_path)[f"{FOLDER}/topic_metrics.json"])
    assert [3, 3, 5] == [each["messages"] for each in metrics["topics"]]
    assert [True, False, True] == ["participant_ids" in each for each in metrics["topics"]]


async def test_metrics_are_optional_and_name_nobody(tmp_path: Path) -> None:
    """Ids of people are in no file but `state.db`, unless they are asked for."""
    await one_pass(tmp_path, chat(9), metrics=False)
    assert not any("metrics" in name for name in files(tmp_path))
    await one_pass(tmp_path, chat(12))
    metrics = json.loads(files(tmp_path)[f"{FOLDER}/topic_metrics.json"])
    assert [28, 23, 27] == [each["views"] for each in metrics["topics"]]
    assert [2, 2, 2] == [each["participants"] for each in metrics["topics"]]
    assert not any("participant_ids" in each for each in metrics["topics"])
    await one_pass(tmp_path, chat(12), participant_ids=True)
    metrics = json.loads(files(tmp_path)[f"{FOLDER}/topic_metrics.json"])
    assert [[5, 6], [6, 7], [5, 7]] == [each["participant_ids"] for each in metrics["topics"]]


async def test_names_from_elsewhere(tmp_path: Path) -> None:
    """Who is known by id alone is called as the caller says, creators too."""
    await one_pass(tmp_path, chat(12), names={5: "Ada", 6: "Bob"}.get)
    text = files(tmp_path)[f"{FOLDER}/topics/topic_3.md"].decode()
    assert "by Ada\n" in text
    assert "UTC, Ada\n" in text
    assert "UTC, 7\n" in text


async def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many messages no more text is held than one lot, however many topics it is of."""
    monkeypatch.setattr(shelf, "_FLUSH_AT", 2_000)
    held = []

    async def watched(layout: ForumLayout) -> AsyncIterator[Any]:
        for each in chat(2_000):
            held.append(layout._shelf._size)  # type: ignore[union-attr]
            yield each

    async with ForumLayout(tmp_path, FORUM) as layout:
        await layout.write_all(TOPICS, watched(layout))
    assert 1_000 < max(held) < 2_000
    assert 0 == pending(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="where Linux tells of memory")
async def test_a_million_messages(tmp_path: Path) -> None:
    """They take no more memory than the first hundred thousand."""
    sizes: list[float] = []

    def many() -> Iterable[Any]:
        for number in range(1, 1_000_001):
            if number % 10_000 == 0:
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                sizes.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
            yield message(number, "some words of a message that are not so few " * 2)

    began = time.process_time()
    told = await one_pass_of(tmp_path, many())
    used = time.process_time() - began
    assert 1_000_000 == sum(each.messages for each in told)
    print(f"{used:.0f} s of CPU, {max(sizes) - sizes[0]:.0f} MiB beyond the first 10,000")
    assert max(sizes) - max(sizes[:10]) < 16


async def test_the_record_shrinks(tmp_path: Path) -> None:
    """What has come into pages takes no room in the record for long."""
    big = [message(each, "x" * 4_000) for each in range(1, 1_000)]
    await one_pass(tmp_path, big)
    assert (tmp_path / FOLDER / "state.db").stat().st_size < 100_000


# Disks that are full


@pytest.mark.parametrize("name", ["write_all", "fsync"])
async def test_a_full_disk(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typed error, pages as they were, nothing lost, and the same call may be repeated."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    await one_pass(tmp_path / "fresh", chat(30))
    root = tmp_path / "x"
    await one_pass(root, chat(9))
    before = files(root)
    async with ForumLayout(root, FORUM) as layout:
        with monkeypatch.context() as patch:
            patch.setattr(disk if name == "write_all" else disk.os, name, full)
            with pytest.raises(DiskFullError):
                await layout.write_all(TOPICS, chat(30))
            assert before == files(root)
        told = await layout.write_all(TOPICS, chat(30))
        assert [10, 10, 10] == [each.messages for each in told]
        assert [7, 7, 7] == [each.added for each in told]
    assert files(tmp_path / "fresh") == files(root)


async def test_a_full_disk_at_the_second_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages that were written are new, the others old, each of them whole; the rest follows."""
    await one_pass(tmp_path / "fresh", chat(30))
    root = tmp_path / "x"
    await one_pass(root, chat(9))
    commit, calls = disk.Replacement.commit, []

    def full(self: disk.Replacement) -> None:
        calls.append(self)
        if len(calls) > 1:
            self.discard()
            raise DiskFullError("x", 1)
        commit(self)

    with monkeypatch.context() as patch:
        patch.setattr(disk.Replacement, "commit", full)
        with pytest.raises(DiskFullError):
            await one_pass(root, chat(30))
    fresh, found = files(tmp_path / "fresh"), files(root)
    assert [True, False, False] == [
        fresh[f"{FOLDER}/topics/topic_{n}.md"] == found[f"{FOLDER}/topics/topic_{n}.md"]
        for n in (1, 2, 3)
    ]
    told = await one_pass(root, chat(30))
    assert [(False, 10), (True, 10), (True, 10)] == [(e.is_rewritten, e.messages) for e in told]
    assert fresh == files(root)


async def test_a_record_that_is_full(tmp_path: Path) -> None:
    """No room in the data base: nothing of the lot is there, or all of it."""
    await one_pass(tmp_path / "fresh", chat(30))
    root = tmp_path / "x"
    await one_pass(root, chat(9))
    async with ForumLayout(root, FORUM) as layout:
        base = layout._shelf._store._opened()  # type: ignore[union-attr]
        [pages] = base.execute("PRAGMA page_count").fetchone()
        base.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(DiskFullError, match="no room for more; make room"):
            await layout.write_all(TOPICS, [message(n, "x" * 3_000) for n in range(10, 31)])
        assert 0 == base.execute("SELECT COUNT(*) FROM pending").fetchone()[0]
        with pytest.raises(DiskFullError):
            await layout.write(SHIPS, ())
        base.execute("PRAGMA max_page_count=100000")
    async with ForumLayout(root, FORUM) as layout:
        assert 30 == layout.last_id()
        told = await layout.write_all(TOPICS, ())
    assert [10, 10, 10] == [each.messages for each in told]


async def test_cancelled_while_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call ends when the disk is done; nothing is there twice, and the next run completes."""
    await one_pass(tmp_path / "fresh", chat(30))
    root, loop, sync = tmp_path / "x", asyncio.get_running_loop(), disk.os.fsync
    task = asyncio.create_task(one_pass(root, chat(30)))

    def fsync(descriptor: int) -> None:
        loop.call_soon_threadsafe(task.cancel)
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(disk.os, "fsync", fsync)
        with pytest.raises(asyncio.CancelledError):
            await task
    assert not [name for name in files(root) if name.endswith(".tmp")]
    told = await one_pass(root, chat(30))
    assert [10, 10, 10] == [each.messages for each in told]
    assert files(tmp_path / "fresh") == files(root)


# Misuse, and what is not ours


async def test_misuse(tmp_path: Path) -> None:
    """One writer at a time, open within `async with` only; arguments are named."""
    with pytest.raises(ArgumentError, match="style"):
        ForumLayout(tmp_path, FORUM, style="title")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="forum"):
        ForumLayout(tmp_path, "harbour")
    for name, value in (
        *(("root", root) for root in (5, None, "")),
        *((flag, "no") for flag in ("metrics", "participant_ids", "rewrite")),
        ("names", "x"),
    ):
        with pytest.raises(ArgumentError, match=f"^{name}="):
            ForumLayout(**{"root": tmp_path, "forum": FORUM, name: value})  # type: ignore[arg-type]
    layout = ForumLayout(tmp_path, FORUM)
    with pytest.raises(ClosedError):
        layout.last_id()
    with pytest.raises(ClosedError):
        await layout.write(SHIPS, [])
    async with layout:
        with pytest.raises(ClosedError):
            await layout.__aenter__()
        with pytest.raises(StoreLockedError):
            await one_pass(tmp_path, chat(3))

        async def nested() -> AsyncIterator[Any]:
            for call in (layout.write(SHIPS, []), layout.write_all(TOPICS, [])):
                with pytest.raises(ConcurrentUseError):
                    await call
            await layout.write(TIDES, of(TIDES, chat(9)))
            yield message(4)

        await layout.write(SHIPS, nested())
    async with layout:
        assert (4, 8) == (layout.last_id(2), layout.last_id(3))


async def test_what_is_no_topic_or_message(tmp_path: Path) -> None:
    """Other arguments, or messages of another chat or topic: an error, and no trace of the call."""
    await one_pass(tmp_path, chat(9))
    before = files(tmp_path)
    other = message(40)
    other.peer_id = types.PeerChannel(78)
    async with ForumLayout(tmp_path, FORUM) as layout:
        for topic in (5, None, "x", [SHIPS]):
            with pytest.raises(ArgumentError, match=r"^topic="):
                await layout.write(topic, [])  # type: ignore[arg-type]
        for topics in (5, None, "x", [1, 2]):
            with pytest.raises(ArgumentError, match=r"^topics="):
                await layout.write_all(topics, [])  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match=r"^listing="):
            await layout.mark_deleted(TOPICS)  # type: ignore[arg-type]
        wrong: Any
        for wrong in (None, 5, "abc", [5], ["x"], [message(39), other]):
            with pytest.raises(ArgumentError, match=r"^messages="):
                await layout.write_all(TOPICS, wrong)
            with pytest.raises(ArgumentError, match=r"^messages="):
                await layout.write(TIDES, wrong)
        with pytest.raises(ArgumentError, match="topic 3"):
            await layout.write(TIDES, [(3, message(38)), (2, message(40))])
    assert before == files(tmp_path)
    async with ForumLayout(tmp_path, FORUM) as layout:
        assert (9, 8) == (layout.last_id(), layout.last_id(3))


async def test_a_record_that_is_not_ours(tmp_path: Path) -> None:
    """Damaged, another program's or of a later release: an error, and not a byte is changed."""
    await one_pass(tmp_path, chat(9))
    path = tmp_path / FOLDER / "state.db"
    whole = path.read_bytes()
    for column, value in (("state", "{}"), ("page", '{"topic": {}}'), ("next", "[1]")):
        with sqlite3.connect(path) as base:
            base.execute(f"UPDATE topics SET {column}=? WHERE id=2", (value,))  # noqa: S608 - our own names
        base.close()
        with pytest.raises(CorruptStateError, match=r"topic 2 .*; remove it, and the next run"):
            await one_pass(tmp_path, chat(9))
        path.write_bytes(whole)
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA user_version=2")
    base.close()
    with pytest.raises(UnsupportedStateError):
        await one_pass(tmp_path, chat(9))
    path.write_bytes(b"nothing of ours" * 99)
    with pytest.raises(CorruptStateError):
        await one_pass(tmp_path, chat(9))
    assert b"nothing of ours" * 99 == path.read_bytes()
    before = files(tmp_path)
    path.unlink()
    told = await one_pass(tmp_path, chat(9))
    assert [3, 3, 3] == [each.added for each in told]
    assert before == files(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        await one_pass(tmp_path / "file", chat(9))


async def test_opening_that_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is free for the next one."""
    load = shelf.LayoutStore.load
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(one_pass(tmp_path, chat(9)))

    def late(self: Any) -> Any:
        loop.call_soon_threadsafe(task.cancel)
        return load(self)

    with monkeypatch.context() as patch:
        patch.setattr(shelf.LayoutStore, "load", late)
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [3, 3, 3] == [each.messages for each in await one_pass(tmp_path, chat(9))]
