"""Nothing that telefast shows gives an account away, or tells what people wrote.

Whatever a program could show of a run is gathered: every log record at DEBUG, every error with its
attributes, causes and tracebacks, with and without locals, as `traceback` and as rich have them,
the locals of all that waits whenever a request arrives at the server, the `repr` of what telefast
hands out, and all metrics. No secret of the world is in it, in any form.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient, types
from telethon.tl.functions.users import GetUsersRequest

import telefast
from telefast import (
    BatchedHistory,
    Checkpoint,
    ChunkCodec,
    ChunkStore,
    Comments,
    DownloadQueue,
    ForumWalker,
    MediaDedupeCache,
    MediaDownloader,
    MetadataCache,
    PeerCache,
    Pool,
    ReactionCollector,
    SenderNames,
    Takeout,
    TopicMetrics,
    WholeHistory,
    items_of,
    metrics_of,
    rehydrate,
)
from telefast.prometheus import exposition
from telefast.testing import (
    DataCentre,
    ErrorOn,
    ExpireReferences,
    Line,
    LocalTelegram,
    RevokeAccount,
    Rule,
    SocksProxy,
    UnknownConstructor,
    World,
    file_store,
    make_poll,
    put_media,
)
from telefast.testing.rpc import Call
from tests.e2e.secrets_sweep import Secrets, Shown

pytestmark = pytest.mark.e2e

HISTORY = "messages.getHistory"
GET_FILE = "upload.getFile"
API_HASH = "fedcba9876543210fedcba9876543210"
PASSWORD = "the password of the proxy"


class GivenUpError(Exception):
    """The program has had enough."""


class Watch(Rule):
    """Look at all that waits, whenever a request arrives."""

    def __init__(self, shown: Shown) -> None:
        self._shown = shown

    def arrived(self, line: Line, call: Call) -> None:
        """Look."""
        self.fired += 1
        self._shown.stacks()


class Scene:
    """A run, and what is to stay secret in it."""

    def __init__(self, shown: Shown, secrets: Secrets, telegram: LocalTelegram) -> None:
        self.shown = shown
        self.secrets = secrets
        self.telegram = telegram
        self.client: TelegramClient

    async def fails(self, what: Any, kind: type[BaseException] = GivenUpError) -> None:
        """Do something that fails, and gather how."""
        try:
            await what
        except kind as error:
            self.shown.error(error)
        else:
            pytest.fail("it did not fail")

    def on_progress(self, *_: Any) -> None:
        """End the run in the middle."""
        self.shown.stacks()
        raise GivenUpError

    def saw(self, *rooms: str) -> None:
        """Check that the locals of these rooms or modules were looked at."""
        assert set(rooms) <= {file.split("/")[0] for file, _ in self.shown.frames}

    async def aclose(self) -> None:
        """Gather what there is at the end, and look for secrets."""
        client = self.client
        session: Any = client.session
        for _, access_hash, _, phone, _ in session._entities:
            self.secrets.number("access hash", access_hash)
            self.secrets.text("phone", phone and str(phone))
        self.secrets.data("key", session.auth_key and session.auth_key.key)
        pool = Pool.of(client)
        for key in pool.keys.values():
            self.secrets.data("key", key)
        self.shown.thing(pool)
        for stats in pool.stats().values():
            self.shown.thing(stats)
        metrics = metrics_of(client)
        self.shown.put("metrics", metrics.snapshot())
        self.shown.put("metrics as JSON", metrics.to_json())
        self.shown.put("metrics for Prometheus", exposition(metrics))
        self.shown.thing(metrics)
        await pool.aclose()
        leaks = self.shown.leaks(self.secrets)
        assert not leaks, "\n".join(f"{where}: {names}" for where, names in leaks.items())


@pytest.fixture
def shown() -> Iterator[Shown]:
    """All that is shown."""
    telefast.limit_logs(interval=0)
    handler, logger = Shown(), logging.getLogger("telefast")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Secrets:
    """Those of each world: references are made for each answer."""
    secrets = Secrets()
    write = file_store.write_reference

    def note(*args: Any) -> bytes:
        reference = write(*args)
        secrets.data("file reference", reference)
        return reference

    monkeypatch.setattr(file_store, "write_reference", note)
    secrets.text("api_hash", API_HASH)
    secrets.text("password", PASSWORD)
    return secrets


def world_of(**options: Any) -> World:
    """Return a world with texts, files, reactions and comments."""
    world = World(seed=11, user_count=40, **options)
    ships = world.add_channel("Ships", message_count=700, holes=0.1, username="ships")
    for number in range(6):
        document = world.file_store.document(90_000, f"{number}.bin", dc_id=world.dc_ids[-1])
        put_media(ships, types.MessageMediaDocument(document=document))
    top = max(ships.ids)
    ships.reactions.add(top, "👍", count=30)
    return world


@pytest.fixture
def scene(shown: Shown, secrets: Secrets) -> Any:
    """Build a `Scene`."""

    @asynccontextmanager
    async def build(
        *rules: Rule,
        world: World | None = None,
        client: dict[str, Any] | None = None,
        **options: Any,
    ) -> AsyncIterator[Scene]:
        world = world or world_of()
        for chat in world.channels.values():
            for message_id in chat.ids:
                secrets.of(chat.message(message_id))
            secrets.number("access hash", chat.access_hash)
        for user in (world.me, *world.users.values()):
            secrets.of(user)
        server = LocalTelegram(world, rules=[*rules, Watch(shown)], **options)
        async with server as telegram:
            secrets.text("session", telegram.session_string())
            here = Scene(shown, secrets, telegram)
            here.client = telegram.client(**{"api_hash": API_HASH} | (client or {}))
            async with here.client:
                yield here
                await here.aclose()

    return build


async def test_histories(scene: Any, tmp_path: Path) -> None:
    """Read, stored, undecodable, flooded, retried, and ended in the middle."""
    rules = (
        ErrorOn(HISTORY, 420, "FLOOD_WAIT_1", nth=2),
        ErrorOn(HISTORY, 500, "INTERNAL", nth=4),
        UnknownConstructor(HISTORY, nth=6),
        UnknownConstructor(HISTORY, types.User, nth=8),
    )
    async with scene(*rules) as here:
        client, shown = here.client, here.shown
        async with (
            Checkpoint(tmp_path / "progress") as checkpoint,
            ChunkStore(tmp_path / "chunks") as store,
        ):
            async with BatchedHistory.resume(client, "ships", checkpoint) as history:
                async for batch in history.batches():
                    await store.append(batch)
                    await checkpoint.ack(batch)
                    for each in (batch, *batch.pages, history, history.cursor, history.stats()):
                        shown.thing(each)
                    shown.stacks()
                for each in history.undecoded:
                    shown.thing(each)
            for each in (checkpoint, *checkpoint.chats, store, store.stats()):
                shown.thing(each)
            async for chunk in store:
                shown.thing(chunk)
                for message in await rehydrate(client, chunk):
                    shown.thing(message)
        async with BatchedHistory(client, "ships", 150, view="lazy") as history:
            async for message in history:
                shown.thing(message)
        shown.stacks()
        fast = telefast.wrap(client, by_ids=False)
        shown.thing(fast)
        shown.thing(fast.iter_messages("ships"))
        await fast.get_messages("ships", 150, search="ship")
        await here.fails(fast.get_messages("ships", None, on_progress=here.on_progress))
        shown.thing(WholeHistory(client, "ships"))
        here.saw("chunks", "client", "history", "transport")


def damage(folder: Path) -> None:
    """Flip a bit in the middle of the one file of a store."""
    [path] = folder.glob("*.tfc")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


async def test_archives(scene: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged chunk and a full disk, where nothing is compressed."""
    async with scene() as here:
        codec = ChunkCodec(compression="none")
        async with ChunkStore(tmp_path, codec=codec) as store:
            async with BatchedHistory(here.client, "ships", 200) as history:
                batches = [batch async for batch in history.batches()]
            await store.append(batches[0])
            with monkeypatch.context() as patched:

                def is_full(*_: Any) -> None:
                    raise OSError(errno.ENOSPC, "No space left on device")

                patched.setattr("telefast.chunks.folder.write_all", is_full)
                await here.fails(store.append(batches[1]), telefast.DiskFullError)
        damage(tmp_path)
        async with ChunkStore(tmp_path, codec=codec) as store:
            await here.fails(anext(aiter(store)), telefast.CorruptChunkError)
            for each in store.damaged:
                here.shown.thing(each)
        with pytest.raises(telefast.CorruptChunkError) as caught:
            codec.decode(codec.encode(batches[0])[:-7])
        here.shown.error(caught.value)
        here.saw("chunks")


