"""Methods that list dialogs; see `methods`. What a page holds is decided in `dialogs`."""

from __future__ import annotations

import inspect
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pyroaring import BitMap
from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.access import find_user, open_chat
from telefast.testing.channel import Channel
from telefast.testing.dialogs import ARCHIVE, MAIN, Place, cut_page
from telefast.testing.fault_dialogs import DialogRule
from telefast.testing.method_takeout import in_range
from telefast.testing.pages import entries_bytes, vector
from telefast.testing.paging import DEFAULT_LIMIT, hash_of
from telefast.testing.refs import CHANNEL_MARK, peer_of
from telefast.testing.rpc import Call, RpcFault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telefast.testing.account import Account
    from telefast.testing.chat import Chat

__all__ = ["DIALOG_HANDLERS", "dialog_fields"]

_CAP: Final = 100
"""Most dialogs on one page (TDLib `DialogManager.cpp`, Telethon `client/dialogs.py`)."""

_DIALOGS: Final = struct.pack("<I", types.messages.Dialogs.CONSTRUCTOR_ID)
_SLICE: Final = struct.Struct("<Ii")


def _get_dialogs(call: Call) -> bytes:
    """Answer messages.getDialogs: one page, the dialog with the latest message first.

    Without `folder_id` dialogs of all folders are listed, those of the archive marked with its id
    (Telethon `iter_dialogs`). Pinned dialogs stand on top of a page from the top. Private chats
    without messages are no dialogs. Chosen: the entry for the archive, `dialogFolder`, is in
    messages.getPinnedDialogs alone; `count` is that of the whole list, pinned ones included; a
    page that begins elsewhere than at the top is always a slice; a dialog without messages stands
    where its chat was made, and an `offset_peer` without messages counts by its own place; `hash`
    is that of the ids of the top messages; a limit of 0 means 20.
    """
    request, account = call.request, call.account
    folder: int | None = request.folder_id
    if folder not in {None, MAIN, ARCHIVE}:
        raise RpcFault(400, "FOLDER_ID_INVALID")
    if request.limit < 0:
        raise RpcFault(400, "LIMIT_INVALID")
    book = account.dialogs
    places = _places(call)
    if folder is not None:
        places = [place for place in places if book.folder_of(place.mark) == folder]
    pinned = _pinned(places, book.pinned[folder or MAIN])
    on_top = {place.mark for place in pinned}
    others = [place for place in places if place.mark not in on_top]
    page = cut_page(
        [] if request.exclude_pinned else pinned,
        others,
        before=_before(call, places),
        limit=min(request.limit, _CAP) or DEFAULT_LIMIT,
    )
    for rule in call.rules:
        if isinstance(rule, DialogRule):
            page = rule.dialogs(call, others, page)
    count = len(places)
    if request.hash and request.hash == hash_of(place.top for place in page):
        return bytes(types.messages.DialogsNotModified(count))
    body = _listed(account, page)
    if len(page) == count == len(set(page)):
        return _DIALOGS + body
    return _SLICE.pack(types.messages.DialogsSlice.CONSTRUCTOR_ID, count) + body


def _places(call: Call) -> list[Place]:
    """Return where the dialogs stand; within a message range, by their top message in it.

    Chosen: a dialog that shows no message in the range is not listed, one without messages is in
    the last range, and the other methods of dialogs know no ranges.
    """
    account = call.account
    places = account.dialog_places()
    if call.message_range is None:
        return places
    is_last = call.message_range.max_id == account.split_ranges[-1][1]
    found: list[Place] = []
    for place in places:
        chat = account.chat(place.mark)
        seen = in_range(call, chat, chat.shown) if chat else BitMap()
        if chat and seen:
            top = seen.max()
            found.append(Place(chat.timestamp(top), top, place.mark))
        elif is_last and not place.top:
            found.append(place)
    return sorted(found, reverse=True)


def _get_pinned_dialogs(call: Call) -> bytes:
    """Answer messages.getPinnedDialogs: those of one folder, in their order.

    Chosen: those of the main list begin with the archive, if that holds a dialog.
    """
    account, folder = call.account, call.request.folder_id
    if folder not in {MAIN, ARCHIVE}:
        raise RpcFault(400, "FOLDER_ID_INVALID")
    places = account.dialog_places()
    pinned = _pinned(places, account.dialogs.pinned[folder])
    archived = [place for place in places if place.mark in account.dialogs.archived]
    entry = [_archive_entry(account, archived)] if archived and folder == MAIN else []
    shown = archived[:1] if entry else []
    return _peer_dialogs(call, pinned, entry, shown)


def _get_peer_dialogs(call: Call) -> bytes:
    """Answer messages.getPeerDialogs: the dialogs that are asked for, in request order.

    A user without a private chat has an empty one. Chosen: those beyond 100 are left out, and
    `inputDialogPeerFolder` of an empty archive gives nothing.
    """
    account = call.account
    places = account.dialog_places()
    found: list[Place] = []
    entries: list[bytes] = []
    shown: list[Place] = []
    for each in call.request.peers[:_CAP]:
        if isinstance(each, types.InputDialogPeerFolder):
            if each.folder_id != ARCHIVE:
                raise RpcFault(400, "FOLDER_ID_INVALID")
            archived = [place for place in places if place.mark in account.dialogs.archived]
            if archived:
                entries.append(_archive_entry(account, archived))
                shown.append(archived[0])
            continue
        chat = open_chat(account, each.peer)
        if chat is None:
            user = find_user(account, each.peer)
            found.append(Place(0, 0, 0 if user is None else user.id))
        else:
            found.append(Place(0, chat.top, chat.marked_id))
    return _peer_dialogs(call, found, entries, shown)


