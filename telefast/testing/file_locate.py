"""From a location that a request names to the file that it means, or to Telegram's refusal."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import types

from telefast.testing.access import find_user, open_channel, open_group
from telefast.testing.file_content import Blob
from telefast.testing.file_refs import (
    MESSAGE,
    File,
    FileKey,
    Reference,
    files_of,
    has_file,
    is_for,
    key_of,
    read_reference,
)
from telefast.testing.file_store import home_of
from telefast.testing.refs import CHANNEL_MARK, mark_of
from telefast.testing.rpc import RpcFault, UnknownMethodFault

if TYPE_CHECKING:
    from telefast.testing.account import Account
    from telefast.testing.chat import Chat
    from telefast.testing.rpc import Call

__all__ = ["locate", "shown_photo"]

_KEPT: Final = 256
"""Messages whose files are kept at hand, so that a part does not cost their reading."""

_INLINE = types.PhotoCachedSize | types.PhotoStrippedSize


class Reading:
    """The files of the messages that were asked for last; one for each server."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[int, int, int], tuple[bytes, dict[FileKey, File]]] = (
            OrderedDict()
        )

    def files(self, account: Account, chat: Chat, message_id: int) -> dict[FileKey, File]:
        """Return the files of a message as it is now, by what tells them apart."""
        data = chat.message_bytes(message_id)
        place = (account.index, chat.marked_id, message_id)
        known = self._found.get(place)
        if known is not None and known[0] is data:
            return known[1]
        files: dict[FileKey, File] = {}
        if has_file(data):
            files = {key_of(file): file for file in files_of(chat.message(message_id))}
        self._found[place] = (data, files)
        self._found.move_to_end(place)
        if len(self._found) > _KEPT:
            self._found.popitem(last=False)
        return files


def locate(call: Call, location: Any) -> Blob:
    """Return the file that an `InputFileLocation` names.

    Chosen, since no source tells in which order Telegram looks: an empty or foreign reference comes
    first, then the id and the access hash, then the data centre, then the age of the reference. A
    reference to a message that is gone, out of reach, or has other media by now is expired. A wrong
    access hash and an unknown thumb are LOCATION_INVALID. Inline sizes (cached, stripped) are
    served as files too; outlines and empty sizes are not.

    Raises:
        RpcFault: 303 FILE_MIGRATE_n if the file lives on another data centre; 400
            FILE_REFERENCE_EMPTY, FILE_REFERENCE_INVALID, FILE_REFERENCE_EXPIRED, FILE_ID_INVALID,
            LOCATION_INVALID, and CHAT_FORWARDS_RESTRICTED if `Assumptions.noforwards` says so; for
            photos of peers what `access` raises; 400 STICKERSET_INVALID for any sticker set, as
            there are none; 403 TAKEOUT_REQUIRED outside a takeout.
        UnknownMethodFault: If this kind of location is not embedded.
    """
    if isinstance(location, types.InputDocumentFileLocation | types.InputPhotoFileLocation):
        return _of_message(call, location)
    if isinstance(location, types.InputPeerPhotoFileLocation):
        return _of_peer(call, location)
    if isinstance(location, types.InputStickerSetThumb):
        raise RpcFault(400, "STICKERSET_INVALID")
    if isinstance(location, types.InputTakeoutFileLocation):
        if getattr(call, "takeout", None) is None:
            raise RpcFault(403, "TAKEOUT_REQUIRED")
        raise RpcFault(400, "LOCATION_INVALID")
    raise UnknownMethodFault(f"{call.method} of {type(location).__name__}")


