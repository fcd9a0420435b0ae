"""How chats of a world belong together: groups that became supergroups, posts with comments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from telethon.tl import types

from telefast.errors import WorldError

if TYPE_CHECKING:
    from telefast.testing.channel import Channel
    from telefast.testing.private import Group
    from telefast.testing.world import World

__all__ = ["discuss", "link", "migrate"]


def migrate(world: World, group: Group, message_count: int, holes: float) -> Channel:
    """Make a supergroup of a basic group; see `World.migrate`."""
    path = f"basic group {group.title!r} (id {group.id})"
    account = group.account
    if account.groups.get(group.id) is not group or account.world is not world:
        raise WorldError(f"{path}: is no group of this world")
    if group.migrated_to is not None:
        raise WorldError(f"{path}: migrated_to={group.migrated_to.id}: became a supergroup already")
    last = group.timestamp(group.ids.max()) if group.ids else 0
    date = None if not last else datetime.fromtimestamp(last + 60, UTC)
    channel = world.add_channel(
        group.title, message_count=message_count, holes=holes, begin=date, about=group.about
    )
    creator = types.PeerUser(group.members[0])
    (farewell,) = account.box.take(1)
    when = date or datetime.fromtimestamp(channel.timestamp(1), UTC)
    group.put(
        types.MessageService(
            id=farewell,
            peer_id=group.peer(),
            date=when,
            from_id=creator,
            out=group.members[0] == account.me.id or None,
            action=types.MessageActionChatMigrateTo(channel.id),
        )
    )
    channel.put(
        types.MessageService(
            id=1,
            peer_id=channel.peer(),
            date=when,
            from_id=creator,
            out=group.members[0] == account.me.id or None,
            action=types.MessageActionChannelMigrateFrom(group.title, group.id),
        )
    )
    channel.members, channel.admins = group.members, group.members[:1]
    channel.participants_count = len(group.members)
    channel.migrated_from = (group.id, farewell)
    group.migrated_to = channel
    return channel


def link(world: World, channel: Channel, group: Channel) -> None:
    """Make a supergroup the discussion group of a broadcast channel; see `World.link`."""
    path = f"channel {channel.title!r} (id {channel.id}): linked={group.id}"
    if world.channels.get(channel.id) is not channel or world.channels.get(group.id) is not group:
        raise WorldError(f"{path}: both must be channels of this world")
    if channel.megagroup or not group.megagroup:
        raise WorldError(f"{path}: expected a broadcast channel and a supergroup")
    if group.is_forum:
        raise WorldError(f"{path}: a forum is no discussion group")
    for each in (channel, group):
        if each.linked is not None:
            raise WorldError(f"{path}: {each.kind} {each.id} is linked already")
    channel.linked, group.linked = group, channel


def discuss(channel: Channel, post_id: int, comments: int, album_place: int = 0) -> list[int]:
    """Copy a post into the discussion group, and write comments; see `World.discuss`."""
    path = f"channel {channel.title!r} (id {channel.id}): post {post_id}"
    group = channel.linked
    if group is None or channel.megagroup:
        raise WorldError(f"{path}: has no discussion group; see World.link")
    if not channel.has(post_id):
        raise WorldError(f"{path}: does not exist")
    if comments < 0:
        raise WorldError(f"{path}: comments={comments}: expected 0 or more")
    posts = _album(channel, post_id)
    if any(id_ in channel.threads for id_ in posts):
        raise WorldError(f"{path}: has a thread already")
    place = album_place if len(posts) > 1 else 0
    if not 0 <= place < len(posts):
        raise WorldError(f"{path}: album_place={place}: its album has {len(posts)} posts")
    album = None if len(posts) == 1 else (channel.id << 24 | posts[0]) & (2**63 - 1)
    copies = range(group.last_id + 1, group.last_id + 1 + len(posts))
    for id_, copy_id in zip(posts, copies, strict=True):
        post = channel.peek(id_)
        if isinstance(post, types.MessageService):
            raise WorldError(f"{path}: is a service message, which nobody can comment on")
        group.put(_copy(channel, group, post, copy_id, album))
    root = copies[place]
    channel.threads[posts[place]] = root
    group.threads[root] = posts[place]
    # What is shown of both has changed.
    channel.pts += 1
    _comment(group, root, group.post(comments, reply_to=root) if comments else [])
    return [*copies]


def _comment(group: Channel, root: int, comments: list[int]) -> None:
    """Let every third comment answer the one before it; all are in the thread of *root*."""
    for before, message_id in zip(comments[1::3], comments[2::3], strict=False):
        message = group.peek(message_id)
        message.reply_to = types.MessageReplyHeader(reply_to_msg_id=before, reply_to_top_id=root)
        group.put(message)


def _copy(
    channel: Channel, group: Channel, post: types.Message, copy_id: int, album: int | None
) -> types.Message:
    """Return the automatic forward of a post (https://core.telegram.org/api/discussion)."""
    return types.Message(
        id=copy_id,
        peer_id=group.peer(),
        from_id=channel.peer(),
        date=datetime.fromtimestamp(group.timestamp(copy_id), UTC),
        message=post.message,
        media=post.media,
        entities=post.entities,
        grouped_id=album,
        fwd_from=types.MessageFwdHeader(
            date=post.date,
            from_id=channel.peer(),
            channel_post=post.id,
            saved_from_peer=channel.peer(),
            saved_from_msg_id=post.id,
        ),
    )


def _album(channel: Channel, post_id: int) -> list[int]:
    """Return the ids of the album that a post is in, or its own alone."""
    album = getattr(channel.peek(post_id), "grouped_id", None)
    if album is None:
        return [post_id]

    def is_in(message_id: int) -> bool:
        if not channel.has(message_id):
            return False
        message: Any = channel.peek(message_id)
        return bool(getattr(message, "grouped_id", None) == album)

    near = range(post_id - _MOST_IN_ALBUM + 1, post_id + _MOST_IN_ALBUM)
    return [id_ for id_ in near if is_in(id_)]


_MOST_IN_ALBUM = 10
"""Most messages of one album (https://core.telegram.org/api/files#albums-grouped-media)."""
