"""What things cost where no clock runs: requests, bytes on the wire, instructions of Python.

All of it is the same in every run, on every machine: the embedded Telegram in virtual time, where
computing takes none, and `benchmarks.instructions`. So the gate (`benchmarks.gate`) fails on it.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telethon import TelegramClient, types
from telethon.sessions.memory import MemorySession
from telethon.tl.functions.messages import GetHistoryRequest

from benchmarks.history import Situation
from benchmarks.instructions import count_instructions, edition
from telefast import (
    BatchedHistory,
    ChunkCodec,
    ForumWalker,
    MediaDedupeCache,
    MediaDownloader,
    MetadataCache,
    ReactionCollector,
)
from telefast.cli.race import RaceError
from telefast.testing import LocalTelegram, World, put_media, run_virtual
from telefast.testing.pages import channel_messages
from telefast.transport.messages import read_page

if TYPE_CHECKING:
    from benchmarks.history import Plan
    from telefast.cli.view import View

__all__ = ["CountsRecord", "instructions", "run"]

MESSAGES: Final = 3_000
RTT: Final = 0.03
"""Of the line; with a round trip there is something to have in flight."""
FILE: Final = 8 * 1024 * 1024
DECODED: Final = 1_000
"""Messages that are decoded and encoded, in pages of 100."""


@dataclass(frozen=True, slots=True)
class CountsRecord:
    """What one thing costs.

    Attributes:
        bench: The benchmark.
        what: What was done.
        requests: Requests that the server received; None where there was no server.
        bytes: Bytes on the wire, both ways; None where there was no server.
        instructions: Bytecode instructions for each message; None where requests are counted.
        edition: What the instructions depend on, "" where there are none.
    """

    bench: str
    what: str
    requests: int | None = None
    bytes: int | None = None
    instructions: float | None = None
    edition: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return all figures as plain data."""
        return asdict(self)


async def run(plan: Plan, view: View) -> list[CountsRecord]:
    """Do everything once, answers checked; *plan* changes nothing.

    Raises:
        RaceError: If something is not what is in the world.
    """
    del plan
    found = []
    for what, scene in SCENES.items():
        requests, wire = await asyncio.to_thread(run_virtual, scene)
        found.append(CountsRecord("counts", what, requests, wire))
    rows = [(each.what, [f"{each.requests:,}", f"{each.bytes:,}"]) for each in found]
    view.table(f"requests and bytes, virtual time, {RTT * 1000:g} ms", ["requests", "bytes"], rows)
    counted = await asyncio.to_thread(instructions)
    rows = [(what, [f"{count:,.1f}"]) for what, count in counted.items()]
    view.table(f"instructions for each message, {edition()}", ["instructions"], rows)
    return found + [
        CountsRecord("counts", what, instructions=count, edition=edition())
        for what, count in counted.items()
    ]


# Requests and bytes

Scene = Callable[[], Coroutine[Any, Any, tuple[int, int]]]


async def _on(
    world: World, work: Callable[[TelegramClient], Awaitable[object]], expected: object
) -> tuple[int, int]:
    """Return requests and bytes of *work* with a client that is connected."""
    telegram = LocalTelegram(world, rtt=RTT)
    async with telegram, telegram.client() as client:
        before = telegram.requests.snapshot()
        got = await work(client)
        after = telegram.requests.snapshot()
    if got != expected:
        raise RaceError(f"{getattr(work, '__qualname__', work)}: not what is in the world")
    wire = sum(after[key] - before[key] for key in ("bytes_sent", "bytes_received"))
    return after["total"] - before["total"], wire


def _history(kind: str, *, stop_at: int = 0, **options: Any) -> Scene:
    """Read a chat, in two parts if *stop_at* says so."""

    async def scene() -> tuple[int, int]:
        world, chat = Situation(kind, MESSAGES).make()

        async def read(client: TelegramClient) -> list[int]:
            ids: list[int] = []
            history = BatchedHistory(client, chat.input_peer(), **options)
            async with history:
                async for message in history:
                    ids.append(message.id)
                    if len(ids) == stop_at:
                        break
            if not stop_at:
                return ids
            rest = BatchedHistory.resume(client, chat.input_peer(), history.cursor, **options)
            async with rest:
                return ids + [message.id async for message in rest]

        return await _on(world, read, sorted(chat.ids, reverse=not options.get("reverse")))

    return scene


async def _download() -> tuple[int, int]:
    world = World(seed=FILE)
    channel = world.add_channel("Benchmark", username="benchmark")
    document = world.file_store.document(FILE, "film.mkv", dc_id=world.dc_ids[0])
    put_media(channel, types.MessageMediaDocument(document=document))

    async def fetch(client: TelegramClient) -> int:
        [message] = await _messages(client, 1)
        found = await MediaDownloader(client).download(message, bytes)
        return len(found.data or b"")

    return await _on(world, fetch, FILE)


async def _reposts(*, with_cache: bool) -> tuple[int, int]:
    """Have 40 files, of which 20 are reposts."""
    world = World(seed=40)
    channel = world.add_channel("Benchmark", username="benchmark")
    documents = [
        world.file_store.document(20_000 + number, f"{number}.bin", dc_id=world.dc_ids[0])
        for number in range(20)
    ]
    for number in range(40):
        put_media(channel, types.MessageMediaDocument(document=documents[number % 20]))

    async def fetch(client: TelegramClient) -> int:
        messages = await _messages(client, 40)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if not with_cache:
                await _each(MediaDownloader(client), messages, folder)
            else:
                async with MediaDedupeCache(folder / "files.db") as cache:
                    await _each(MediaDownloader(client, dedupe=cache), messages, folder)
            return _different(folder)

    return await _on(world, fetch, 20)


