"""What Telethon's documentation shows people to do, done with a client and with a wrapped one.

Each use is written once, in our own words, and says what must come of it. Those that the embedded
Telegram does not speak are skipped, by the name of the method; with both clients, or with neither.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from telethon import Button, TelegramClient, errors, events, functions, types, utils
from telethon.sessions import StringSession

from telefast import FastClient, wrap
from telefast.testing import LocalTelegram, World, put_media, sample_media


class Scene:
    """A client, wrapped or not, and what the uses read."""

    def __init__(self, telegram: LocalTelegram, client: Any, folder: Path) -> None:
        self.telegram = telegram
        self.client = client
        self.folder = folder


Use = Callable[[Any, Scene], Awaitable[None]]
USES: list[Use] = []


def use(function: Use) -> Use:
    """Note a use."""
    USES.append(function)
    return function


@asynccontextmanager
async def scene(is_fast: bool, folder: Path) -> AsyncIterator[Scene]:
    """Build a `Scene`."""
    world = World(seed=5, user_count=8)
    channel = world.add_channel("Club", message_count=250, username="club")
    put_media(channel, sample_media(world, "photo"))
    put_media(channel, sample_media(world, "document:thumbs"))
    world.add_private_chat("Ada Lovelace", message_count=30)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        yield Scene(telegram, wrap(client) if is_fast else client, folder)


@pytest.mark.parametrize("is_fast", [False, True], ids=["client", "wrapped"])
@pytest.mark.parametrize("function", USES, ids=lambda each: each.__name__)
async def test_a_use(function: Use, is_fast: bool, tmp_path: Path) -> None:
    """It does what it is documented to do, with either."""
    async with scene(is_fast, tmp_path) as here:
        try:
            await function(here.client, here)
        except errors.RPCError as error:
            if error.message != "METHOD_NOT_EMBEDDED":
                raise
            pytest.skip(f"the embedded Telegram does not speak {here.telegram.unknown[-1]}")


# First steps


@use
async def who_am_i(client: Any, here: Scene) -> None:
    """The account itself, as a user and as text."""
    me = await client.get_me()
    assert me.is_self
    assert me.stringify().startswith("User(")
    assert me.id == (await client.get_me(input_peer=True)).user_id
    assert await client.is_user_authorized()
    assert not await client.is_bot()


@use
async def all_my_dialogs(client: Any, here: Scene) -> None:
    """Names and ids of all conversations, and the newest message of each."""
    found = {dialog.name: dialog async for dialog in client.iter_dialogs()}
    assert {"Club", "Ada Lovelace"} <= found.keys()
    assert found["Club"].is_channel
    assert 252 == found["Club"].message.id
    assert len(found) == len(await client.get_dialogs()) == (await client.get_dialogs(0)).total


@use
async def say_hello(client: Any, here: Scene) -> None:
    """A message to myself."""
    await client.send_message("me", "Hello, myself!")


@use
async def answer_and_edit(client: Any, here: Scene) -> None:
    """A reply to a message, by the message itself."""
    [message] = await client.get_messages("club")
    reply = await message.reply("That is nice")
    await reply.edit("That is **very** nice")
    await reply.delete()


@use
async def send_a_file(client: Any, here: Scene) -> None:
    """A file with a caption."""
    await client.send_file("me", io.BytesIO(b"bytes"), caption="look")


@use
async def upload_first(client: Any, here: Scene) -> None:
    """A file that is uploaded once, to be sent several times."""
    await client.upload_file(b"bytes", file_name="a.txt")


@use
async def forward_and_pin(client: Any, here: Scene) -> None:
    """A message to another chat."""
    await client.forward_messages("me", 3, "club")


@use
async def delete(client: Any, here: Scene) -> None:
    """Messages by id."""
    await client.delete_messages("club", [3, 4])


@use
async def pin(client: Any, here: Scene) -> None:
    """A message at the top."""
    await client.pin_message("club", 3)


@use
async def mark_as_read(client: Any, here: Scene) -> None:
    """All of a chat."""
    await client.send_read_acknowledge("club")


# Messages


@use
async def read_a_chat(client: Any, here: Scene) -> None:
    """All messages with their text, the newest first; a few of them; none but their number."""
    found = [(message.id, message.text) async for message in client.iter_messages("club")]
    assert list(range(252, 0, -1)) == [message_id for message_id, _ in found]
    assert any(text for _, text in found)
    assert 10 == len(await client.get_messages("club", 10))
    assert 252 == (await client.get_messages("club", 0)).total
    assert [252] == [message.id for message in await client.get_messages("club")]


@use
async def read_from_the_beginning(client: Any, here: Scene) -> None:
    """The oldest first, from an id on, up to another one."""
    found = client.iter_messages("club", reverse=True, min_id=10, max_id=20)
    assert list(range(11, 20)) == [message.id async for message in found]
    both = client.iter_messages("club", limit=3)
    assert [252, 251, 250] == [message.id async for message in both]
    assert [1, 2, 3] == [message.id async for message in reversed(both)]


@use
async def read_by_id(client: Any, here: Scene) -> None:
    """One message, or several, None for those that are not there."""
    assert 7 == (await client.get_messages("club", ids=7)).id
    assert await client.get_messages("club", ids=5000) is None
    found = await client.get_messages("club", ids=[5, 5000, 6])
    assert [5, None, 6] == [message and message.id for message in found]


@use
async def search(client: Any, here: Scene) -> None:
    """By words, by a kind of media, by sender."""
    words = [m async for m in client.iter_messages("club", 1000, search="the")]
    assert all("the" in m.raw_text.casefold() for m in words)
    photos = await client.get_messages("club", 1000, filter=types.InputMessagesFilterPhotos)
    assert all(message.photo for message in photos)
    assert photos.total == len(photos)
    mine = await client.get_messages("club", 1000, from_user="me")
    assert all(message.out for message in mine)


@use
async def what_a_message_knows(client: Any, here: Scene) -> None:
    """Its chat, sender, text in either language, and its client, which is the plain one."""
    [message] = await client.get_messages("club", 1, max_id=100)
    assert "Club" == (await message.get_chat()).title
    assert message.chat_id == await client.get_peer_id("club")
    assert await message.get_input_sender() is not None
    assert message.date.tzinfo is not None
    assert message.client is getattr(client, "wrapped", client)
    client.parse_mode = None
    assert message.text == message.raw_text
    client.parse_mode = "html"
    found = await client.get_messages("club", 1000)
    assert any("</" in (message.text or "") for message in found)


# Files


@use
async def download_what_is_there(client: Any, here: Scene) -> None:
    """Each photo to a folder, by the method of the client and by that of the message."""
    async for message in client.iter_messages("club", 50, filter=types.InputMessagesFilterPhotos()):
        path = await client.download_media(message, f"{here.folder}/one/")
        again = await message.download_media(f"{here.folder}/two/")
        assert Path(path).name == Path(again).name
        assert Path(path).read_bytes() == Path(again).read_bytes()  # noqa: ASYNC240


@use
async def download_to_memory(client: Any, here: Scene) -> None:
    """All of it, a thumbnail, and to an object that takes bytes; with progress."""
    [message] = await client.get_messages("club")
    seen: list[tuple[int, int]] = []
    data = await client.download_media(
        message, bytes, progress_callback=lambda *numbers: seen.append(numbers)
    )
    assert (len(data), message.file.size) == (message.file.size, seen[-1][1])
    assert len(await client.download_media(message, bytes, thumb=-1)) < len(data)
    stream = io.BytesIO()
    await client.download_media(message, stream)
    assert data == stream.getvalue()
    assert data == await client.download_file(message.document, bytes)


@use
async def stream_a_file(client: Any, here: Scene) -> None:
    """Piece by piece; only its head; from somewhere on."""
    [message] = await client.get_messages("club")
    whole = b"".join([bytes(piece) async for piece in client.iter_download(message.media)])
    assert whole == await client.download_media(message, bytes)
    stream = client.iter_download(message.media, request_size=4096)
    assert whole[:4096] == await anext(stream)
    await stream.close()
    async with client.iter_download(message.media, offset=8192) as rest:
        assert whole[8192:] == b"".join([bytes(piece) async for piece in rest])
    pieces = await client.iter_download(message.media, chunk_size=100_000).collect()
    assert whole == b"".join(bytes(piece) for piece in pieces)


@use
async def download_a_face(client: Any, here: Scene) -> None:
    """The photo of a chat or a user, or None."""
    for who in ("me", "club"):
        data = await client.download_profile_photo(who, bytes)
        assert data is None or len(data) > 0
    assert 0 <= (await client.get_profile_photos("me")).total


# People and chats


@use
async def find_an_entity(client: Any, here: Scene) -> None:
    """By username, link, id, peer, and as what it is itself."""
    club = await client.get_entity("club")
    for name in ("@club", "t.me/club", "https://t.me/club", club.id, utils.get_peer_id(club)):
        assert club.id == (await client.get_entity(name)).id
    assert club.id == (await client.get_entity(types.PeerChannel(club.id))).id
    assert club.id == (await client.get_input_entity("club")).channel_id
    assert club.id == (await client.get_input_entity(club)).channel_id
    assert (await client.get_entity("me")).is_self
    assert [club.id] * 2 == [each.id for each in await client.get_entity(["club", club])]
    with pytest.raises(ValueError, match="nobody_at_all"):
        await client.get_entity("nobody_at_all")


@use
async def members(client: Any, here: Scene) -> None:
    """All of them, and those with a name."""
    found = await client.get_participants("club")
    assert (
        found.total == len(found) == len([user async for user in client.iter_participants("club")])
    )
    assert len(await client.get_participants("club", search="Ada")) <= len(found)
    assert (await client.get_permissions("club", "me")).participant is not None


@use
async def admin_log(client: Any, here: Scene) -> None:
    """What administrators did."""
    await client.get_admin_log("club")


@use
async def typing(client: Any, here: Scene) -> None:
    """A chat sees that I am typing."""
    async with client.action("club", "typing"):
        await asyncio.sleep(0)


@use
async def statistics(client: Any, here: Scene) -> None:
    """Of a channel."""
    await client.get_stats("club")


@use
async def drafts(client: Any, here: Scene) -> None:
    """Texts that were not sent yet."""
    await client.get_drafts()


@use
async def archive(client: Any, here: Scene) -> None:
    """A chat into the archive."""
    await client.edit_folder("club", 1)


@use
async def kick(client: Any, here: Scene) -> None:
    """Somebody out of a chat."""
    await client.kick_participant("club", "me")


# Bots and buttons


@use
async def ask_a_bot(client: Any, here: Scene) -> None:
    """A conversation."""
    async with client.conversation("club", timeout=1) as conversation:
        await conversation.send_message("/start")


@use
async def buttons(client: Any, here: Scene) -> None:
    """Markup of a message."""
    markup = client.build_reply_markup([[Button.inline("Yes"), Button.inline("No")]])
    assert isinstance(markup, types.ReplyInlineMarkup)


@use
async def inline_bot(client: Any, here: Scene) -> None:
    """What a bot offers."""
    await client.inline_query("me", "word")


# Everything else


@use
async def raw_requests(client: Any, here: Scene) -> None:
    """Telegram's own methods, one or several, and their errors."""
    full = await client(functions.channels.GetFullChannelRequest("club"))
    assert full.chats[0].title == "Club"
    peer = await client.get_input_entity("club")
    ask = functions.messages.GetHistoryRequest(
        peer, limit=3, offset_date=None, offset_id=0, max_id=0, min_id=0, add_offset=0, hash=0
    )
    assert [3, 3] == [len(answer.messages) for answer in await client([ask, ask])]
    with pytest.raises(errors.RPCError):
        await client(functions.channels.GetFullChannelRequest(types.InputChannel(5, 5)))
    with pytest.raises(TypeError):
        await client("no request")


