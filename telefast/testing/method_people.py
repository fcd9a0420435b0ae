"""Methods that tell who is in a channel or supergroup; see `methods`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from telethon.tl import functions, types
from telethon.tl.tlobject import TLRequest

from telefast.testing.access import find_user, open_channel
from telefast.testing.channel import CHANNEL_DATE, admin_rights
from telefast.testing.making import full_name
from telefast.testing.pages import vector
from telefast.testing.paging import hash_of
from telefast.testing.rpc import Call, RpcFault

if TYPE_CHECKING:
    from telefast.testing.account import Account
    from telefast.testing.channel import Channel

__all__ = ["PEOPLE_HANDLERS", "participant_of"]

_CAP: Final = 200
"""Most participants in one answer (TDLib `DialogParticipantManager`: "server side limit")."""

_LISTED: Final = 10_000
"""Only so many of the members of a large group can be listed (Telethon `iter_participants`)."""

_ADMINS_SEE: Final = (types.ChannelParticipantsKicked, types.ChannelParticipantsBanned)
"""What administrators alone may list."""

_MEMBERS: Final = (
    types.ChannelParticipantsRecent,
    types.ChannelParticipantsSearch,
    types.ChannelParticipantsContacts,
    types.ChannelParticipantsMentions,
)


def _get_participants(call: Call) -> bytes:
    """Answer channels.getParticipants: a part of the members that a filter shows.

    In a broadcast channel only administrators see its subscribers: 400 CHAT_ADMIN_REQUIRED, as
    for the banned and the restricted of any channel. Chosen: where participants are hidden, others
    than administrators are shown administrators and bots alone; a limit above 200 gives 200, one
    of 0 none; what lies beyond 10,000 is not shown; `count` is the number of all that fit.
    """
    request, account = call.request, call.account
    channel = open_channel(account, request.channel)
    if request.offset < 0 or request.limit < 0:
        raise RpcFault(400, "OFFSET_INVALID" if request.offset < 0 else "LIMIT_INVALID")
    wanted = request.filter
    is_admin = channel.is_admin(account.me.id)
    if not is_admin and (not channel.megagroup or isinstance(wanted, _ADMINS_SEE)):
        raise RpcFault(400, "CHAT_ADMIN_REQUIRED")
    found = _filtered(account, channel, wanted)
    if channel.participants_hidden and not is_admin and isinstance(wanted, _MEMBERS):
        found = [id_ for id_ in found if channel.is_admin(id_) or call.world.users[id_].bot]
    count = len(found)
    if isinstance(wanted, types.ChannelParticipantsRecent | types.ChannelParticipantsSearch):
        is_whole = not getattr(wanted, "q", "")
        count = max(count, channel.participants_count) if is_whole else count
    page = found[:_LISTED][request.offset : request.offset + min(request.limit, _CAP)]
    if request.hash and request.hash == hash_of(page):
        return bytes(types.channels.ChannelParticipantsNotModified())
    chats, users = account.peers_bytes({channel.marked_id, *page})
    head = types.channels.ChannelParticipants.CONSTRUCTOR_ID.to_bytes(4, "little")
    participants = vector([bytes(participant_of(account, channel, id_)) for id_ in page])
    return b"".join((head, count.to_bytes(4, "little"), participants, vector(chats), vector(users)))


def _filtered(account: Account, channel: Channel, wanted: Any) -> list[int]:
    """Return the bare ids of those whom a filter shows, in the order of the channel's members."""
    users = account.world.users
    members = [id_ for id_ in channel.members if id_ in users]
    if isinstance(wanted, types.ChannelParticipantsAdmins):
        return [id_ for id_ in channel.admins if id_ in users]
    if isinstance(wanted, types.ChannelParticipantsBots):
        return [id_ for id_ in members if users[id_].bot]
    if isinstance(wanted, types.ChannelParticipantsKicked):
        members = [id_ for id_ in channel.banned if id_ in users]
    elif isinstance(wanted, types.ChannelParticipantsBanned):
        members = [id_ for id_ in channel.restricted if id_ in users]
    elif isinstance(wanted, types.ChannelParticipantsContacts):
        members = [id_ for id_ in members if account.show_user(users[id_]).contact]
    words = (getattr(wanted, "q", None) or "").casefold()
    return [id_ for id_ in members if _fits(users[id_], words)]


def _fits(user: types.User, words: str) -> bool:
    """Return whether one of a user's names, or the username, begins with *words*."""
    if not words:
        return True
    names = [*full_name(user).casefold().split(), (user.username or "").casefold()]
    return full_name(user).casefold().startswith(words) or any(
        name.startswith(words) for name in names
    )


def _get_participant(call: Call) -> bytes:
    """Answer channels.getParticipant: what one user, or we, are in a channel.

    Chosen: in a broadcast channel others than administrators may ask for themselves only.
    """
    account = call.account
    channel = open_channel(account, call.request.channel)
    user = find_user(account, call.request.participant)
    if user is None:
        raise RpcFault(400, "PARTICIPANT_ID_INVALID")
    is_admin = channel.is_admin(account.me.id)
    if not (channel.megagroup or is_admin or user.id == account.me.id):
        raise RpcFault(400, "CHAT_ADMIN_REQUIRED")
    known = {*channel.members, *channel.admins, *channel.restricted, *channel.banned}
    if user.id not in known or (user.id == account.me.id and channel.left):
        raise RpcFault(400, "USER_NOT_PARTICIPANT")
    participant = bytes(participant_of(account, channel, user.id))
    chats, users = account.peers_bytes({channel.marked_id, user.id})
    head = types.channels.ChannelParticipant.CONSTRUCTOR_ID.to_bytes(4, "little")
    return b"".join((head, participant, vector(chats), vector(users)))


def participant_of(
    account: Account, channel: Channel, user_id: int
) -> types.TypeChannelParticipant:
    """Return what a user is in a channel."""
    creator = channel.admins[0] if channel.admins else 0
    is_self = user_id == account.me.id
    if user_id in channel.banned or user_id in channel.restricted:
        is_banned = user_id in channel.banned
        return types.ChannelParticipantBanned(
            peer=types.PeerUser(user_id),
            kicked_by=creator,
            date=CHANNEL_DATE,
            banned_rights=types.ChatBannedRights(
                until_date=None, view_messages=is_banned or None, send_messages=True
            ),
            left=is_banned or None,
        )
    if user_id == creator:
        return types.ChannelParticipantCreator(user_id, admin_rights())
    if channel.is_admin(user_id):
        return types.ChannelParticipantAdmin(
            user_id=user_id,
            promoted_by=creator,
            date=CHANNEL_DATE,
            admin_rights=admin_rights(),
            is_self=is_self or None,
            inviter_id=creator if is_self else None,
        )
    if is_self:
        return types.ChannelParticipantSelf(user_id, creator or user_id, CHANNEL_DATE)
    return types.ChannelParticipant(user_id, CHANNEL_DATE)


PEOPLE_HANDLERS: dict[type[TLRequest], Callable[[Call], bytes]] = {
    functions.channels.GetParticipantRequest: _get_participant,
    functions.channels.GetParticipantsRequest: _get_participants,
}
"""Request type -> handler; part of `methods.HANDLERS`."""
