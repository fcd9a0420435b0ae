"""Which peer a request means, and whether it may be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import types

from telefast.testing.refs import CHANNEL_MARK
from telefast.testing.rpc import RpcFault

if TYPE_CHECKING:
    from telefast.testing.channel import Channel
    from telefast.testing.world import World

__all__ = ["find_user", "open_channel"]


def open_channel(world: World, peer: Any) -> Channel:
    """Return the channel that an `InputChannel` or `InputPeerChannel` names.

    Raises:
        RpcFault: 400 CHANNEL_INVALID if there is none or the access hash is wrong, 406
            CHANNEL_PRIVATE if its history is not open to us.
    """
    if not isinstance(peer, types.InputPeerChannel | types.InputChannel):
        raise RpcFault(400, "CHANNEL_INVALID")
    channel = world.channels.get(peer.channel_id)
    if channel is None:
        foreign = world.foreign.get(-(CHANNEL_MARK + peer.channel_id))
        if foreign is not None and getattr(foreign, "access_hash", None) == peer.access_hash:
            raise RpcFault(406, "CHANNEL_PRIVATE")
        raise RpcFault(400, "CHANNEL_INVALID")
    if channel.access_hash != peer.access_hash:
        raise RpcFault(400, "CHANNEL_INVALID")
    if channel.private:
        raise RpcFault(406, "CHANNEL_PRIVATE")
    return channel


def find_user(world: World, peer: Any) -> types.User | None:
    """Return the user that an `InputUser` or `InputPeerUser` names, or None.

    Our own id needs no access hash.
    """
    if isinstance(peer, types.InputUserSelf | types.InputPeerSelf):
        return world.me
    if not isinstance(peer, types.InputUser | types.InputPeerUser):
        return None
    user = world.users.get(peer.user_id)
    if user is None or (user is not world.me and user.access_hash != peer.access_hash):
        return None
    return user