def _of_message(call: Call, location: Any) -> Blob:
    is_photo = isinstance(location, types.InputPhotoFileLocation)
    key: FileKey = ("photo" if is_photo else "document", location.id)
    account, files = call.account, call.world.file_store
    data: bytes = location.file_reference
    if not data:
        raise RpcFault(400, "FILE_REFERENCE_EMPTY")
    reference = read_reference(files.secret, data)
    is_verbatim = reference is None
    if reference is None:
        reference = _verbatim(call, key, data)
    if reference is None or reference.account != account.index:
        raise RpcFault(400, "FILE_REFERENCE_INVALID")
    file, home = _at_origin(call, reference, key)
    if file is None:
        is_known = is_for(files.secret, data, key)
        raise RpcFault(400, "FILE_REFERENCE_EXPIRED" if is_known else "FILE_ID_INVALID")
    if not (is_verbatim or is_for(files.secret, data, key)):
        raise RpcFault(400, "FILE_REFERENCE_INVALID")
    if location.access_hash != files.access_hash(account, home, file):
        raise RpcFault(400, "LOCATION_INVALID")
    blob = _blob(call, file, location.thumb_size)
    check_dc(call, blob.dc_id)
    _check_forwards(call, reference)
    if files.has_expired(reference, key):
        raise RpcFault(400, "FILE_REFERENCE_EXPIRED")
    return blob


def _check_forwards(call: Call, reference: Reference) -> None:
    """Refuse media of a message that must not be forwarded, if that is assumed."""
    is_message = reference.place == MESSAGE and reference.message_id
    if call.world.assume.noforwards == "open" or not is_message:
        return
    chat = call.account.chat(reference.mark)
    if chat is not None and getattr(chat.message(reference.message_id), "noforwards", False):
        raise RpcFault(400, "CHAT_FORWARDS_RESTRICTED")


def _at_origin(call: Call, reference: Reference, key: FileKey) -> tuple[File | None, int]:
    """Return the file where a reference says that it is, and whose view it shows."""
    account, files = call.account, call.world.file_store
    if reference.place != MESSAGE:
        holder = files.shelf.at((reference.place, reference.mark, reference.message_id))
        there = () if holder is None else files_of(holder)
        return next((each for each in there if key_of(each) == key), None), 0
    if not reference.message_id:
        shown = shown_photo(account, reference.mark)
        if key[0] != "photo" or shown is None or shown.photo_id != key[1]:
            return None, 0
        return files.photo_of(account.index, key[1], shown.dc_id), account.index
    chat = account.chat(reference.mark)
    if chat is None or getattr(chat, "private", False) or not chat.has(reference.message_id):
        return None, 0
    found = call.shared(Reading).files(account, chat, reference.message_id).get(key)
    return found, home_of(chat)


def _verbatim(call: Call, key: FileKey, data: bytes) -> Reference | None:
    """Return a reference for one that a test wrote into a message that it put, if it did."""
    account = call.account
    for chat in account.chats():
        if home_of(chat) != account.index:
            continue
        for message_id in chat.messages_with(key):
            found = call.shared(Reading).files(account, chat, message_id).get(key)
            if found is not None and found.file_reference == data:
                return Reference(account.index, chat.marked_id, message_id)
    return None


def _of_peer(call: Call, location: types.InputPeerPhotoFileLocation) -> Blob:
    """Return the photo that a peer shows; it needs no reference.

    Peers that are known only from a message (`InputPeerUserFromMessage` and the like) are found by
    that message, or by the access hash that they are shown with as `min`, which is good for this
    and nothing else (https://core.telegram.org/api/min). Chosen: the small size is `a`, the big one
    `c`.
    """
    account = call.account
    peer: Any = location.peer
    if isinstance(peer, types.InputPeerUserFromMessage | types.InputPeerChannelFromMessage):
        mark = _from_message(call, peer)
    elif isinstance(peer, types.InputPeerChannel):
        known = account.world.foreign.get(-(CHANNEL_MARK + peer.channel_id))
        if isinstance(known, types.Channel):
            mark = -(CHANNEL_MARK + peer.channel_id)
            if account.access_hash(mark, known.access_hash or 0) != peer.access_hash:
                raise RpcFault(400, "CHANNEL_INVALID")
        else:
            mark = open_channel(account, peer).marked_id
    elif isinstance(peer, types.InputPeerChat):
        mark = open_group(account, peer.chat_id).marked_id
    else:
        user = find_user(account, peer) or account.min_user(peer)
        if user is None:
            raise RpcFault(400, "PEER_ID_INVALID")
        mark = user.id
    shown = shown_photo(account, mark)
    if shown is None or shown.photo_id != location.photo_id:
        raise RpcFault(400, "LOCATION_INVALID")
    photo = call.world.file_store.photo_of(account.index, shown.photo_id, shown.dc_id)
    blob = _blob(call, photo, "c" if location.big else "a")
    check_dc(call, blob.dc_id)
    return blob