@use
async def hear_of_messages(client: Any, here: Scene) -> None:
    """Handlers, by decorator and by method; with a pattern; the first may stop the others."""
    heard: list[tuple[str, Any]] = []

    @client.on(events.NewMessage(chats="club", pattern=r"hello"))
    async def first(event: Any) -> None:
        heard.append(("first", event.raw_text))
        raise events.StopPropagation

    @events.register(events.NewMessage)
    async def second(event: Any) -> None:
        heard.append(("second", event.raw_text))
        await client.disconnect()

    client.add_event_handler(second)
    assert [first, second] == [each for each, _ in client.list_event_handlers()]
    [last] = await client.get_messages("club")
    for number, text in enumerate(("hello there", "good bye"), 1):
        message = types.Message(last.id + number, last.peer_id, last.date, text, post=True)
        update = types.UpdateNewChannelMessage(message, pts=number, pts_count=1)
        here.telegram.push(types.UpdateShort(update, last.date))
    await client.run_until_disconnected()
    assert [("first", "hello there"), ("second", "good bye")] == heard
    assert 1 == client.remove_event_handler(first)
    assert not client.is_connected()


@use
async def raw_updates(client: Any, here: Scene) -> None:
    """Each as Telegram sent it."""
    heard: asyncio.Future[Any] = client.loop.create_future()
    client.add_event_handler(heard.set_result, events.Raw(types.UpdateConfig))
    await client.get_me()
    here.telegram.push(types.UpdateShort(types.UpdateConfig(), None))
    assert isinstance(await asyncio.wait_for(heard, 10), types.UpdateConfig)