async def test_failures_of_histories(scene: Any) -> None:
    """What cannot be read, what is refused, and floods that are too long: errors tell no secret."""
    rules = (
        UnknownConstructor(HISTORY, types.messages.ChannelMessages, nth=2),
        ErrorOn(HISTORY, 400, "CHANNEL_INVALID", nth=4),
        ErrorOn(HISTORY, 420, "FLOOD_WAIT_5000", nth=6),
    )
    async with scene(*rules) as here:

        async def read(**options: Any) -> list[Any]:
            history = BatchedHistory(
                here.client, "ships", by_ids=False, concurrency=1, fallback=False, **options
            )
            async with history:
                return [message async for message in history]

        for _ in rules:
            await here.fails(read(), Exception)
        await here.fails(read(), Exception) if here.telegram.requests[HISTORY] < 6 else None


async def test_downloads(scene: Any, tmp_path: Path) -> None:
    """With expired references, lost connections, failures and an end in the middle."""
    world = world_of(dc_ids=(2, 4))
    rules = (
        ExpireReferences(nth=2),
        ErrorOn(GET_FILE, 400, "FILE_ID_INVALID", nth=7),
        ErrorOn(GET_FILE, 420, "FLOOD_WAIT_1", nth=9),
    )
    async with scene(*rules, world=world, data_centres=[DataCentre(4)]) as here:
        client, shown = here.client, here.shown
        messages = await telefast.wrap(client).get_messages("ships", 6)
        items = [item for message in messages for item in items_of(message)]
        assert 6 == len(items)
        for each in (*items, *(each.key for each in items)):
            shown.thing(each)
        cache = MediaDedupeCache(None)
        downloader = MediaDownloader(client, part_size=16 * 1024, dedupe=cache)
        for each in (cache, downloader, downloader.tuner):
            shown.thing(each)

        def tell(*_: Any) -> None:
            shown.stacks()

        async with downloader.download_all(messages, tmp_path / "all", progress=tell) as results:
            shown.thing(results)
            async for result in results:
                shown.thing(result)
                if result.error is not None:
                    shown.error(result.error)
        async with DownloadQueue(tmp_path / "queue", MediaDownloader(client)) as queue:
            shown.thing(queue)
            async with queue.download_all(messages, tmp_path / "files") as results:
                async for result in results:
                    shown.thing(result)
        await here.fails(
            MediaDownloader(client).download(messages[0], bytes, progress=here.on_progress)
        )
        shown.thing(await MediaDownloader(client).download(messages[0], bytes))
        here.saw("media", "transport")


