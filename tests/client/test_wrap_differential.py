"""The same calls on a client and on a wrapped one, in two equal worlds: the same happens.

What comes back, what is raised, what the client is afterwards, and what the server was asked beyond
the reading that telefast does otherwise. Calls that telefast means to answer otherwise (see the
guide on `wrap`) are left to other tests.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon import events, functions, types
from telethon.errors import RPCError
from telethon.helpers import TotalList
from telethon.tl.custom import Dialog, Message
from telethon.tl.tlobject import TLObject

from telefast import wrap
from telefast.testing import Group, LocalTelegram, PrivateChat, World, put_media, sample_media
from tests.client.exact import fingerprint, set_ids

T = TypeVar("T")

READING = {
    "channels.getMessages",
    "help.getConfig",
    "messages.getHistory",
    "messages.getMessages",
    "messages.getReplies",
    "messages.search",
    "updates.getDifference",
    "updates.getState",
    "users.getUsers",
}
"""What telefast asks in its own way, and what clients ask by the clock or when they connect."""
FILES = {"upload.getFile", "upload.getFileHashes", "auth.exportAuthorization"}
MEDIA = ("photo", "document", "document:thumbs", "photo:cached", "geo", "poll", "page:photo")


def build() -> World:
    """Return one of the equal worlds."""
    world = World(seed=5, user_count=8)
    set_ids(world.add_channel("Club", message_count=400, username="club"), range(3, 350, 2))
    world.add_group("Crew", message_count=120)
    world.add_private_chat("Ada Lovelace", message_count=130)
    files = world.add_channel("Files", username="files")
    for kind in MEDIA:
        put_media(files, sample_media(world, kind))
    return world


class Side:
    """A world of its own, with a client that is wrapped or not."""

    def __init__(self, run: Callable[[Coroutine[Any, Any, Any]], Any], is_fast: bool) -> None:
        self._run = run
        self._is_fast = is_fast
        self.telegram = LocalTelegram(build())
        run(self.telegram.__aenter__())
        self.client: Any = None

    async def play(self, calls: list[Call], folder: Path) -> list[Any]:
        """Make the calls with a new client; return what came of each, and what is left."""
        before = dict(self.telegram.requests.snapshot()["counts"])
        known = len(self.telegram.takeouts)
        async with self.telegram.client() as client:
            self.plain, self.folder = client, folder
            self.client = wrap(client, concurrency=3) if self._is_fast else client
            await self.client.get_dialogs()
            self.files = await client.get_messages("files", limit=len(MEDIA))
            async with AsyncExitStack() as self.stack:
                found = [await self.outcome(call) for call in calls]
            found.append((client.parse_mode, client.flood_sleep_threshold, client.is_connected()))
            found.append([type(each).__name__ for _, each in client.list_event_handlers()])
            found.append(client.session.takeout_id)
        found.append(self.telegram.takeouts[known:])
        counts = self.telegram.requests.snapshot()["counts"]
        asked = {name: n - before.get(name, 0) for name, n in counts.items()}
        found.append({n: c for n, c in asked.items() if c and n not in READING | FILES})
        return found

    async def outcome(self, call: Call) -> Any:
        """Return what a call gives, in comparable form, or what it raises."""
        try:
            return self.shown(await call(self))
        except RPCError as error:
            return type(error), str(error)
        except ValueError:  # telefast's say more, and are ones
            return ValueError
        except (TypeError, AttributeError) as error:
            return type(error)

    def shown(self, value: Any) -> Any:
        """Return a value that equals that of the other world."""
        if isinstance(value, Message):
            owner = value.client
            assert owner is self.plain or type(owner).__name__ == "_TakeoutClient"
            return type(owner).__name__, fingerprint(value, owner)
        if isinstance(value, TotalList):
            return "total", value.total, [self.shown(each) for each in value]
        if isinstance(value, list | tuple):
            return [self.shown(each) for each in value]
        if isinstance(value, Dialog):
            return value.name, value.id, self.shown(value.message), self.shown(value.entity)
        if isinstance(value, TLObject):
            return type(value).__name__, bytes(value)
        if isinstance(value, io.BytesIO):
            return "stream", value.getvalue()
        if isinstance(value, str) and value.startswith(str(self.folder)):
            path = Path(value)
            data = path.read_bytes()
            path.unlink()
            return path.name, data
        return value


Call = Callable[[Side], Coroutine[Any, Any, Any]]

CHATS = st.sampled_from(["club", "files", "Ada", "Crew", "me", -1001330470221])
IDS = st.one_of(
    st.integers(0, 450),
    st.lists(st.integers(1, 450), max_size=130),
    st.just(types.InputMessageID(7)),
)


def chat_of(side: Side, name: Any) -> Any:
    """Return a chat as a call takes it: a name or an id, or the peer of one without a username."""
    world = side.telegram.world
    if name not in ("Ada", "Crew"):
        return name
    kind = PrivateChat if name == "Ada" else Group
    return world.account.input_peer(next(c for c in world.chats.values() if isinstance(c, kind)))


@st.composite
def readings(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments of `get_messages` for which Telethon is right."""
    some: dict[str, Any] = {"wait_time": 0}
    if draw(st.booleans()):
        some["limit"] = draw(st.sampled_from([0, 1, 2, 99, 100, 101, 230, None]))
    kind = draw(st.sampled_from(["", "", "reverse", "range", "offset", "search", "ids", "filter"]))
    if kind == "reverse":
        some["reverse"] = True
    if kind == "range":
        low = draw(st.integers(0, 400))
        some |= {"min_id": low, "max_id": low + draw(st.integers(1, 200))}
    if kind == "offset":
        some["offset_id"] = draw(st.integers(1, 420))
    if kind == "search":
        some["search"] = draw(st.sampled_from(["the", "a", "nobody says this"]))
    if kind == "ids":
        some["ids"] = draw(IDS)
    if kind == "filter":
        some["filter"] = types.InputMessagesFilterPhotos()
    return some


