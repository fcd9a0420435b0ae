"""Messages from a seed: each is a pure function of (seed, id), none is stored.

Every message also says whom it refers to, so that a page can carry the right users and chats
without a look inside its bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from telethon.tl import types

from telefast.testing.actions import first_deed, group_deed, private_deed
from telefast.testing.dice import Dice
from telefast.testing.file_refs import files_of
from telefast.testing.media import MEDIA_KINDS, make_album_item, make_media, make_web_page
from telefast.testing.refs import CHANNEL_MARK
from telefast.testing.text import EMOJI, LANGUAGES, Language, Mention, Text, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telefast.testing.file_refs import File
    from telefast.testing.timeline import Line

__all__ = ["Built", "Cast", "Kind", "Person", "Script", "SeededChat"]

Kind: TypeAlias = Literal["channel", "supergroup", "group", "private"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Person(NamedTuple):
    """A user as the script sees it.

    Attributes:
        mention: Who it is.
        language: What it writes in.
        is_self: Whether it is the user whose account sees the chat.
    """

    mention: Mention
    language: Language
    is_self: bool = False


class Cast(NamedTuple):
    """Who may appear in the messages of a chat.

    Attributes:
        people: Who writes.
        known: Whom messages may mention, forward from and show.
        bots: Bare ids of the bots.
        sources: Bare ids of foreign channels that messages are forwarded from.
        in_turn: Whether people write one after the other, by id, instead of a few of them most.
    """

    people: Sequence[Person]
    known: Sequence[Person]
    bots: Sequence[int]
    sources: Sequence[int]
    in_turn: bool = False


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
        key: What its messages depend on, ending in a slash.
        kind: Kind of chat.
        peer: The chat as a peer.
        title: Its title.
        stamp: Lets a file be fetched by the message with an id; changes the file.
    """

    key: str
    kind: Kind
    peer: types.TypePeer
    title: str
    stamp: Callable[[int, File], None]