async def test_people_and_reactions(scene: Any) -> None:
    """What was asked about peers and chats, and who reacted how."""
    async with scene() as here:
        client, shown = here.client, here.shown
        async with MetadataCache(client) as metadata:
            for each in (
                metadata,
                await metadata.full("ships"),
                await metadata.message_count("ships"),
            ):
                shown.thing(each)
        peers = PeerCache(client)
        shown.thing(peers)
        shown.thing(await peers.resolve("ships"))
        await here.fails(peers.resolve("nobody_at_all"), telefast.PeerNotFoundError)
        with pytest.raises(telefast.ArgumentError) as caught:  # its locals have what we say here
            await peers.resolve("+15550100")
        shown.put("error of a phone", f"{caught.value!r} {vars(caught.value)}")
        shown.thing(SenderNames())
        collector = ReactionCollector(client, full=True)
        shown.thing(collector)
        async with collector.collect(BatchedHistory(client, "ships", 5)) as found:
            async for each in found:
                shown.thing(each)
                shown.stacks()
        shown.thing(collector.stats())
        here.saw("peers", "reactions", "ordered.py", "transport")


async def test_forums_and_comments(scene: Any) -> None:
    """Topics, what they add up to, their messages; comments, tied to their posts."""
    world = world_of()
    forum = world.add_forum("Harbour", topics=5, message_count=300, username="harbour")
    question = "Which of these ships was the fastest?"
    put_media(forum, make_poll(question, {"The Great Eastern": 3, "A rowing boat": 4}))
    news = world.add_channel("News", message_count=30, megagroup=False, username="news")
    talk = world.add_channel("Talk", message_count=40, username="talk")
    world.link(news, talk)
    for post in list(news.ids)[:3]:
        if isinstance(news.message(post), types.Message):
            world.discuss(news, post, comments=5)
    async with scene(world=world) as here:
        client, shown = here.client, here.shown
        here.secrets.text("poll", question)
        here.secrets.text("poll", "The Great Eastern")
        walker = ForumWalker(client, "harbour")
        listing = await walker.listing()
        for each in (walker, listing, *listing.topics, await walker.plan()):
            shown.thing(each)
        metrics = TopicMetrics()
        async with walker.split() as split:
            shown.thing(split)
            async for _, message in split:
                metrics.add(message)
                shown.stacks()
        shown.thing(metrics)
        comments = Comments(client, "news")
        shown.thing(comments)
        async with comments.walk() as stream:
            shown.thing(stream)
            async for each in stream:
                shown.thing(each)
                shown.stacks()
        shown.thing(stream.stats())
        here.saw("forum", "history", "transport")