@st.composite
def a_call(draw: st.DrawFn) -> tuple[str, Call]:
    """Draw a call, and words for it."""
    name = draw(st.sampled_from(sorted(MAKERS)))
    words, call = MAKERS[name](draw)
    return f"{name}({words})", call


def get_messages(draw: st.DrawFn) -> tuple[str, Call]:
    """A list of messages, or one of them."""
    chat, some = draw(CHATS), draw(readings())

    async def call(side: Side) -> Any:
        return await side.client.get_messages(chat_of(side, chat), **some)

    return f"{chat}, {some}", call


def iter_messages(draw: st.DrawFn) -> tuple[str, Call]:
    """Some of them, then no more; or all, one way and the other."""
    chat, some, stop = draw(CHATS), draw(readings()), draw(st.integers(0, 150))

    async def call(side: Side) -> Any:
        found, messages = [], side.client.iter_messages(chat_of(side, chat), **some)
        async for message in messages:
            found.append(message)
            if len(found) > stop:
                break
        again = [] if "ids" in some else [m async for m in messages]
        return found, again, len(again) and messages.total

    return f"{chat}, {some}, stop={stop}", call


def download(draw: st.DrawFn) -> tuple[str, Call]:
    """A file of a message: to memory, to a folder, to a name, to a stream."""
    number, how = draw(st.integers(0, len(MEDIA) - 1)), draw(st.sampled_from("mfns"))
    thumb = draw(st.sampled_from([None, None, 0, -1]))
    seen: dict[Side, int] = {}

    async def call(side: Side) -> Any:
        target = {"m": bytes, "f": f"{side.folder}/", "n": f"{side.folder}/x.y", "s": io.BytesIO()}
        found = await side.client.download_media(
            side.files[number],
            target[how],
            thumb=thumb,
            progress_callback=lambda got, _: seen.__setitem__(side, got),
        )
        return found, seen.pop(side, None)

    return f"{MEDIA[-1 - number]}, {how}, thumb={thumb}", call


def pieces(draw: st.DrawFn) -> tuple[str, Call]:
    """A file in pieces; Telethon does not keep to a *limit* where the file ends before it."""
    some = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "offset": st.integers(0, 5000),
                "chunk_size": st.sampled_from([1000, 4096, 70_000]),
                "request_size": st.sampled_from([4096, 65_536]),
            },
        )
    )
    number = draw(st.integers(0, len(MEDIA) - 1))

    async def call(side: Side) -> Any:
        stream = side.client.iter_download(side.files[number], **some)
        return [bytes(piece) async for piece in stream], stream.total

    return f"{MEDIA[-1 - number]}, {some}", call


def passed(draw: st.DrawFn) -> tuple[str, Call]:
    """Something that is the client's own, or that nobody has."""
    word = draw(st.sampled_from(sorted(PASSED)))
    call = PASSED[word]

    async def made(side: Side) -> Any:
        return await call(side.client)

    return word, made


async def _set(client: Any, name: str, value: Any) -> Any:
    setattr(client, name, value)
    return getattr(client, name)


