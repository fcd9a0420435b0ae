"""A forum as files, by the real client: all of it, and the same however it was read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from telefast import ForumLayout, ForumWalker, TopicFile
from telefast.testing import ErrorOn, LocalTelegram, World, hostile_names, make_poll
from tests.storage.layout_scene import files

READS = ("messages.getHistory", "messages.getReplies", "channels.getMessages")

Write = Callable[[ForumWalker, ForumLayout], Awaitable[list[TopicFile]]]


async def one_pass(walker: ForumWalker, layout: ForumLayout) -> list[TopicFile]:
    """Write what is new in one pass over the chat."""
    listing = await walker.listing()
    async with walker.split(min_id=layout.last_id()) as split:
        return await layout.write_all(listing, split)


async def each_topic(walker: ForumWalker, layout: ForumLayout) -> list[TopicFile]:
    """Write what is new topic by topic, and ask for none that has nothing new."""
    found = []
    listing = await walker.listing()
    for topic in listing.topics:
        if layout.is_current(topic):
            found.append(await layout.write(topic, ()))
            continue
        async with walker.history(topic, min_id=layout.last_id(topic.id)) as history:
            found.append(await layout.write(topic, history))
    return [*found, *await layout.mark_deleted(listing)]


class Port:
    """A forum, who reads it, and where its files go."""

    def __init__(self, telegram: LocalTelegram, client: Any, forum: Any) -> None:
        self.telegram = telegram
        self.client = client
        self.forum = forum

    async def export(self, root: Path, write: Write, **options: Any) -> list[TopicFile]:
        """Write the forum to files."""
        entity = await self.client.get_entity("port")
        walker = ForumWalker(self.client, "port")
        async with ForumLayout(root, entity, style="title_id", **options) as layout:
            return await write(walker, layout)

    def reads(self) -> int:
        """Return how many requests for messages there were."""
        return sum(self.telegram.requests[name] for name in READS)


@asynccontextmanager
async def port(topics: int = 8, messages: int = 600) -> AsyncIterator[Port]:
    """Serve a forum with topics of one title, and of titles that no file can have."""
    world = World(seed=5)
    forum = world.add_forum("Port/../<b>", topics=topics, message_count=messages, username="port")
    for title in (
        "Same",
        "same",
        "Same",
        *filter(None, hostile_names()[:14]),
        "# x\n| a | <script>",
    ):
        topic = forum.add_topic(title, message_count=3)
    topic.edit(closed=True)
    forum.general.edit(hidden=True)
    forum.pin_topics(topic)
    [new] = topic.post()
    message = forum.peek(new)
    message.media = make_poll("Tea?", {"Yes": 7, "No": 2})
    forum.put(message)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        yield Port(telegram, client, forum)


async def test_each_message_is_in_one_file(tmp_path: Path) -> None:
    """Topics of one title, and of any title: a page for each, with its messages, and no others."""
    async with port() as here:
        told = {each.topic_id: each for each in await here.export(tmp_path, one_pass)}
        forum = here.forum
        assert {*forum.topics} == {*told}
        names = {each.path.name.casefold() for each in told.values()}
        assert len(forum.topics) == len(names)
        folder = told[1].path.parents[1]
        assert {each.path.name for each in told.values()} == {
            Path(name).name for name in files(tmp_path) if "/topics/" in name
        }
        for topic_id, topic in forum.topics.items():
            parsed = MarkdownIt().parse(told[topic_id].path.read_text("utf-8"))
            heads = [
                parsed[at + 1].content for at, t in enumerate(parsed) if t.type == "heading_open"
            ]
            ids = [int(head.split(",")[0].removeprefix("#")) for head in heads[1:]]
            assert [*topic.ids] == ids
            assert len(ids) == told[topic_id].messages
            assert not [token for token in parsed if token.type == "html_block"]
        assert len(forum.ids) == sum(each.messages for each in told.values())
        index = (folder / "index.md").read_text("utf-8")
        assert f"- Topics: {len(told)}\n- Messages: {len(forum.ids)}\n" in index
        metrics = json.loads((folder / "topic_metrics.json").read_text("utf-8"))["topics"]
        assert [*sorted(told)] == [each["id"] for each in metrics]
        [poll] = metrics[-1]["polls"]
        assert (9, [7, 2]) == (poll["voters"], [each["votes"] for each in poll["answers"]])
        last = told[max(told)].path.read_text("utf-8")
        assert "- State: pinned, closed\n" in last
        assert "- Poll: Tea? (voters: 9)\n  - Yes: 7\n  - No: 2\n" in last
        assert "- State: hidden\n" in told[1].path.read_text("utf-8")


async def test_one_pass_is_each_topic_by_itself(tmp_path: Path) -> None:
    """Messages of all topics mixed, or each topic by its own requests: byte for byte the same."""
    async with port() as here:
        await here.export(tmp_path / "pass", one_pass)
        await here.export(tmp_path / "each", each_topic)
        assert files(tmp_path / "pass") == files(tmp_path / "each")


@pytest.mark.parametrize("write", [one_pass, each_topic])
async def test_a_second_run_is_as_one_run(tmp_path: Path, write: Write) -> None:
    """After posts, a new topic, renames and a pin: the files of one run over everything.

    Before that, a run that finds nothing new reads no message and writes no page.
    """
    async with port() as here:
        await here.export(tmp_path / "two", write)
        reads = here.reads()
        again = await here.export(tmp_path / "two", write)
        assert not any(each.is_rewritten for each in again)
        if write is each_topic:
            assert reads == here.reads()
        else:
            assert here.reads() - reads <= 2
        forum = here.forum
        busy, renamed = [*forum.topics.values()][3:5]
        busy.post(250)
        forum.post(3)
        renamed.edit(title="../New", closed=True)
        forum.add_topic("Same", message_count=5)
        forum.pin_topics(busy)
        told = await here.export(tmp_path / "two", write)
        changed = {each.topic_id for each in told if each.is_rewritten}
        was_pinned = max(id_ for id_ in forum.topics if forum.topics[id_].closed)
        new = max(forum.topics)
        assert {1, busy.id, renamed.id, was_pinned, new} == changed
        assert 250 + 3 + 1 + 6 == sum(each.added for each in told)
        await here.export(tmp_path / "one", write)
        assert files(tmp_path / "one") == files(tmp_path / "two")


async def test_general_that_cannot_be_asked_for(tmp_path: Path) -> None:
    """Where its thread is short without a sign, its page has all of its messages still."""
    async with port() as here:
        here.forum.general_shown = 5
        told = {each.topic_id: each for each in await here.export(tmp_path, each_topic)}
        assert len(here.forum.general.ids) == told[1].messages
        assert len(here.forum.ids) == sum(each.messages for each in told.values())


async def test_topics_that_are_no_more(tmp_path: Path) -> None:
    """A topic that was deleted between two runs stays, marked, and its later messages come."""
    async with port() as here:
        topics = [*here.forum.topics.values()]
        first = {each.topic_id: each for each in await here.export(tmp_path, one_pass)}
        before = first[topics[3].id].path.read_text("utf-8")
        topics[3].delete(keep_messages=True)
        here.forum.post(2, topic=topics[3].id)
        told = {each.topic_id: each for each in await here.export(tmp_path, one_pass)}
        gone = told[topics[3].id]
        assert (2, True, first[gone.topic_id].path) == (gone.added, gone.is_rewritten, gone.path)
        after = gone.path.read_text("utf-8")
        assert "- State: deleted\n" in after
        assert before.partition("\n### ")[2] in after


@pytest.mark.parametrize("write", [one_pass, each_topic])
async def test_topics_without_any_message_left(tmp_path: Path, write: Write) -> None:
    """A topic that was deleted with all that was in it is marked, too, and its page stays."""
    async with port() as here:
        gone = [*here.forum.topics.values()][4]
        first = {each.topic_id: each for each in await here.export(tmp_path, write)}
        before = first[gone.id].path.read_text("utf-8")
        gone.delete()
        told = {each.topic_id: each for each in await here.export(tmp_path, write)}
        assert {gone.id} == {each.topic_id for each in told.values() if each.is_rewritten}
        after = told[gone.id].path.read_text("utf-8")
        assert before.replace("- State: open", "- State: deleted") == after
        assert 1 == (tmp_path / told[gone.id].path.parents[1] / "index.md").read_text().count(
            "| deleted |"
        )
        again = await here.export(tmp_path, write)
        assert not any(each.is_rewritten for each in again)


@pytest.mark.parametrize("write", [one_pass, each_topic])
async def test_a_list_of_topics_that_breaks_off(tmp_path: Path, write: Write) -> None:
    """No topic is marked as deleted, whether it was known or not; the next good run completes."""
    async with port(topics=100, messages=200) as here:
        for root, is_known in ((tmp_path / "new", False), (tmp_path / "known", True)):
            if is_known:
                await here.export(root, write)
            for topic in [*here.forum.topics.values()][::3]:
                topic.post()
            second = here.telegram.requests["messages.getForumTopics"] + 2
            fault = ErrorOn("messages.getForumTopics", 400, "CHAT_ADMIN_REQUIRED", nth=second)
            here.telegram.add(fault)
            await here.export(root, write)
            assert fault.fired
            pages = [data for name, data in files(root).items() if "/topics/" in name]
            assert 0 == sum(b"- State: deleted" in page for page in pages)
            await here.export(root, write)
            await here.export(tmp_path / f"fresh {is_known}", write)
            assert files(root) == files(tmp_path / f"fresh {is_known}")