async def test_takeouts(scene: Any) -> None:
    """Begun, used, left by an error."""
    async with scene() as here:

        async def use() -> None:
            async with Takeout(here.client) as takeout:
                here.shown.thing(takeout)
                options = {"takeout": True, "on_progress": here.on_progress}
                await telefast.wrap(here.client).get_messages("ships", 200, **options)

        await here.fails(use())


@pytest.mark.skipif(not find_spec("python_socks"), reason="Telethon needs python-socks for it")
async def test_a_proxy_with_a_password(scene: Any, tmp_path: Path) -> None:
    """Also where it turns the program away."""
    proxy = SocksProxy("ada", PASSWORD)
    async with proxy, scene(client={"proxy": proxy.telethon()}) as here:
        await telefast.wrap(here.client).get_messages("ships", 100)
        messages = await here.client.get_messages("ships", 1)
        await MediaDownloader(here.client).download(messages[0], tmp_path / "file")
        here.client._proxy = (*proxy.telethon()[:5], PASSWORD[::-1])
        here.secrets.text("password", PASSWORD[::-1])
        await Pool.of(here.client).aclose()
        assert {2: False} == await Pool.of(here.client).prewarm([2], timeout=0.2)


async def test_a_login_that_has_ended(scene: Any) -> None:
    """The error says so, and nothing of the account."""
    async with scene(RevokeAccount(from_request=12)) as here:
        history = BatchedHistory(here.client, "ships", by_ids=False, concurrency=1)

        async def read() -> None:
            async with history:
                async for _ in history:
                    pass
            await here.client(GetUsersRequest([types.InputUserSelf()]))
            await MediaDownloader(here.client).download(
                (await here.client.get_messages("ships", 1))[0], bytes
            )

        await here.fails(read(), Exception)


def test_the_sweep_finds_what_is_shown(shown: Shown) -> None:
    """In each form; what is not there is not found."""
    secrets = Secrets()
    secrets.number("access hash", -1234567890123456789)
    secrets.data("key", bytes(range(200)))
    secrets.text("message text", "Schöne Grüße aus Köln")
    for text in (
        "hash=-1234567890123456789",
        f"{-1234567890123456789 % 2**64:#x}",
        bytes(range(200)).hex(),
        repr(bytes(range(200))),
        str(int.from_bytes(bytes(range(200)), "big")),
        repr({"text": "Schöne Grüße aus Köln"}),
        ascii("Schöne Grüße aus Köln"),
        repr("Schöne Grüße aus Köln".encode()),
    ):
        assert secrets.found_in(text), text
    assert [] == secrets.found_in("peer=-1001234567890 requests=12 part_size=262144")
    logging.getLogger("telefast.test").warning("text=%s", "Schöne Grüße aus Köln")
    assert {"log telefast.test", "log record telefast.test"} == set(shown.leaks(secrets))