def _different(folder: Path) -> int:
    return len({hashlib.sha256(path.read_bytes()).digest() for path in folder.glob("*.bin")})


async def _each(downloader: MediaDownloader, messages: list[Any], folder: Path) -> None:
    for message in messages:
        await downloader.download(message, folder / f"{message.id}.bin")


async def _messages(client: TelegramClient, count: int) -> list[Any]:
    found: Any = await client.get_messages("benchmark", limit=count)
    return [each for each in reversed(found) if each.file]


async def _reactions() -> tuple[int, int]:
    """Find who reacted: 100 messages with one to six reactions, one with 250."""
    world = World(seed=74, user_count=300)
    channel = world.add_channel("Benchmark", message_count=400, username="benchmark")
    for number in range(1, 401):
        channel.reactions.remove(number)
    for number in range(100):
        channel.reactions.add(3 * number + 1, "👍", by=channel.members[: 1 + number % 6])
    channel.reactions.add(400, "👍", count=250)
    expected = sum(1 + number % 6 for number in range(100)) + 250

    async def collect(client: TelegramClient) -> int:
        collector, people = ReactionCollector(client, full=True), 0
        async with (
            BatchedHistory(client, channel.input_peer()) as history,
            collector.collect(history) as reacted,
        ):
            async for _, _, reactors in reacted:
                people += len(reactors.items) if reactors else 0
        return people

    return await _on(world, collect, expected)


async def _metadata() -> tuple[int, int]:
    """Ask ten times for what three chats are and how many messages they have."""
    world = World(seed=3)
    chats = [world.add_channel(f"Club {n}", message_count=50 + n) for n in range(3)]

    async def ask(client: TelegramClient) -> list[int | None]:
        await client.get_dialogs()
        cache = MetadataCache(client)
        counts: list[int | None] = []
        for _ in range(10):
            await asyncio.gather(*(cache.full(chat.marked_id) for chat in chats))  # noqa: TID251
            counts = [(await cache.message_count(chat.marked_id)).value for chat in chats]
        return counts

    return await _on(world, ask, [50, 51, 52])


async def _forum() -> tuple[int, int]:
    """Read a forum of 40 topics in one pass, each message with its topic."""
    world = World(seed=3_000)
    forum = world.add_forum("Benchmark", topics=40, message_count=3_000, username="benchmark")
    expected = {topic: [*forum.topic_ids(topic)] for topic in forum.topics}

    async def read(client: TelegramClient) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        async with ForumWalker(client, "benchmark").split() as split:
            async for topic, message in split:
                found.setdefault(topic, []).append(message.id)
        return found

    return await _on(world, read, {topic: ids for topic, ids in expected.items() if ids})


SCENES: Final[dict[str, Scene]] = {
    "history, supergroup": _history("supergroup"),
    "history, private chat": _history("private chat"),
    "history, basic group": _history("basic group"),
    "history, supergroup, oldest first": _history("supergroup", reverse=True),
    "history, supergroup, resumed": _history("supergroup", stop_at=1_500),
    "download, 8 MiB": _download,
    "files, half of them reposts": lambda: _reposts(with_cache=False),
    "files, half of them reposts, cache": lambda: _reposts(with_cache=True),
    "forum, one pass": _forum,
    "reactions": _reactions,
    "metadata": _metadata,
}


# Instructions


def instructions() -> dict[str, float]:
    """Return bytecode instructions for each message of all that decodes and encodes."""
    world = World(seed=5)
    channel = world.add_channel("Benchmark", message_count=DECODED, holes=0.05)
    ids = sorted(channel.ids, reverse=True)
    peer = channel.input_peer()
    request: Any = GetHistoryRequest(peer, 0, None, 0, 100, 0, 0, 0)
    answers = [
        channel_messages(world.accounts[0], channel, ids[start : start + 100], count=len(ids))
        for start in range(0, DECODED, 100)
    ]
    client = TelegramClient(MemorySession(), 1, "0" * 32)
    codec = ChunkCodec()

    def decode() -> list[Any]:
        return [read_page(answer, request) for answer in answers]

    pages = decode()
    batch: Any = _SomeBatch([m for page in pages for m in page.messages], pages)
    data = codec.encode(batch)

    def finish() -> object:
        return [page.finished(page.found, client, peer) for page in decode()]

    def objects() -> object:
        chunk = codec.decode(data)
        return chunk.messages, chunk.users, chunk.chats

    works: dict[str, Callable[[], object]] = {
        "decode pages": decode,
        "decode and finish pages": finish,
        "encode chunk": lambda: codec.encode(batch),
        "decode chunk": lambda: codec.decode(data),
        "decode chunk to objects": objects,
    }
    found = {}
    for name, work in works.items():
        work()
        found[name] = round(count_instructions(work) / DECODED, 1)
    return found


@dataclass
class _SomeBatch:
    """As much of a `telefast.Batch` as a codec looks at."""

    messages: list[Any]
    pages: list[Any]
    account: int | None = 1
