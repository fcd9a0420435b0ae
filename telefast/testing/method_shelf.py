"""Methods that bring what carries files and is no message: to renew their references, above all.

https://core.telegram.org/api/file-references/refresh-actions. Chosen: sets that nobody put on
`Files.shelf` are gone, as sets on Telegram may be; their stickers stay where they were sent.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from telethon.tl import functions, types

from telefast.testing.access import find_user, open_chat
from telefast.testing.file_locate import shown_photo
from telefast.testing.file_refs import STICKER_SET, STORY, WEB_PAGE
from telefast.testing.rpc import RpcFault
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from telethon.tl.tlobject import TLRequest

    from telefast.testing.file_shelf import Place
    from telefast.testing.rpc import Call

__all__ = ["SHELF_HANDLERS"]


def _shown(call: Call, place: Place) -> Any:
    """Return what is at a place as the account sees it, with fresh references; None for nothing."""
    files = call.world.file_store
    holder = files.shelf.at(place)
    if holder is None:
        return None
    shown: Any = read_object(bytes(holder))
    files.stamp_all(call.account, 0, shown, place)
    return shown


def _get_sticker_set(call: Call) -> bytes:
    wanted = call.request.stickerset
    found = None
    if isinstance(wanted, types.InputStickerSetID):
        found = _shown(call, (STICKER_SET, wanted.id, 0))
    if found is None or found.set.access_hash != wanted.access_hash:
        raise RpcFault(406, "STICKERSET_INVALID")
    return bytes(found)


def _get_stories(call: Call) -> bytes:
    """Answer stories.getStoriesByID. Chosen: those that there are not are left out."""
    peer: Any = call.request.peer
    if isinstance(peer, types.InputPeerUser | types.InputPeerSelf):
        user = find_user(call.account, peer)
        mark = None if user is None else user.id
    else:
        chat = open_chat(call.account, peer)
        mark = None if chat is None else chat.marked_id
    if mark is None:
        raise RpcFault(400, "PEER_ID_INVALID")
    shown = [_shown(call, (STORY, mark, number)) for number in call.request.id]
    found = [each for each in shown if each is not None]
    return bytes(types.stories.Stories(len(found), found, [], []))


def _get_web_page(call: Call) -> bytes:
    page = call.world.file_store.shelf.page(call.request.url)
    shown: types.TypeWebPage
    if page is None:
        shown = types.WebPageEmpty(0, url=call.request.url)
    else:
        shown = _shown(call, (WEB_PAGE, page.id, 0))
    return bytes(types.messages.WebPage(shown, [], []))


def _get_user_photos(call: Call) -> bytes:
    """Answer photos.getUserPhotos: of a user the one that is shown.

    Chosen: `max_id` is a place in the list, below it come older ones; `offset` moves on from there.
    """
    request, account = call.request, call.account
    user = find_user(account, request.user_id)
    if user is None:
        raise RpcFault(400, "USER_ID_INVALID")
    shown = shown_photo(account, user.id)
    photos: list[types.TypePhoto] = []
    if shown is not None:
        start = request.offset + (request.max_id == shown.photo_id)
        if start <= 0 < start + request.limit:
            photos.append(call.world.file_store.peer_photo(account, user.id, shown))
    return bytes(types.photos.Photos(photos, [copy.copy(user)]))


SHELF_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.messages.GetStickerSetRequest: _get_sticker_set,
    functions.messages.GetWebPageRequest: _get_web_page,
    functions.photos.GetUserPhotosRequest: _get_user_photos,
    functions.stories.GetStoriesByIDRequest: _get_stories,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