@use
async def miss_nothing(client: Any, here: Scene) -> None:
    """What came while nobody was there."""
    await client.catch_up()
    await client.set_receive_updates(True)


@use
async def export(client: Any, here: Scene) -> None:
    """Within a takeout, which allows more."""
    try:
        async with client.takeout(channels=True) as takeout:
            assert 252 == len([m async for m in takeout.iter_messages("club", wait_time=0)])
            assert "Club" == (await takeout.get_entity("club")).title
            [message] = await takeout.get_messages("club")
            assert await takeout.download_media(message, bytes)
    except errors.TakeoutInitDelayError as error:
        pytest.fail(f"a delay of {error.seconds} s")
    assert ["success"] == [each.state for each in here.telegram.takeouts]


@use
async def keep_the_session(client: Any, here: Scene) -> None:
    """As a text, for another program."""
    text = StringSession.save(client.session)
    assert StringSession(text).auth_key.key == client.session.auth_key.key


@use
async def connect_again(client: Any, here: Scene) -> None:
    """The connection ends and begins as one says, and tells when it has ended."""
    ended = client.disconnected
    await client.disconnect()
    assert ended.done()
    assert not client.is_connected()
    await client.connect()
    assert client.is_connected()
    assert [252] == [message.id for message in await client.get_messages("club")]


