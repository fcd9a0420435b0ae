"""Methods that list the topics of a forum; see `methods`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.access import find_user, open_channel
from telefast.testing.fault_topics import TopicRule
from telefast.testing.forum import Forum
from telefast.testing.pages import entries_bytes, vector
from telefast.testing.paging import DEFAULT_LIMIT
from telefast.testing.refs import mark_of
from telefast.testing.rpc import Call, RpcFault, UnknownMethodFault

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FORUM_HANDLERS"]

_CAP: Final = 100
"""Most topics on one page (TDLib `td_api.tl`, getForumTopics: "up to 100")."""


def _get_forum_topics(call: Call) -> bytes:
    """Answer messages.getForumTopics: one page of topics, pinned ones first.

    The others stand by the date of their latest message, or by their own if the answer says
    `order_by_create_date`; a page begins below the offsets, which count by date, then id of the
    latest message, then id of the topic. An `offset_date` of 0 is the top of the list
    (https://core.telegram.org/method/messages.getForumTopics). Chosen: pinned topics stand on the
    pages of their place in the list, so that offsets of a pinned topic lead to what follows it;
    `pinned_topics` says whether they come again in their place by date; a topic whose messages are
    all gone is not listed; a limit of 0 means 20; `q` is a part of the title, in any case of
    letters.
    """
    request = call.request
    forum = _open_forum(call)
    if request.limit < 0:
        raise RpcFault(400, "LIMIT_INVALID")
    if request.offset_id < 0 or request.offset_topic < 0:
        raise RpcFault(400, "MSG_ID_INVALID")
    tops = forum.topic_tops()
    found = _in_order(call, forum, tops)
    if request.q:
        wanted = request.q.casefold()
        found = [id_ for id_ in found if wanted in forum.topics[id_].title.casefold()]
    page = found[_start(call, forum, tops, found) :][: min(request.limit, _CAP) or DEFAULT_LIMIT]
    return _answer(call, forum, page, count=len(set(found)), tops=tops)


def _get_forum_topics_by_id(call: Call) -> bytes:
    """Answer messages.getForumTopicsByID: in request order.

    Chosen: what is no topic, or none any more, is `forumTopicDeleted`; ids beyond 100 are
    LIMIT_INVALID; a topic without messages has no latest one.
    """
    forum = _open_forum(call)
    wanted: list[int] = call.request.topics
    if not wanted:
        raise RpcFault(400, "TOPICS_EMPTY")
    if len(wanted) > _CAP:
        raise RpcFault(400, "LIMIT_INVALID")
    return _answer(call, forum, wanted, count=len(wanted), tops=forum.topic_tops())


def _open_forum(call: Call) -> Forum:
    """Return the forum that a request names.

    Raises:
        RpcFault: 400 CHANNEL_FORUM_MISSING for what is none, or none any more.
    """
    peer = call.request.peer
    if not isinstance(
        peer,
        types.InputPeerChannel | types.InputPeerChannelFromMessage | types.InputPeerChat,
    ):
        user = find_user(call.account, peer)
        if user is None:
            raise RpcFault(400, "PEER_ID_INVALID")
        if user.bot_forum_view:
            raise UnknownMethodFault(f"{call.method} of a bot")
        raise RpcFault(400, "CHANNEL_FORUM_MISSING")
    channel = open_channel(call.account, peer)
    if not isinstance(channel, Forum) or not channel.is_forum:
        raise RpcFault(400, "CHANNEL_FORUM_MISSING")
    return channel


def _in_order(call: Call, forum: Forum, tops: dict[int, int]) -> list[int]:
    """Return the ids of the topics in the order of the list."""
    places = {id_: _place(forum, id_, top) for id_, top in tops.items()}
    others = sorted(places, key=places.__getitem__, reverse=True)
    pinned = [id_ for id_ in forum.pinned if id_ in places]
    if call.world.assume.pinned_topics == "once":
        others = [id_ for id_ in others if id_ not in pinned]
    return [*pinned, *others]


def _place(forum: Forum, topic_id: int, top: int) -> tuple[int, int, int]:
    """Return where a topic stands: the higher, the nearer to the top of the list."""
    if forum.by_creation:
        return forum.topics[topic_id].date, topic_id, topic_id
    return forum.timestamp(top), top, topic_id


def _start(call: Call, forum: Forum, tops: dict[int, int], found: Sequence[int]) -> int:
    """Return how many entries of the list lie above the page."""
    request = call.request
    date = 0 if request.offset_date is None else int(request.offset_date.timestamp())
    if not date:
        return 0
    pinned = [id_ for id_ in found if id_ in forum.pinned]
    pin_count = len(set(pinned))
    topic = request.offset_topic
    before = (date, topic if forum.by_creation else request.offset_id, topic)
    if topic in pinned and before == _place(forum, topic, tops[topic]):
        return found.index(topic) + 1
    for index in range(pin_count, len(found)):
        if _place(forum, found[index], tops[found[index]]) < before:
            return index
    return len(found)


def _answer(
    call: Call, forum: Forum, page: Sequence[int], *, count: int, tops: dict[int, int]
) -> bytes:
    """Return `messages.forumTopics`, after what the rules make of it."""
    account = call.account
    rows: list[types.TypeForumTopic] = []
    for topic_id in page:
        topic = forum.topics.get(topic_id)
        if topic is None:
            rows.append(types.ForumTopicDeleted(topic_id))
        else:
            rows.append(topic.row(account, top=tops.get(topic_id, 0)))
    for rule in call.rules:
        if isinstance(rule, TopicRule):
            rows = rule.topics(call, forum, rows)
    shown = [row.top_message for row in rows if isinstance(row, types.ForumTopic)]
    messages = [*dict.fromkeys(id_ for id_ in shown if id_)]
    for rule in call.rules:
        if isinstance(rule, TopicRule):
            messages = rule.top_messages(call, messages)
    refs = {forum.marked_id}
    refs.update(mark_of(row.from_id) for row in rows if isinstance(row, types.ForumTopic))
    entries = entries_bytes(account, forum, messages, refs)
    chats, users = account.peers_bytes(refs)
    flags = forum.by_creation << 0
    head = struct.pack("<IIi", types.messages.ForumTopics.CONSTRUCTOR_ID, flags, count)
    topics = vector([bytes(row) for row in rows])
    parts = (vector(entries), vector(chats), vector(users), struct.pack("<i", forum.pts))
    return head + topics + b"".join(parts)


FORUM_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.messages.GetForumTopicsByIDRequest: _get_forum_topics_by_id,
    functions.messages.GetForumTopicsRequest: _get_forum_topics,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