def _peer_dialogs(
    call: Call, places: list[Place], entries: list[bytes], shown: list[Place]
) -> bytes:
    """Return `messages.peerDialogs`.

    Args:
        call: The request.
        places: The dialogs.
        entries: TL bytes of entries to put before them.
        shown: Dialogs of those entries, whose messages and peers are told, too.
    """
    state = types.updates.State(pts=1, qts=0, date=None, seq=1, unread_count=0)
    head = types.messages.PeerDialogs.CONSTRUCTOR_ID.to_bytes(4, "little")
    return head + _listed(call.account, places, entries, shown) + bytes(state)


def _listed(
    account: Account,
    places: Iterable[Place],
    entries: Iterable[bytes] = (),
    shown: Iterable[Place] = (),
) -> bytes:
    """Return the vectors of dialogs, messages, chats and users."""
    dialogs: list[bytes] = [*entries]
    messages: list[bytes] = []
    refs: set[int] = set()
    for place in shown:
        _add_top(account, place, messages, refs)
    for place in places:
        _add_top(account, place, messages, refs)
        chat = account.chat(place.mark)
        fields = _empty(place.mark) if chat is None else dialog_fields(account, chat, place.top)
        dialogs.append(bytes(types.Dialog(**fields)))
    chats, users = account.peers_bytes(refs)
    return b"".join((vector(dialogs), vector(messages), vector(chats), vector(users)))


def _add_top(account: Account, place: Place, messages: list[bytes], refs: set[int]) -> None:
    """Add the top message of a dialog, and whom it refers to."""
    refs.add(place.mark)
    chat = account.chat(place.mark)
    if chat is not None and place.top:
        messages += entries_bytes(account, chat, [place.top], refs)


def _archive_entry(account: Account, archived: list[Place]) -> bytes:
    """Return the entry that stands for the archive; nothing in it is muted."""
    first = archived[0]
    peer = peer_of(first.mark)
    unread = [account.unread(chat) for place in archived if (chat := account.chat(place.mark))]
    return bytes(
        types.DialogFolder(
            folder=types.Folder(ARCHIVE, "Archived Chats"),
            peer=peer,
            top_message=first.top,
            unread_muted_peers_count=0,
            unread_unmuted_peers_count=sum(each.messages > 0 for each in unread),
            unread_muted_messages_count=0,
            unread_unmuted_messages_count=sum(each.messages for each in unread),
            pinned=True,
        )
    )


def _pinned(places: list[Place], order: list[int]) -> list[Place]:
    """Return the places of pinned dialogs, in their order."""
    by_mark = {place.mark: place for place in places} if order else {}
    return [by_mark[mark] for mark in order if mark in by_mark]


def _before(call: Call, places: list[Place]) -> Place | None:
    """Return where a page begins, or None for the top.

    Raises:
        RpcFault: 400 OFFSET_PEER_ID_INVALID for a peer that nobody knows, MSG_ID_INVALID for a
            negative id.
    """
    request = call.request
    if request.offset_id < 0:
        raise RpcFault(400, "MSG_ID_INVALID")
    date = 0 if request.offset_date is None else int(request.offset_date.timestamp())
    mark = _offset_mark(call.account, request.offset_peer)
    own = next((place for place in places if place.mark == mark), None) if mark else None
    if own is not None and (not own.top or not date):
        return own
    if not date:
        return None
    return Place(date, request.offset_id, -(2**63) if mark is None else mark)


def _offset_mark(account: Account, peer: Any) -> int | None:
    """Return the marked id of whom an offset names, None for nobody."""
    if isinstance(peer, types.InputPeerEmpty):
        return None
    if isinstance(peer, types.InputPeerChannel):
        mark = -(CHANNEL_MARK + peer.channel_id)
        channel = account.world.channels.get(peer.channel_id)
        if channel and account.access_hash(mark, channel.access_hash) == peer.access_hash:
            return mark
    elif isinstance(peer, types.InputPeerChat):
        if peer.chat_id in account.groups:
            return -int(peer.chat_id)
    else:
        user = find_user(account, peer)
        if user is not None:
            return int(user.id)
    raise RpcFault(400, "OFFSET_PEER_ID_INVALID")


def dialog_fields(account: Account, chat: Chat, top: int) -> dict[str, Any]:
    """Return the fields of a `Dialog`; counters that layers add start at 0."""
    unread, book, mark = account.unread(chat), account.dialogs, chat.marked_id
    return _empty(mark) | {
        "top_message": top,
        "read_inbox_max_id": unread.inbox,
        "read_outbox_max_id": unread.outbox,
        "unread_count": unread.messages,
        "unread_mentions_count": unread.mentions,
        "pts": chat.pts if isinstance(chat, Channel) else None,
        "pinned": book.is_pinned(mark) or None,
        "unread_mark": mark in book.marked_unread or None,
        "folder_id": ARCHIVE if mark in book.archived else None,
    }


def _empty(mark: int) -> dict[str, Any]:
    return dict.fromkeys(_COUNTERS, 0) | {
        "peer": peer_of(mark),
        "notify_settings": types.PeerNotifySettings(),
    }


_COUNTERS: Final = (
    "top_message",
    "read_inbox_max_id",
    "read_outbox_max_id",
    *(name for name in inspect.signature(types.Dialog).parameters if name.endswith("_count")),
)


DIALOG_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.messages.GetDialogsRequest: _get_dialogs,
    functions.messages.GetPeerDialogsRequest: _get_peer_dialogs,
    functions.messages.GetPinnedDialogsRequest: _get_pinned_dialogs,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
