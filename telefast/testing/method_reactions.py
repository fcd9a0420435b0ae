"""Methods that tell who reacted to messages, and what custom emoji are; see `methods`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.access import open_chat
from telefast.testing.fault_reactions import ReactionRule
from telefast.testing.file_refs import EMOJI
from telefast.testing.forum import Forum
from telefast.testing.forum_seed import GENERAL
from telefast.testing.pages import vector
from telefast.testing.paging import hash_of
from telefast.testing.reaction_view import place_token, reacted, read_place
from telefast.testing.refs import refs_of_all
from telefast.testing.rpc import Call, RpcFault
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from telefast.testing.chat import Chat
    from telefast.testing.reaction_view import Reacted

__all__ = ["REACTION_HANDLERS"]

_LIST_CAP: Final = 100
"""Most reactors in one answer (TDLib `MessageReaction.cpp`)."""

_IDS_CAP: Final = 100
"""Most messages in one request for reactions (TDLib `MessageQueryManager.cpp`)."""

_EMOJI_CAP: Final = 200
"""Most custom emoji in one request (TDLib `StickersManager.h`)."""


def _get_list(call: Call) -> bytes:
    """Answer messages.getMessageReactionsList: who reacted to a message, the latest first.

    Where a message does not show `can_see_list`, who reacted is BROADCAST_FORBIDDEN
    (https://core.telegram.org/method/messages.getMessageReactionsList). Chosen: a limit above 100
    gives 100, less than 1 is LIMIT_INVALID, what is no `next_offset` of ours OFFSET_INVALID. What
    an offset means when reactions change is `Assumptions.reaction_offsets`.
    """
    request, account = call.request, call.account
    chat = _open(call)
    if not chat.reactions.can_list:
        raise RpcFault(403, "BROADCAST_FORBIDDEN")
    if not chat.shows(request.id):
        raise RpcFault(400, "MSG_ID_INVALID")
    if request.limit < 1:
        raise RpcFault(400, "LIMIT_INVALID")
    found = chat.reactions.listed(request.id)
    if request.reaction is not None:
        wanted = bytes(request.reaction)
        found = [each for each in found if each.key == wanted]
    start = _start(call, found)
    page = found[start : start + min(request.limit, _LIST_CAP)]
    for rule in call.rules:
        if isinstance(rule, ReactionRule):
            page = rule.reactors(call, page)
    end = start + len(page)
    offset = None
    if page and end < len(found):
        by_count = call.world.assume.reaction_offsets == "count"
        offset = f"n{end}" if by_count else place_token(page[-1])
    refs = {each.mark for each in page} | ({chat.marked_id} if chat.marked_id < 0 else set())
    chats, users = account.peers_bytes(refs)
    return bytes(
        types.messages.MessageReactionsList(
            count=len(found),
            reactions=[reacted(each, account.me.id) for each in page],
            chats=[read_object(data) for data in chats],
            users=[read_object(data) for data in users],
            next_offset=offset,
        )
    )


def _start(call: Call, found: Sequence[Reacted]) -> int:
    """Return how many entries of the list lie above the page."""
    token = call.request.offset
    if not token:
        return 0
    try:
        if token[0] == "n":
            return max(0, int(token[1:]))
        last = read_place(token)
    except ValueError:
        raise RpcFault(400, "OFFSET_INVALID") from None
    return sum(each >= last for each in found)


def _get_reactions(call: Call) -> bytes:
    """Answer messages.getMessagesReactions: an update for each message that has reactions.

    For others there is none (TDLib `MessageQueryManager.cpp`). Chosen: more than 100 ids are
    LIMIT_INVALID.
    """
    chat, account = _open(call), call.account
    if len(call.request.id) > _IDS_CAP:
        raise RpcFault(400, "LIMIT_INVALID")
    updates: list[types.TypeUpdate] = []
    for message_id in dict.fromkeys(call.request.id):
        shown = None
        if chat.shows(message_id):
            shown = chat.reactions.of(message_id, account.me.id)
        if shown is not None:
            top = (
                chat.topic_of(message_id) if isinstance(chat, Forum) and chat.is_forum else GENERAL
            )
            updates.append(
                types.UpdateMessageReactions(
                    chat.peer(), message_id, shown, top_msg_id=None if top == GENERAL else top
                )
            )
    refs = refs_of_all(updates) | {chat.marked_id}
    chats, users = account.peers_bytes(refs)
    return bytes(
        types.Updates(
            updates=updates,
            users=[read_object(data) for data in users],
            chats=[read_object(data) for data in chats],
            date=datetime.fromtimestamp(int(call.now), UTC),
            seq=0,
        )
    )


def _open(call: Call) -> Chat:
    """Return the chat that a request names; a user without messages has none to react to."""
    chat = open_chat(call.account, call.request.peer)
    if chat is None:
        raise RpcFault(400, "MSG_ID_INVALID")
    return chat


def _get_tags(call: Call) -> bytes:
    """Answer messages.getSavedReactionTags: the tags of saved messages, by use.

    Chosen: the hash is that of the counts, and a `peer` is not heeded.
    """
    account = call.account
    chat = account.private_chats.get(account.me.id)
    counts: dict[bytes, int] = {}
    for message_id in () if chat is None else chat.ids:
        shown = chat.reactions.of(message_id, account.me.id) if chat else None
        if shown is not None and shown.reactions_as_tags:
            for result in shown.results:
                key = bytes(result.reaction)
                counts[key] = counts.get(key, 0) + result.count
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    known = hash_of(count for _, count in ranked)
    if call.request.hash and call.request.hash == known:
        return bytes(types.messages.SavedReactionTagsNotModified())
    tags: list[types.TypeSavedReactionTag] = [
        types.SavedReactionTag(read_object(key), count) for key, count in ranked
    ]
    return bytes(types.messages.SavedReactionTags(tags, known))


def _get_emoji(call: Call) -> bytes:
    """Answer messages.getCustomEmojiDocuments: those that there are, in request order.

    Chosen: more than 200 are LIMIT_INVALID; emoji that nobody knows are left out.
    """
    wanted: Iterable[int] = call.request.document_id
    files = call.world.file_store
    if len(call.request.document_id) > _EMOJI_CAP:
        raise RpcFault(400, "LIMIT_INVALID")
    found: list[bytes] = []
    for document_id in wanted:
        held = files.emoji(document_id)
        if held is not None:
            shown: Any = read_object(bytes(held))
            files.stamp_all(call.account, 0, shown, (EMOJI, document_id, 0))
            found.append(bytes(shown))
    return vector(found)


REACTION_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.messages.GetCustomEmojiDocumentsRequest: _get_emoji,
    functions.messages.GetMessageReactionsListRequest: _get_list,
    functions.messages.GetMessagesReactionsRequest: _get_reactions,
    functions.messages.GetSavedReactionTagsRequest: _get_tags,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
