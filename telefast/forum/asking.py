"""Requests about the topics of one forum, and what their errors mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from telethon import __version__ as telethon_version
from telethon import errors, types, utils
from telethon.tl.functions import channels, messages, users
from telethon.tl.types.messages import ForumTopics

from telefast.errors import (
    CompatibilityError,
    ForumAccessError,
    NotAForumError,
    UnexpectedAnswerError,
)
from telefast.forum.paging import FIRST, AskPage, LookUp
from telefast.forum.rows import TopicPage, page_of, readable_part
from telefast.forum.topics import GENERAL
from telefast.history.lists import Listing, Thread
from telefast.history.lists import by_ids as request_by_ids
from telefast.history.order import Ask
from telefast.transport import telethon as door
from telefast.transport.calls import CallOptions, call
from telefast.transport.centre import reason_of

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.peers.cache import PeerCache

__all__ = ["MOST_IDS", "ForumAsker", "check_kind", "check_telethon"]

MOST_IDS: Final = 100
"""Most topics in one request by ids: TDLib asks for as many on a page (`td_api.tl`); our choice."""
_USERS = (types.InputPeerUser, types.InputPeerSelf, types.InputPeerUserFromMessage)
_NO_ACCESS = (
    errors.ChannelBannedError,
    errors.ChannelInvalidError,
    errors.ChannelPrivateError,
    errors.ChatAdminRequiredError,
    errors.ChatRestrictedError,
    errors.ForbiddenError,
    errors.UserBannedInChannelError,
    errors.UserKickedError,
    errors.UserNotParticipantError,
)


def check_telethon() -> None:
    """Raise `CompatibilityError` unless Telethon has the requests for topics, as from 1.42 on."""
    for name in ("GetForumTopicsRequest", "GetForumTopicsByIDRequest"):
        if not hasattr(messages, name):
            raise CompatibilityError(f"tl.messages.{name}", telethon_version)


class ForumAsker:
    """Ask for the topics of one forum.

    Args:
        client: The user's client, or its takeout proxy.
        entity: The forum, as the user named it.
        peers: Where it is looked up.
        options: What one call may cost.
    """

    def __init__(
        self, client: TelegramClient, entity: Any, peers: PeerCache, options: CallOptions
    ) -> None:
        self._client = client
        self._entity = entity
        self._peers = peers
        self._options = options
        self._peer: Any = None
        self._has_topics: bool | None = None  # as Telegram last said
        self.chat_id = 0
        """Marked id of the forum; 0 until `peer` has found it."""

    async def peer(self) -> Any:
        """Return the input peer of the forum.

        Raises:
            NotAForumError: If it is a person or a basic group.
            PeerNotFoundError: If this account cannot name it to Telegram.
        """
        if self._peer is None:
            check_kind(self._entity)
            peer = await self._peers.resolve(self._entity)
            if isinstance(peer, _USERS):
                own_id = door.self_id(self._client) or 0
                is_self = isinstance(peer, types.InputPeerSelf)
                chat_id = own_id if is_self else utils.get_peer_id(peer)
                raise NotAForumError(chat_id, await self._kind_of_user(peer))
            self.chat_id = utils.get_peer_id(peer)
            if isinstance(peer, types.InputPeerChat):
                raise NotAForumError(self.chat_id, "group")
            self._peer = peer
        return self._peer

    async def has_topics(self) -> bool:
        """Return whether topics are on, as Telegram last said; asked for if it did not yet.

        They may be turned off: the messages name them all the same.

        Raises:
            NotAForumError: If it can be no forum.
        """
        if self._has_topics is None:
            try:
                await self.page(FIRST, 1, None)
            except NotAForumError as error:
                if error.kind != "supergroup":
                    raise
            except (ForumAccessError, CompatibilityError):
                self._has_topics = True  # reading will tell what may be read
        return self._has_topics is not False

    async def page(self, ask: AskPage, limit: int, q: str | None) -> TopicPage:
        """Return a page of the list of topics.

        Raises:
            NotAForumError: If the chat has no topics, or other ones.
            ForumAccessError: If this account may not see them.
        """
        peer = await self.peer()
        offset = ask.date, ask.message_id, ask.topic_id
        date: Any = offset[0] or None  # an int will do
        return page_of(
            await self._topics(
                messages.GetForumTopicsRequest(peer, date, offset[1], offset[2], limit, q=q or None)
            )
        )

    async def by_ids(self, ids: Sequence[int]) -> TopicPage:
        """Return topics by their ids, 100 at most; raises as `page` does."""
        peer = await self.peer()
        request = messages.GetForumTopicsByIDRequest(peer, [*ids])
        return page_of(await self._topics(request))

    async def place(self, wanted: LookUp) -> tuple[int, int] | None:
        """Return date and id of the latest message of a topic, None if it cannot be told."""
        peer = await self.peer()
        message_id = wanted.message_id
        if message_id is None:
            for row in (await self.by_ids([wanted.topic_id])).rows:
                if row.place:
                    return row.place
                message_id = row.topic.top_message_id
        if message_id is not None:
            return await self._newest(request_by_ids(peer, Ask(ids=(message_id,))))
        thread = Thread(peer, message_id=wanted.topic_id)
        found = await self._newest(thread.request(Ask(limit=1)))
        # A topic in which nobody has written has nothing but the message that began it.
        return found or await self._newest(request_by_ids(peer, Ask(ids=(wanted.topic_id,))))

    async def id_at(self, source: Listing, position: int) -> int:
        """Return the id of the message at a position of a list, 0 if there is none."""
        found = await self._newest(source.request(Ask(add_offset=position, limit=1)))
        return 0 if found is None else found[1]

    async def has_first_apart(self) -> bool:
        """Return whether there is a message 1, and General's thread does not show it."""
        peer = await self.peer()
        thread = Thread(peer, message_id=GENERAL)
        if await self._newest(request_by_ids(peer, Ask(ids=(GENERAL,)))) is None:
            return False
        return await self._newest(thread.request(Ask(offset_id=GENERAL + 1, limit=1))) is None

    async def _newest(self, request: Any) -> tuple[int, int] | None:
        try:
            answer = await self._ask(request)
        except (errors.BadRequestError, CompatibilityError):
            return None  # MSG_ID_INVALID, MESSAGE_IDS_EMPTY; or Telethon cannot read it
        dated = [each for each in answer.messages if not isinstance(each, types.MessageEmpty)]
        return max(((int(each.date.timestamp()), each.id) for each in dated), default=None)

    async def _topics(self, request: Any) -> Any:
        try:
            answer = await self._list(request)
        except errors.ChannelForumMissingError as error:
            kind = await self._kind()
            if kind == "supergroup":
                self._has_topics = False
            raise NotAForumError(self.chat_id, kind) from error
        except _NO_ACCESS as error:
            raise ForumAccessError(self.chat_id, reason_of(error)) from error
        if not isinstance(answer, ForumTopics):
            raise UnexpectedAnswerError(door.method_of(request), type(answer).__name__)
        self._peers.learn(answer)
        for chat in answer.chats:
            if utils.get_peer_id(chat) == self.chat_id:
                check_kind(chat)
        self._has_topics = True
        return answer

    async def _kind(self) -> str:
        """Return what kind of channel it is that has no topics."""
        request = channels.GetChannelsRequest([utils.get_input_channel(self._peer)])
        try:
            [chat] = (await self._ask(request)).chats
        except (errors.RPCError, ValueError):
            return "supergroup"
        return _kind_of(chat) or "supergroup"

    async def _kind_of_user(self, peer: Any) -> str:
        request = users.GetUsersRequest([utils.get_input_user(peer)])
        try:
            [user] = await self._ask(request)
        except (errors.RPCError, ValueError):
            return "user"
        return _kind_of(user) or "user"

    async def _list(self, request: Any) -> Any:
        """Return a list of topics, without the messages in it that Telethon cannot read."""
        data = await self._send(request)
        spans: dict[int, tuple[int, int]] = {}
        try:
            return door.decode(data, request, spans)[0]
        except CompatibilityError:
            spans.pop(door.STOPPED_AT, None)
            part = readable_part(data, spans.values())
            if part is None:
                raise
            return door.decode(part, request)[0]

    async def _ask(self, request: Any) -> Any:
        return door.decode(await self._send(request), request)[0]

    async def _send(self, request: Any) -> bytes:
        door.check_loop(self._client)
        return await call(self._client, request, self._options)


def check_kind(chat: Any) -> None:
    """Raise `NotAForumError` for a user or channel that says to be something else than a forum.

    A supergroup may become a forum, and cease to be one; its messages name its topics all the same.
    """
    kind = _kind_of(chat)
    if kind:
        raise NotAForumError(utils.get_peer_id(chat), kind)


def _kind_of(chat: Any) -> str:
    """Return what a user or channel is that can never be a forum, "" for anything else."""
    if isinstance(chat, types.User):
        return "bot_forum" if getattr(chat, "bot_forum_view", None) else "user"
    if isinstance(chat, types.Channel):
        if getattr(chat, "monoforum", None):  # an older Telethon does not know it
            return "monoforum"
        return "channel" if chat.broadcast else ""
    return ""