class SeededChat:
    """Write the messages of one chat.

    Args:
        script: What the chat is.
        cast: Who appears in it.
        line: What its ids mean.

    Attributes:
        lists_reactors: Whether messages of groups show who reacted, and let it be listed.
    """

    lists_reactors = True

    def __init__(self, script: Script, cast: Cast, line: Line) -> None:
        self._script = script
        self._cast = cast
        self._line = line
        self._peer = script.peer
        self._key = script.key
        self._mentions = [person.mention for person in cast.known]
        self._has_senders = script.kind != "channel"
        self._is_private = script.kind == "private"
        self._is_public = script.kind in {"channel", "supergroup"}
        self.timestamp = line.timestamp

    @property
    def me(self) -> int:
        """Bare id of whose view the messages show, 0 if that one never writes."""
        people = self._cast.people
        return next((each.mention.user_id for each in people if each.is_self), 0)

    def build(self, message_id: int) -> Built:
        """Write the message with *message_id*."""
        dice = Dice(f"{self._key}{message_id}".encode())
        date = _EPOCH + timedelta(seconds=self._line.timestamp(message_id))
        album = self._line.album(message_id)
        if album is not None:
            return self._album_item(dice, message_id, date, album)
        if message_id == self._line.first or dice.chance(25):
            return self._service(dice, message_id, date)
        return self._ordinary(dice, message_id, date)

    def _author(self, dice: Dice, message_id: int) -> tuple[Person, types.TypePeer | None]:
        """Return who writes, and the sender as the message shows it."""
        people = self._cast.people
        if self._is_private:
            # Nobody is named where only one can have sent it (layer 119 and later).
            person = people[dice.below(len(people))]
            return person, types.PeerUser(person.mention.user_id) if person.is_self else None
        if self._cast.in_turn and self._has_senders:
            person = people[message_id % len(people)]
            return person, types.PeerUser(person.mention.user_id)
        # The lower of two draws: a few people write most of a chat.
        person = people[min(dice.below(len(people)), dice.below(len(people)))]
        if not self._has_senders:
            return person, None
        if self._is_public and dice.chance(20):
            return person, self._peer
        return person, types.PeerUser(person.mention.user_id)

    def _album_item(self, dice: Dice, message_id: int, date: datetime, album: range) -> Built:
        shared = Dice(f"{self._key}album/sender/{album.start}".encode())
        person, sender = self._author(shared, album.start)
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
        person, sender = self._author(dice, message_id)
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
        self._mark_own(message, person, sender)
        roll = dice.below(1000)
        if self._has_senders:
            if roll < 260:
                message.reply_to = self._reply(dice, message_id, refs)
            elif roll < 300 and self._is_public:
                message.replies = types.MessageReplies(1 + dice.below(40), 1000 + message_id)
        else:
            message.post = True
            message.views = 10 + dice.below(90_000)
            message.forwards = dice.below(400)
            if roll < 300:
                message.post_author = person.mention.name
            if roll < 60:
                back = self._line.earlier(message_id, 1 + dice.below(40))
                message.reply_to = types.MessageReplyHeader(reply_to_msg_id=back)
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
        return self._built(message, refs)

    def _mark_own(
        self,
        message: types.Message | types.MessageService,
        person: Person,
        sender: types.TypePeer | None,
    ) -> None:
        """Set what shows that the account itself has sent the message."""
        if not (person.is_self and isinstance(sender, types.PeerUser)):
            return
        if self._is_private and self._peer == sender:
            message.saved_peer_id = sender  # Saved messages go neither out nor in.
        else:
            message.out = True

    def _reply(
        self, dice: Dice, message_id: int, refs: list[int]
    ) -> types.MessageReplyHeader | None:
        """Answer an earlier message, mostly a near one; it may be deleted by now."""
        reach = 30 if dice.chance(900) or not self._is_public else message_id
        target = self._line.earlier(message_id, 1 + dice.below(reach))
        if target is None:
            return None
        header = types.MessageReplyHeader(reply_to_msg_id=target)
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
        if self._is_private:
            return self._private_reactions(dice, date, refs)
        first = dice.below(12)
        results: list[types.TypeReactionCount] = []
        count = 1 + dice.below(40 if self._is_public else len(self._cast.people))
        for step in range(1 + dice.below(4)):
            reaction: types.TypeReaction = types.ReactionEmoji(EMOJI[(first + step) % 12])
            if step == 2:
                reaction = types.ReactionCustomEmoji(5_000_000_000_000_000_000 + dice.below(500))
            results.append(types.ReactionCount(reaction, count))
            count = max(1, count // 3)
        reactions = types.MessageReactions(results)
        if self._has_senders:
            reactions.can_see_list = True
            recent: list[types.TypeMessagePeerReaction] = []
            for result in results[:3]:
                user_id = dice.pick(self._mentions).user_id
                refs.append(user_id)
                recent.append(_reacted(dice, user_id, date, result.reaction))
            reactions.recent_reactions = recent
            if not self.lists_reactors:
                reactions.can_see_list = reactions.recent_reactions = None
        elif dice.chance(100):
            results[0].chosen_order = 0
        return reactions

    def _private_reactions(
        self, dice: Dice, date: datetime, refs: list[int]
    ) -> types.MessageReactions:
        """React as one of the two."""
        person = dice.pick(self._cast.people)
        reaction = types.ReactionEmoji(EMOJI[dice.below(12)])
        user_id = person.mention.user_id
        refs.append(user_id)
        return types.MessageReactions(
            [types.ReactionCount(reaction, 1, chosen_order=0 if person.is_self else None)],
            recent_reactions=[
                _reacted(dice, user_id, date, reaction, my=person.is_self or None),
            ],
        )

    def _service(self, dice: Dice, message_id: int, date: datetime) -> Built:
        """Write a service message; the first of a chat tells how it began."""
        script = self._script
        person, sender = self._author(dice, message_id)
        if message_id == self._line.first:
            members = [each.mention.user_id for each in self._cast.people]
            deed = first_deed(script.kind, script.title, members)
        elif self._is_private:
            deed = private_deed(dice)
        else:
            deed = group_deed(dice, script.kind, script.title, date, self._mentions)
        if isinstance(deed.action, types.MessageActionChatJoinedByLink):
            sender = types.PeerUser(person.mention.user_id)  # no chat joins itself
        target = self._line.earlier(message_id, deed.back) if deed.back else None
        message = types.MessageService(
            id=message_id,
            peer_id=self._peer,
            date=date,
            action=deed.action,
            from_id=sender,
            reply_to=None if target is None else types.MessageReplyHeader(reply_to_msg_id=target),
            post=not self._has_senders or None,
        )
        self._mark_own(message, person, sender)
        refs: list[int] = []
        if isinstance(sender, types.PeerUser):
            refs.append(sender.user_id)
        refs += deed.refs
        return self._built(message, refs)

    def _built(self, message: types.Message | types.MessageService, refs: Sequence[int]) -> Built:
        """Return the message with each ref once; the chat itself is always on its pages."""
        carrier = message.action if isinstance(message, types.MessageService) else message.media
        if carrier is not None:
            for file in files_of(carrier):
                self._script.stamp(message.id, file)
        found = dict.fromkeys(refs)
        if isinstance(self._peer, types.PeerUser):
            found.pop(self._peer.user_id, None)
        return Built(message, tuple(found))


def _reacted(
    dice: Dice, user_id: int, date: datetime, reaction: types.TypeReaction, my: bool | None = None
) -> types.MessagePeerReaction:
    when = date + timedelta(seconds=1 + dice.below(5000))
    return types.MessagePeerReaction(types.PeerUser(user_id), when, reaction, my=my)
