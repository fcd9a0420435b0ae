"""Messages from a seed: each is a pure function of (seed, id), none is stored.

Every message also says whom it refers to, so that a page can carry the right users and chats
without a look inside its bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from telethon.tl import types

from telefast.testing.dice import Dice
from telefast.testing.media import (
    MEDIA_KINDS,
    make_album_item,
    make_media,
    make_photo,
    make_web_page,
)
from telefast.testing.refs import CHANNEL_MARK
from telefast.testing.text import EMOJI, LANGUAGES, Language, Mention, Text, write

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Built", "Cast", "Person", "Script", "SeededChat"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DATE = 1_488_326_400
"""Date of the first message: 2017-03-01, so that a million of them ends before today."""
_SPAN = 300_000_000
"""All messages lie within this many seconds, about 9.5 years, before the 2038 border."""
_LONGEST_SPACING = 211
_ALBUM_BLOCK = 16
"""One run of ids in which at most one album lies; albums thus cross the borders of pages."""


class Person(NamedTuple):
    """A user as the script sees it.

    Attributes:
        mention: Who it is.
        language: What it writes in.
        is_self: Whether it is the user who is logged in.
    """

    mention: Mention
    language: Language
    is_self: bool = False


class Cast(NamedTuple):
    """Who may appear in the messages of a world.

    Attributes:
        people: Who writes.
        bots: Bare ids of the bots.
        sources: Bare ids of foreign channels that messages are forwarded from.
    """

    people: Sequence[Person]
    bots: Sequence[int]
    sources: Sequence[int]


class Built(NamedTuple):
    """One message and whom it refers to.

    Attributes:
        message: The message.
        refs: Marked ids of the users and chats it refers to; the chat itself is left out.
    """

    message: types.Message | types.MessageService
    refs: tuple[int, ...]


class Script(NamedTuple):
    """What a seeded chat is.

    Attributes:
        seed: Seed of the world.
        chat_id: Bare id of the channel.
        title: Its title.
        megagroup: Whether it is a supergroup; else a broadcast channel.
        top: The highest id when the chat was made; sets the spacing of dates.
    """

    seed: int
    chat_id: int
    title: str
    megagroup: bool
    top: int


class SeededChat:
    """Write the messages of one chat.

    Args:
        script: What the chat is.
        cast: Who appears in it.
    """

    def __init__(self, script: Script, cast: Cast) -> None:
        self._script = script
        self._cast = cast
        self._peer = types.PeerChannel(script.chat_id)
        self._mentions = [person.mention for person in cast.people]
        self._key = f"{script.seed}/{script.chat_id}/"
        self._spacing = max(1, min(_LONGEST_SPACING, _SPAN // max(1, script.top)))
        self._album_block: tuple[int, range] = (-1, range(0))

    def timestamp(self, message_id: int) -> int:
        """Return the date of a message in seconds since the epoch; never falls with the id."""
        album = self._album(message_id)
        if album is not None:
            message_id = album.start
        jitter = (message_id * 2_654_435_761 >> 7) % self._spacing
        return _FIRST_DATE + message_id * self._spacing + jitter

    def build(self, message_id: int) -> Built:
        """Write the message with *message_id*."""
        dice = Dice(f"{self._key}{message_id}".encode())
        date = _EPOCH + timedelta(seconds=self.timestamp(message_id))
        album = self._album(message_id)
        if album is not None:
            return self._album_item(dice, message_id, date, album)
        if message_id == 1 or dice.chance(25):
            return self._service(dice, message_id, date)
        return self._ordinary(dice, message_id, date)

    def _album(self, message_id: int) -> range | None:
        """Return the ids of the album that a message belongs to, if any."""
        block = message_id // _ALBUM_BLOCK
        if block != self._album_block[0]:
            ids = range(0)
            if block:
                dice = Dice(f"{self._key}album/{block}".encode())
                if dice.chance(120):
                    size = 2 + dice.below(9)
                    begin = block * _ALBUM_BLOCK + dice.below(_ALBUM_BLOCK - size + 1)
                    ids = range(begin, begin + size)
            self._album_block = (block, ids)
        ids = self._album_block[1]
        return ids if message_id in ids else None

    def _author(self, dice: Dice) -> tuple[Person, types.TypePeer | None]:
        """Return who writes, and the sender as the message shows it."""
        people = self._cast.people
        # The lower of two draws: a few people write most of a chat.
        person = people[min(dice.below(len(people)), dice.below(len(people)))]
        if not self._script.megagroup:
            return person, None
        if dice.chance(20):
            return person, self._peer
        return person, types.PeerUser(person.mention.user_id)

    def _album_item(self, dice: Dice, message_id: int, date: datetime, album: range) -> Built:
        shared = Dice(f"{self._key}album/sender/{album.start}".encode())
        person, sender = self._author(shared)
        text = Text("", None)
        if message_id == album.start:
            text = write(dice, person.language, self._mentions, caption=True)
        return self._finish(
            dice,
            message_id,
            date,
            person,
            sender,
            text,
            make_album_item(dice, date),
            grouped_id=13_000_000_000_000_000 + shared.below(1 << 50),
        )

    def _ordinary(self, dice: Dice, message_id: int, date: datetime) -> Built:
        person, sender = self._author(dice)
        roll = dice.below(100)
        media: types.TypeMessageMedia | None = None
        if roll < 20:
            kind = dice.pick(MEDIA_KINDS)
            media = make_media(dice, kind, date, dice.pick(self._mentions))
            has_caption = kind in {"photo", "video", "file"} and dice.chance(500)
            text = Text("", None)
            if has_caption:
                text = write(dice, person.language, self._mentions, caption=True)
        else:
            text = write(dice, person.language, self._mentions)
            if text.url is not None and dice.chance(700):
                media = make_web_page(dice, text.url, person.language, date)
        return self._finish(dice, message_id, date, person, sender, text, media)

    def _finish(
        self,
        dice: Dice,
        message_id: int,
        date: datetime,
        person: Person,
        sender: types.TypePeer | None,
        text: Text,
        media: types.TypeMessageMedia | None,
        grouped_id: int | None = None,
    ) -> Built:
        """Add what any message may have: reply, forward, bot, reactions, edits, views."""
        refs: list[int] = list(text.mentioned)
        if isinstance(sender, types.PeerUser):
            refs.append(sender.user_id)
        if isinstance(media, types.MessageMediaContact):
            refs.append(media.user_id)
        message = types.Message(
            id=message_id,
            peer_id=self._peer,
            date=date,
            message=text.text,
            from_id=sender,
            media=media,
            entities=text.entities,
            grouped_id=grouped_id,
        )
        roll = dice.below(1000)
        if self._script.megagroup:
            if person.is_self and isinstance(sender, types.PeerUser):
                message.out = True
            if roll < 260 and message_id > 1:
                message.reply_to = self._reply(dice, message_id, refs)
            elif roll < 300:
                message.replies = types.MessageReplies(1 + dice.below(40), 1000 + message_id)
        else:
            message.post = True
            message.views = 10 + dice.below(90_000)
            message.forwards = dice.below(400)
            if roll < 300:
                message.post_author = person.mention.name
            if roll < 60 and message_id > 1:
                message.reply_to = types.MessageReplyHeader(
                    reply_to_msg_id=max(1, message_id - 1 - dice.below(40))
                )
        if dice.chance(45):
            message.fwd_from = self._forward(dice, date, refs)
        elif dice.chance(20) and self._cast.bots:
            message.via_bot_id = dice.pick(self._cast.bots)
            refs.append(message.via_bot_id)
        if dice.chance(180):
            message.reactions = self._reactions(dice, date, refs)
        if dice.chance(60):
            message.edit_date = date + timedelta(seconds=5 + dice.below(86_400))
            message.edit_hide = dice.chance(200) or None
        if dice.chance(20):
            message.silent = True
        if dice.chance(4):
            message.pinned = True
        return Built(message, tuple(dict.fromkeys(refs)))

    def _reply(self, dice: Dice, message_id: int, refs: list[int]) -> types.MessageReplyHeader:
        """Answer an earlier message, mostly a near one; it may be deleted by now."""
        reach = 30 if dice.chance(900) else message_id
        header = types.MessageReplyHeader(
            reply_to_msg_id=max(1, message_id - 1 - dice.below(reach))
        )
        if dice.chance(60):
            header.quote = True
            header.quote_text = f"{dice.pick(LANGUAGES[0].words)} {dice.pick(EMOJI)}"
            header.quote_offset = dice.below(10)
        elif dice.chance(30):
            source = dice.pick(self._cast.sources)
            header.reply_to_peer_id = types.PeerChannel(source)
            header.reply_to_msg_id = 1 + dice.below(5000)
            refs.append(-(CHANNEL_MARK + source))
        return header

    def _forward(self, dice: Dice, date: datetime, refs: list[int]) -> types.MessageFwdHeader:
        """Forward from a channel, a user, or a user who hides the account."""
        header = types.MessageFwdHeader(date=date - timedelta(seconds=60 + dice.below(10**6)))
        roll = dice.below(100)
        if roll < 50:
            source = dice.pick(self._cast.sources)
            header.from_id = types.PeerChannel(source)
            header.channel_post = 1 + dice.below(20_000)
            header.post_author = "Editor" if roll < 10 else None
            refs.append(-(CHANNEL_MARK + source))
        elif roll < 80:
            user_id = dice.pick(self._mentions).user_id
            header.from_id = types.PeerUser(user_id)
            refs.append(user_id)
        else:
            header.from_name = dice.pick(self._mentions).name
        return header

    def _reactions(self, dice: Dice, date: datetime, refs: list[int]) -> types.MessageReactions:
        """React with one to four kinds; in a group the latest reactors are shown."""
        first = dice.below(12)
        results: list[types.TypeReactionCount] = []
        count = 1 + dice.below(40)
        for step in range(1 + dice.below(4)):
            reaction: types.TypeReaction = types.ReactionEmoji(EMOJI[(first + step) % 12])
            if step == 2:
                reaction = types.ReactionCustomEmoji(5_000_000_000_000_000_000 + dice.below(500))
            results.append(types.ReactionCount(reaction, count))
            count = max(1, count // 3)
        reactions = types.MessageReactions(results)
        if self._script.megagroup:
            reactions.can_see_list = True
            recent: list[types.TypeMessagePeerReaction] = []
            for result in results[:3]:
                user_id = dice.pick(self._mentions).user_id
                refs.append(user_id)
                recent.append(
                    types.MessagePeerReaction(
                        types.PeerUser(user_id),
                        date + timedelta(seconds=1 + dice.below(5000)),
                        result.reaction,
                    )
                )
            reactions.recent_reactions = recent
        elif dice.chance(100):
            results[0].chosen_order = 0
        return reactions

    def _service(self, dice: Dice, message_id: int, date: datetime) -> Built:
        """Write a service message; the first of a chat tells of its creation."""
        script = self._script
        person, sender = self._author(dice)
        refs: list[int] = []
        if isinstance(sender, types.PeerUser):
            refs.append(sender.user_id)
        other = dice.pick(self._mentions).user_id
        kind = -1 if message_id == 1 else dice.below(6 if script.megagroup else 3)
        reply: types.MessageReplyHeader | None = None
        action: types.TypeMessageAction
        if kind == -1:
            action = types.MessageActionChannelCreate(script.title)
        elif kind == 0:
            action = types.MessageActionPinMessage()
            reply = types.MessageReplyHeader(
                reply_to_msg_id=max(1, message_id - 1 - dice.below(50))
            )
        elif kind == 1:
            action = types.MessageActionChatEditPhoto(make_photo(dice, date))
        elif kind == 2:
            action = types.MessageActionChatEditTitle(f"{script.title} {dice.pick(EMOJI)}")
        elif kind == 3:
            guests = list(dict.fromkeys([other, dice.pick(self._mentions).user_id]))
            action = types.MessageActionChatAddUser(guests)
            refs += guests
        elif kind == 4:
            action = types.MessageActionChatJoinedByLink(other)
            refs.append(other)
        else:
            action = types.MessageActionChatDeleteUser(other)
            refs.append(other)
        message = types.MessageService(
            id=message_id,
            peer_id=self._peer,
            date=date,
            action=action,
            from_id=sender,
            reply_to=reply,
            post=not script.megagroup or None,
        )
        if script.megagroup and person.is_self and isinstance(sender, types.PeerUser):
            message.out = True
        return Built(message, tuple(dict.fromkeys(refs)))