async def _handle(client: Any) -> Any:
    async def handler(event: Any) -> None:
        """Do nothing."""

    client.on(events.NewMessage)(handler)
    client.add_event_handler(handler, events.ChatAction)
    return client.remove_event_handler(handler, events.ChatAction)


async def _permissions(client: Any) -> Any:
    return (await client.get_permissions("club", "me")).participant


PASSED: dict[str, Callable[[Any], Coroutine[Any, Any, Any]]] = {
    "get_me": lambda c: c.get_me(),
    "is_bot": lambda c: c.is_bot(),
    "is_user_authorized": lambda c: c.is_user_authorized(),
    "get_entity": lambda c: c.get_entity("club"),
    "get_entity of nobody": lambda c: c.get_entity("nobody_at_all"),
    "get_input_entity": lambda c: c.get_input_entity("files"),
    "get_peer_id": lambda c: c.get_peer_id("club"),
    "get_dialogs": lambda c: c.get_dialogs(),
    "get_dialogs(2)": lambda c: c.get_dialogs(2),
    "get_participants": lambda c: c.get_participants("club"),
    "get_profile_photos": lambda c: c.get_profile_photos("me"),
    "get_permissions": _permissions,
    "send_message": lambda c: c.send_message("club", "hello"),
    "delete_messages": lambda c: c.delete_messages("club", [3]),
    "edit_message": lambda c: c.edit_message("club", 3, "**b**"),
    "get_drafts": lambda c: c.get_drafts(),
    "request": lambda c: c(functions.channels.GetFullChannelRequest("club")),
    "requests": lambda c: c([functions.help.GetNearestDcRequest()] * 2),
    "no request": lambda c: c(5),
    "messages of nobody": lambda c: c.get_messages("nobody_at_all"),
    "download nothing": lambda c: c.download_media(None),
    "photo of a chat": lambda c: c.download_profile_photo("club", bytes),
    "photo of me": lambda c: c.download_profile_photo("me", bytes, download_big=False),
    "html": lambda c: _set(c, "parse_mode", "html"),
    "patience": lambda c: _set(c, "flood_sleep_threshold", 7),
    "handlers": _handle,
    "catch_up": lambda c: c.catch_up(),
    "end_takeout": lambda c: c.end_takeout(True),
}


def takeout(draw: st.DrawFn) -> tuple[str, Call]:
    """What is read within a takeout, that is finished, kept, or fails."""
    chat, some = draw(CHATS), draw(readings())
    what = draw(st.sampled_from([{}, {"finalize": False}, {"channels": True}]))
    fails = draw(st.booleans())

    async def call(side: Side) -> Any:
        async with side.client.takeout(**what) as inside:
            found = await inside.get_messages(chat_of(side, chat), **some)
            if fails:
                raise ValueError
        return found

    return f"{what}, fails={fails}, {chat}, {some}", call


MAKERS = {
    "download_media": download,
    "get_messages": get_messages,
    "iter_download": pieces,
    "iter_messages": iter_messages,
    "client": passed,
    "client.": passed,
    "takeout": takeout,
}


class House:
    """Both worlds, in one loop."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self.theirs = Side(self._runner.run, is_fast=False)
        self.ours = Side(self._runner.run, is_fast=True)

    def close(self) -> None:
        """Stop the servers."""
        for side in (self.ours, self.theirs):
            self._runner.run(side.telegram.__aexit__(None, None, None))
        self._runner.close()

    def both(self, calls: list[Call]) -> tuple[list[Any], list[Any]]:
        """Play the calls on both sides, each in a folder of its own."""
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            theirs = self._runner.run(self.theirs.play(calls, Path(one)))
            return theirs, self._runner.run(self.ours.play(calls, Path(other)))


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """The house of this module."""
    house = House()
    yield house
    house.close()


@settings(max_examples=max(settings.default.max_examples // 6, 1))
@given(drawn=st.lists(a_call(), min_size=1, max_size=8))
def test_the_same_calls_have_the_same_outcome(house: House, drawn: list[tuple[str, Call]]) -> None:
    """Whatever is called, in whatever order."""
    theirs, ours = house.both([call for _, call in drawn])
    for words, one, other in zip([*(w for w, _ in drawn), *LEFT], theirs, ours, strict=True):
        assert one == other, words


LEFT = ("the client", "its handlers", "its takeout", "takeouts", "what was asked")


@pytest.mark.parametrize("word", sorted(PASSED))
def test_each_call_by_itself(house: House, word: str) -> None:
    """So that none is left to chance."""

    async def call(side: Side) -> Any:
        return await PASSED[word](side.client)

    theirs, ours = house.both([call])
    assert theirs == ours