def _from_message(call: Call, peer: Any) -> int:
    """Return the marked id of a peer that a message names.

    Raises:
        RpcFault: 400 MSG_ID_INVALID if the message does not name it, and what `access` raises.
    """
    outer = peer.peer
    chat: Chat | None
    if isinstance(outer, types.InputPeerChannel):
        chat = open_channel(call.account, outer)
    elif isinstance(outer, types.InputPeerChat):
        chat = open_group(call.account, outer.chat_id)
    else:
        user = find_user(call.account, outer)
        chat = None if user is None else call.account.private_chats.get(user.id)
    if isinstance(peer, types.InputPeerUserFromMessage):
        mark = int(peer.user_id)
    else:
        mark = mark_of(types.PeerChannel(peer.channel_id))
    if chat is None or not chat.has(peer.msg_id) or mark not in chat.entry(peer.msg_id)[1]:
        raise RpcFault(400, "MSG_ID_INVALID")
    return mark


def shown_photo(account: Account, mark: int) -> types.UserProfilePhoto | types.ChatPhoto | None:
    """Return what the peer with a marked id shows as its photo, if anything."""
    entity: Any = None
    if mark > 0:
        entity = account.world.users.get(mark)
        if entity is not None:
            entity = account.show_user(entity)
    else:
        chat: Any = account.chat(mark)
        entity = account.world.foreign.get(mark) if chat is None else chat.to_tl()
    photo = getattr(entity, "photo", None)
    return photo if isinstance(photo, types.UserProfilePhoto | types.ChatPhoto) else None


def check_dc(call: Call, dc_id: int) -> None:
    """Send a request to the data centre that has the file.

    Raises:
        RpcFault: 303 FILE_MIGRATE_n if that is another than the one asked.
    """
    if dc_id != call.dc_id:
        raise RpcFault(303, f"FILE_MIGRATE_{dc_id}")


def _blob(call: Call, file: File, thumb: str) -> Blob:
    """Return a file, or one of its sizes, as the server sends it."""
    world = call.world
    kind, file_id = key = key_of(file)
    given = world.file_store.given.get(key)
    stem = f"{world.seed}/{kind}/{file_id}/"
    date = 0 if file.date is None else int(file.date.timestamp())
    if isinstance(file, types.Document):
        if not thumb:
            return Blob(stem, file.size, file.mime_type, date, file.dc_id, given)
        sizes: list[Any] = [*(file.thumbs or ()), *(file.video_thumbs or ())]
        given = world.file_store.given.get(("thumb", file_id))
    else:
        sizes = [*file.sizes, *(file.video_sizes or ())]
    for each in sizes:
        if getattr(each, "type", "") != thumb or not thumb:
            continue
        mime = "video/mp4" if isinstance(each, types.VideoSize) else "image/jpeg"
        if isinstance(each, _INLINE):
            inline: bytes = each.bytes
            return Blob(f"{stem}{thumb}", len(inline), mime, date, file.dc_id, inline)
        if isinstance(each, types.PhotoSizeProgressive):
            size = max(each.sizes, default=0)
        elif isinstance(each, types.PhotoSize | types.VideoSize):
            size = each.size
        else:
            break
        is_largest = given is not None and each is _largest(sizes)
        data = given if is_largest else None
        return Blob(f"{stem}{thumb}", size, mime, date, file.dc_id, data)
    raise RpcFault(400, "LOCATION_INVALID")


def _largest(sizes: list[Any]) -> Any:
    """Return the still with most pixels: the one that bytes were given for."""
    stills = [s for s in sizes if isinstance(s, types.PhotoSize | types.PhotoSizeProgressive)]
    return max(stills, key=lambda size: size.w * size.h, default=None)
