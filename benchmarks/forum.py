"""Reading a whole forum: each topic by itself, against one pass over the history."""

from __future__ import annotations

import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from telefast import ForumPlan, ForumWalker, topic_of
from telefast.cli.race import RaceError
from telefast.testing import LocalTelegram, World

if TYPE_CHECKING:
    from telethon import TelegramClient

    from benchmarks.plan import Plan
    from telefast.cli.view import View
    from telefast.testing import Forum

__all__ = ["ForumRecord", "run"]

TOPICS: Final = 350
MESSAGES: Final = 100_000
QUICK_TOPICS: Final = 40
QUICK_MESSAGES: Final = 3_000
METHODS: Final = (
    *("messages.getForumTopics", "messages.getForumTopicsByID", "messages.getReplies"),
    *("messages.getHistory", "channels.getMessages"),
)
HEADS: Final = ["requests", "per 100\nmessages", "seconds", "messages\nper second", "missing"]

Buckets = dict[int, list[int]]


@dataclass(frozen=True, slots=True)
class ForumRecord:
    """One way to have all messages of a forum, sorted by topic.

    Attributes:
        bench: The benchmark.
        rtt: Round trip time, in seconds.
        topics: Topics of the forum, General among them.
        messages: Its messages.
        contender: Who ran.
        requests: Requests that the server received, those for the list of topics included.
        seconds: For all of them.
        missing: Messages that are in no bucket.
    """

    bench: str
    rtt: float
    topics: int
    messages: int
    contender: str
    requests: int
    seconds: float
    missing: int

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return asdict(self)

    def row(self) -> tuple[str, list[str]]:
        """Return the row of a table with `HEADS`."""
        return self.contender, [
            f"{self.requests:,}",
            f"{100 * self.requests / self.messages:.2f}",
            f"{self.seconds:.1f}",
            f"{(self.messages - self.missing) / self.seconds:,.0f}",
            f"{self.missing:,}",
        ]


async def _one_pass(client: TelegramClient, buckets: Buckets) -> None:
    async with ForumWalker(client, "benchmark").split() as split:
        await _sort(split, buckets)


async def _per_topic(client: TelegramClient, buckets: Buckets) -> None:
    walker = ForumWalker(client, "benchmark")
    topics = tuple(topic.id for topic in (await walker.listing()).topics)
    plan = ForumPlan("per topic", 0, 0, topics, "to compare")
    async with walker.read(plan=plan) as reading:
        await _sort(reading, buckets)


async def _planned(client: TelegramClient, buckets: Buckets) -> None:
    async with ForumWalker(client, "benchmark").read() as reading:
        await _sort(reading, buckets)


async def _stock(client: TelegramClient, buckets: Buckets) -> None:
    # Telethon lists no topics.
    for topic in (await ForumWalker(client, "benchmark").listing()).topics:
        found = client.iter_messages("benchmark", reply_to=topic.id, reverse=True, wait_time=0)
        ids = [message.id async for message in found]
        if ids:
            buckets[topic.id] = ids


async def _stock_pass(client: TelegramClient, buckets: Buckets) -> None:
    async for message in client.iter_messages("benchmark", reverse=True, wait_time=0):
        buckets.setdefault(topic_of(message), []).append(message.id)


async def _sort(source: AsyncIterator[tuple[int, Any]], buckets: Buckets) -> None:
    async for topic, message in source:
        buckets.setdefault(topic, []).append(message.id)


CONTENDERS: Final[dict[str, Callable[[TelegramClient, Buckets], Awaitable[None]]]] = {
    "telefast, one pass": _one_pass,
    "telefast, per topic": _per_topic,
    "telefast, as planned": _planned,
    "stock, one pass": _stock_pass,
    "stock, per topic": _stock,
}


async def run(plan: Plan, view: View) -> list[ForumRecord]:
    """Read the forum in each way; one record for each, after all buckets were compared.

    Raises:
        RaceError: If a bucket is not that of the forum; of stock's topics, if it lacks more than
            the message that began it.
    """
    topics = QUICK_TOPICS if plan.is_quick else TOPICS
    messages = QUICK_MESSAGES if plan.is_quick else MESSAGES
    rtt = plan.rtts[len(plan.rtts) // 2]
    world = World(seed=messages)
    forum = world.add_forum(
        "Benchmark", topics=topics, message_count=messages, username="benchmark"
    )
    records = []
    async with LocalTelegram(world, rtt=rtt, process=True) as telegram:
        for name, contender in CONTENDERS.items():
            if not plan.takes(name):
                continue
            async with telegram.client() as client:
                await client.get_input_entity("benchmark")
                before = await telegram.sync()
                sent = sum(before[method] for method in METHODS)
                buckets: Buckets = {}
                gc.collect()
                began = time.perf_counter()
                await contender(client, buckets)
                seconds = time.perf_counter() - began
                after = await telegram.sync()
            records.append(
                ForumRecord(
                    bench="forum",
                    rtt=rtt,
                    topics=len(forum.topics),
                    messages=len(forum.ids),
                    contender=name,
                    requests=sum(after[method] for method in METHODS) - sent,
                    seconds=seconds,
                    missing=_missing(name, forum, buckets),
                )
            )
    title = f"{topics} topics and General, {messages:,} messages, {rtt * 1000:g} ms"
    view.table(title, HEADS, [each.row() for each in records])
    view.say(
        "All buckets were compared with the forum. Stock lists no topics, so it is given them; its "
        "threads lack what began each topic, and of General the first message."
    )
    view.say()
    return records


def _missing(name: str, forum: Forum, buckets: Buckets) -> int:
    """Compare all buckets with the forum, and return how many messages they lack."""
    missing = 0
    for topic in {*forum.topics, *buckets}:
        found, wanted = buckets.get(topic, []), [*forum.topic_ids(topic)]
        lacks = [each for each in wanted if each not in {*found}] if found != wanted else []
        is_root = name == "stock, per topic" and lacks == [topic]
        if found != wanted and not (is_root and found == wanted[1:]):
            raise RaceError(f"{name}: topic {topic} has other messages than in the forum")
        missing += len(lacks)
    return missing