@use
async def patience(client: Any, here: Scene) -> None:
    """How long Telethon waits by itself; a proxy for later."""
    client.flood_sleep_threshold = 24 * 60 * 60
    assert 24 * 60 * 60 == client.flood_sleep_threshold
    client.set_proxy(None)


@use
async def in_the_background(client: Any, here: Scene) -> None:
    """Several things at a time, in the client's loop."""
    task = client.loop.create_task(client.get_messages("club", 5))
    me, messages = await asyncio.gather(client.get_me(), task)
    assert (True, 5) == (me.is_self, len(messages))


@pytest.mark.parametrize("is_fast", [False, True], ids=["client", "wrapped"])
async def test_sign_in(is_fast: bool) -> None:
    """By phone and code, with `start`, on a session that is new: it returns the client."""
    world = World(seed=5, user_count=3)
    async with LocalTelegram(world, sign_in=True) as telegram:
        plain = telegram.client(key_exchange=True)
        client: Any = wrap(plain) if is_fast else plain
        code = str(telegram.dc_id) * 5
        started = await client.start(phone=f"+{world.me.phone}", code_callback=lambda: code)
        assert started is client
        assert world.me.id == (await started.get_me()).id
        await started.disconnect()


def test_some_are_spoken() -> None:
    """The list of uses does not shrink by itself."""
    assert len(USES) >= 35
    assert FastClient is not TelegramClient
