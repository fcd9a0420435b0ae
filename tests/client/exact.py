"""What it means that two messages are the same, and a chat whose ids a test may choose."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap
from telethon import TelegramClient
from telethon.tl.custom.forward import Forward
from telethon.tl.tlobject import TLObject

from telefast import BatchedHistory
from telefast.testing import Channel, World

if TYPE_CHECKING:
    from collections.abc import Sequence

HISTORY = "messages.getHistory"
BY_IDS = "channels.getMessages"


def plain(value: Any) -> Any:
    """Return a value whose `==` compares TL objects by their bytes."""
    if isinstance(value, Forward):
        return {name: plain(part) for name, part in vars(value).items() if name != "_client"}
    if isinstance(value, TLObject):
        return type(value).__name__, bytes(value)
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value


def fingerprint(message: Any, client: TelegramClient) -> Any:
    """Return everything that a finished message knows, in comparable form.

    First the bytes: reading `text` changes what a message holds. An id that was asked for twice
    may be one object twice, so what `text` caches is left out.
    """
    if message is None:
        return None
    exact = bytes(message)
    assert message.client is client
    known = {
        name: plain(part)
        for name, part in vars(message).items()
        if name not in ("_client", "_text")
    }
    people = (message.sender_id, message.chat_id, message.is_reply, message.out)
    return exact, type(message), known, people, message.text


def assert_same(
    ours: Sequence[Any],
    our_client: TelegramClient,
    theirs: Sequence[Any],
    their_client: TelegramClient,
) -> None:
    """Check that both hold the same finished messages, in the same order."""
    assert ids_of(theirs) == ids_of(ours)
    for one, other in zip(ours, theirs, strict=True):
        assert fingerprint(other, their_client) == fingerprint(one, our_client)


def ids_of(messages: Iterable[Any]) -> list[int | None]:
    """Return the id of each message, None for one that is not there."""
    return [None if message is None else message.id for message in messages]


async def stock(client: TelegramClient, chat: Any, **arguments: Any) -> list[Any]:
    """Return what Telethon's own iterator yields, without its pauses."""
    return [m async for m in client.iter_messages(chat, wait_time=0, **arguments)]


async def read(client: TelegramClient, chat: Any, **arguments: Any) -> list[Any]:
    """Return what telefast yields."""
    async with BatchedHistory(client, chat, **arguments) as history:
        return [message async for message in history]


def club(count: int = 1000, *, seed: int = 7, holes: float = 0.0) -> tuple[World, Channel]:
    """Return a world with one supergroup."""
    world = World(seed=seed)
    return world, world.add_channel("Club", message_count=count, holes=holes, username="club")


def has(words: str) -> Callable[[Any], bool]:
    """Return whether a message has these words."""
    return lambda m: words in (getattr(m, "message", None) or "").casefold()


def down(top: int, bottom: int = 1) -> list[int]:
    """Return the ids from *top* down to *bottom*."""
    return list(range(top, bottom - 1, -1))


def set_ids(chat: Channel, ids: Iterable[int]) -> None:
    """Let exactly these messages of a seeded chat exist."""
    chat.ids = BitMap(ids)
    chat.changed = True
