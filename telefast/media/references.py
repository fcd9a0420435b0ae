"""Fresh file references: the object in which a file was seen is fetched again.

https://core.telegram.org/api/file-references. All files that wait for messages of one chat share
one request of up to 200 ids; where fewer wait, those fill it whose turn has not come yet. A file
whose turn comes so late that its reference may have expired gets a fresh one before it is asked
for: the request costs nothing beside the refusals that it saves.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from telethon import utils
from telethon.errors import RPCError
from telethon.tl import functions, types

from telefast.errors import FileUnavailableError
from telefast.media.origins import (
    FullPeerOrigin,
    MessageOrigin,
    Origin,
    ProfilePhotoOrigin,
    StickerSetOrigin,
    StoryOrigin,
    WebPageOrigin,
    references_in,
)
from telefast.peers.cache import exact_peer
from telefast.tasks import SingleFlight
from telefast.transport import telethon as door
from telefast.transport.calls import CallOptions, call

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.media.types import MediaItem

__all__ = ["AT_ONCE", "MAX_AGE", "Queued", "References"]

AT_ONCE: Final = 200
"""Messages in one request: as TDLib and Telegram Desktop ask for at most."""

_GATHER: Final = 0.05
"""Seconds in which others whose references have expired come along: our choice. They expire
together, every few hours or days."""

MAX_AGE: Final = 3600.0
"""Seconds after which a reference is renewed before it is first used: our choice. Telegram does not
say how long one lasts. An hour is what it promises of links to files of bots
(https://core.telegram.org/bots/api#getfile), and nobody reports references that lasted less."""

Sight: TypeAlias = tuple[Any, Any]
"""The message or story that shows a file, and the chat of a story; None twice for other origins."""
_Chat: TypeAlias = tuple[int, bool]


class Queued(Protocol):
    """A file whose turn has not come yet.

    Attributes:
        item: The file, with its latest reference.
        since: When that came, by the loop's clock.
        is_left: Whether an earlier run has left it, so that the policy is asked anew.
        sight: Where one that is left was found again.
    """

    item: MediaItem
    since: float
    is_left: bool
    sight: Sight | None


class References:
    """Fetch fresh references for the files of one client.

    Args:
        client: The user's client.
        options: What one request may cost.
    """

    def __init__(self, client: TelegramClient, options: CallOptions) -> None:
        self._client = client
        self._options = options
        self._waiting: dict[_Chat, dict[int, Any]] = {}
        self._flights: SingleFlight[_Chat, dict[int, Any]] = SingleFlight()
        self._queued: dict[_Chat, weakref.WeakKeyDictionary[Queued, int]] = {}

    def enlist(self, queued: Queued) -> None:
        """Note a file whose turn has not come yet: its reference is renewed along with others."""
        origin = queued.item.origin
        if isinstance(origin, MessageOrigin) and queued.item.needs_reference:
            chat = origin.peer_id, origin.is_scheduled
            row = self._queued.setdefault(chat, weakref.WeakKeyDictionary())
            row[queued] = origin.message_id

    async def ready(self, queued: Queued) -> None:
        """Note that the turn of a file has come, and see that its reference is not too old.

        If there is no fresh one the old one has to do: files may outlast their messages.

        Raises:
            RemoteError: If Telegram is out of reach, or asks for too long a wait.
        """
        for row in self._queued.values():
            row.pop(queued, None)
        now = asyncio.get_running_loop().time()
        if now - queued.since > MAX_AGE and queued.item.needs_reference:
            try:
                queued.item = await self.fresh(queued.item)
            except (FileUnavailableError, RPCError, ValueError):
                return
            queued.since = now

    async def fresh(self, item: MediaItem) -> MediaItem:
        """Return *item* with a fresh reference, from the first of its origins that has one.

        Raises:
            FileUnavailableError: If it is at none of them any more, or there are none.
            RPCError: What Telegram says, if that was the last one.
        """
        return (await self._find(item))[0]

    async def find_again(self, queued: Queued) -> Sight:
        """Return where a file that an earlier run has left is now; renew its reference.

        Raises:
            FileUnavailableError: As of `fresh`, like the other one.
            RPCError: What Telegram says.
        """
        now = asyncio.get_running_loop().time()
        sight = queued.sight
        if sight is None or now - queued.since > MAX_AGE:
            queued.item, sight = await self._find(queued.item)
            queued.since = asyncio.get_running_loop().time()
        return sight

    async def _find(self, item: MediaItem) -> tuple[MediaItem, Sight]:
        origins = [each for each in (item.origin, *item.others) if each is not None]
        for index, origin in enumerate(origins):
            try:
                answer, sight = await self._look(origin)
            except (RPCError, ValueError):
                if index == len(origins) - 1:
                    raise
            else:
                renewed = item.renewed(references_in(answer))
                if renewed is not None:
                    return renewed, sight
        raise FileUnavailableError(str(item.key), "deleted" if origins else "reference")

    async def _look(self, origin: Origin) -> tuple[Any, Sight]:
        """Return what is at one place."""
        if isinstance(origin, MessageOrigin):
            message = await self._message(origin)
            return message, (message, None)
        request = await self._request(origin)
        if request is None:
            return None, (None, None)
        answer = await self._call(request)
        if not isinstance(origin, StoryOrigin):
            return answer, (None, None)
        story = next((each for each in answer.stories if each.id == origin.story_id), None)
        return story, (story, _entities(answer).get(origin.peer_id))

    async def _message(self, origin: MessageOrigin) -> Any:
        chat = origin.peer_id, origin.is_scheduled
        number = origin.message_id
        while True:
            self._waiting.setdefault(chat, {})[number] = origin.input_peer
            found = await self._flights.run(chat, self._messages, chat)
            if number in found:
                return found[number]

    async def _messages(self, chat: _Chat) -> dict[int, Any]:
        """Ask for all messages of a chat that somebody waits for, up to `AT_ONCE`."""
        await asyncio.sleep(_GATHER)
        waiting = self._waiting.get(chat, {})
        numbers = sorted(waiting)[:AT_ONCE]
        if not numbers:  # whoever took them was cancelled; they come again
            return {}
        peer = next((waiting.pop(each) for each in numbers if waiting[each] is not None), None)
        for each in numbers:
            waiting.pop(each, None)
        if not waiting:
            self._waiting.pop(chat, None)
        row = dict(self._queued.get(chat, ()))
        numbers = sorted({*numbers, *[*dict.fromkeys(row.values())][: AT_ONCE - len(numbers)]})
        peer_id, is_scheduled = chat
        if peer is None:
            peer = await exact_peer(self._client, peer_id)
        request: Any
        asked: list[Any] = [types.InputMessageID(each) for each in numbers]
        if is_scheduled:
            request = functions.messages.GetScheduledMessagesRequest(peer, numbers)
        elif isinstance(peer, types.InputPeerChannel | types.InputPeerChannelFromMessage):
            request = functions.channels.GetMessagesRequest(utils.get_input_channel(peer), asked)
        else:
            request = functions.messages.GetMessagesRequest(asked)
        answer = await self._call(request)
        found: dict[int, Any] = dict.fromkeys(numbers)
        entities = _entities(answer)
        for message in answer.messages:
            # Without a channel ids are of the account, so a wrong chat cannot answer.
            if message.id in found and not isinstance(message, types.MessageEmpty):
                door.finish(message, self._client, entities, None)
                found[message.id] = message
        now = asyncio.get_running_loop().time()
        for queued, number in row.items():
            fresh = queued.item.renewed(references_in(found.get(number)))
            if fresh is not None:
                queued.item, queued.since = fresh, now
                queued.sight = (found[number], None) if queued.is_left else None
        return found

    async def _request(self, origin: Origin) -> Any:
        if isinstance(origin, StoryOrigin):
            peer = origin.input_peer or await exact_peer(self._client, origin.peer_id)
            return functions.stories.GetStoriesByIDRequest(peer, [origin.story_id])
        if isinstance(origin, WebPageOrigin):
            return functions.messages.GetWebPageRequest(origin.url, 0)
        if isinstance(origin, ProfilePhotoOrigin):
            user = origin.input_user or await exact_peer(self._client, origin.user_id)
            # One photo, which max_id names, at the place before it.
            return functions.photos.GetUserPhotosRequest(
                utils.get_input_user(user), -1, origin.photo_id, 1
            )
        if isinstance(origin, FullPeerOrigin):
            peer = origin.input_peer or await exact_peer(self._client, origin.peer_id)
            return _full(peer)
        if isinstance(origin, StickerSetOrigin) and origin.input_set is not None:
            return functions.messages.GetStickerSetRequest(origin.input_set, 0)
        return None

    async def _call(self, request: Any) -> Any:
        data = await call(self._client, request, self._options)
        return door.decode(data, request)[0]


def _entities(answer: Any) -> dict[int, Any]:
    """Return the users and chats of an answer by their marked ids."""
    return {utils.get_peer_id(each): each for each in (*answer.users, *answer.chats)}


def _full(peer: Any) -> Any:
    """Return the request for all that is told of a peer."""
    if isinstance(peer, types.InputPeerChat):
        return functions.messages.GetFullChatRequest(peer.chat_id)
    if isinstance(peer, types.InputPeerChannel | types.InputPeerChannelFromMessage):
        return functions.channels.GetFullChannelRequest(utils.get_input_channel(peer))
    return functions.users.GetFullUserRequest(utils.get_input_user(peer))
