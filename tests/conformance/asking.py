"""Ask the methods of the embedded Telegram directly, without a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from telethon.tl import functions, types

from telefast.testing import methods
from telefast.testing.rpc import Call, RpcFault, method_name
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from telefast.testing import Account, Channel, Chat, Rule, World

EMPTY_FILTER = types.InputMessagesFilterEmpty()
_PAGE = {"offset_id": 0, "add_offset": 0, "limit": 100, "max_id": 0, "min_id": 0, "hash": 0}


def ask(world: World, request: Any, *rules: Rule, account: Account | None = None) -> Any:
    """Return the answer to a request as an object.

    Args:
        world: Who answers.
        request: The request.
        *rules: The faults in force.
        account: Who asks. Default: the first account.
    """
    call = Call(method_name(type(request)), request, 1, world, rules=rules, account=account)  # type: ignore[arg-type]
    return read_object(methods.answer(call))


def refusal(world: World, request: Any, account: Account | None = None) -> tuple[int, str]:
    """Return code and message of the error that a request is refused with."""
    with pytest.raises(RpcFault) as caught:
        ask(world, request, account=account)
    return caught.value.code, caught.value.message


def history(chat: Chat, **fields: Any) -> Any:
    """Return a request for a page of a history."""
    fields = _PAGE | {"peer": chat.input_peer(), "offset_date": None} | fields
    return functions.messages.GetHistoryRequest(**fields)


def search(chat: Chat, q: str = "", wanted: Any = EMPTY_FILTER, **fields: Any) -> Any:
    """Return a request for a page of what fits."""
    fields = _PAGE | {"min_date": None, "max_date": None, "peer": chat.input_peer()} | fields
    return functions.messages.SearchRequest(q=q, filter=wanted, **fields)


def replies(chat: Chat, msg_id: int, **fields: Any) -> Any:
    """Return a request for a page of a thread."""
    fields = _PAGE | {"peer": chat.input_peer(), "offset_date": None} | fields
    return functions.messages.GetRepliesRequest(msg_id=msg_id, **fields)


def by_ids(channel: Channel, *ids: Any) -> Any:
    """Return a request for messages of a channel by id."""
    peer = types.InputChannel(channel.id, channel.access_hash)
    return functions.channels.GetMessagesRequest(peer, _inputs(ids))


def private_by_ids(*ids: Any) -> Any:
    """Return a request for messages of private chats and basic groups by id."""
    return functions.messages.GetMessagesRequest(_inputs(ids))


def counters(chat: Chat, *filters: Any) -> Any:
    """Return a request for the lengths of filtered lists."""
    return functions.messages.GetSearchCountersRequest(chat.input_peer(), list(filters))


def _inputs(ids: tuple[Any, ...]) -> list[Any]:
    return [types.InputMessageID(item) if isinstance(item, int) else item for item in ids]


def ids_of(answer: Any) -> list[int]:
    """Return the ids of an answer's messages."""
    return [message.id for message in answer.messages]
