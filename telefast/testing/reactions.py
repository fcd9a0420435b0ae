"""Who reacted to the messages of a chat, and how messages show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.dice import Dice
from telefast.testing.reaction_view import (
    PAID,
    SHOWN,
    Paid,
    Reacted,
    ReactionLike,
    reacted,
    reaction_of,
    top_reactors,
)
from telefast.testing.refs import mark_of
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telefast.testing.chat import Chat

__all__ = ["ReactionBook"]


@dataclass(slots=True)
class _State:
    """The reactions to one message; counts may be higher than what is known of who reacted."""

    counts: dict[bytes, int] = field(default_factory=dict)
    people: list[Reacted] = field(default_factory=list)
    paid: list[Paid] = field(default_factory=list)
    is_min: bool = False


class ReactionBook:
    """The reactions to the messages of a chat: `chat.reactions`.

    Seeded messages have reactions from the seed, and so have those who gave them. In a group all
    who reacted are known and can be listed, in a broadcast channel only counts are, and in saved
    messages reactions are tags. What messages show as own is that of the first account.

    Args:
        chat: The chat.

    Example:
        >>> from telefast.testing import World
        >>> ships = World(seed=1, user_count=20).add_channel("Ships", message_count=50)
        >>> ships.reactions.remove(50)
        >>> ships.reactions.add(50, "👍", count=5)
        >>> ships.reactions.add(50, "❤", by=ships.members[:2])
        >>> [(each.count, each.reaction.emoticon) for each in ships.message(50).reactions.results]
        [(5, '👍'), (2, '❤')]
        >>> len(ships.message(50).reactions.recent_reactions)
        3
    """

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._states: dict[int, _State] = {}
        self._is_hidden = False

    @property
    def can_list(self) -> bool:
        """Whether requests may list who reacted. They may in groups, unless `hide` was called."""
        return self._is_group and not self._is_hidden

    def hide(self) -> None:
        """Let nobody list who reacted (`can_see_list` is gone), and no message show it."""
        self._is_hidden = True
        self._chat.rewrite(lists_reactors=False)
        for message_id, state in [*self._states.items()]:
            self._write(message_id, state)

    def add(
        self,
        message_id: int,
        reaction: ReactionLike,
        *,
        by: int | Iterable[int] | None = None,
        count: int = 1,
        date: int | None = None,
        big: bool = False,
    ) -> None:
        """Let people react.

        Args:
            message_id: To which message.
            reaction: How: an emoji, the document id of a custom emoji, or any reaction.
            by: Marked ids of who does. None takes *count* members of a group who did not yet give
                this reaction; in other chats it only counts.
            count: How many, if *by* is None.
            date: When, in seconds since the epoch, each a second after the one before. None means
                after all that reacted before.
            big: Whether with a big animation.

        Raises:
            WorldError: If there is no such message, or fewer such members.
        """
        state, key = self._state(message_id), bytes(reaction_of(reaction))
        when = date if date is not None else self._latest(message_id, state) + 1
        if by is None and self._is_group:
            by = self._others(message_id, state, key, count)
        marks = [] if by is None else [by] if isinstance(by, int) else [*by]
        given = {each.mark for each in state.people if each.key == key}
        new = [mark for mark in dict.fromkeys(marks) if mark not in given]
        state.people += [Reacted(when + i, mark, key, big) for i, mark in enumerate(new)]
        more = count if by is None else len(new)
        state.counts[key] = state.counts.get(key, 0) + more
        self._write(message_id, state)

    def remove(
        self, message_id: int, reaction: ReactionLike | None = None, *, by: int | None = None
    ) -> None:
        """Take reactions back.

        Args:
            message_id: Of which message.
            reaction: Which; None for all.
            by: Marked id of whose; None for everybody's.
        """
        state = self._state(message_id)
        key = None if reaction is None else bytes(reaction_of(reaction))
        if by is None:
            state.counts = {k: n for k, n in state.counts.items() if key not in {None, k}}
            if key is None:
                state.paid = []
        gone = [e for e in state.people if key in {None, e.key} and by in {None, e.mark}]
        for each in gone:
            if by is not None:
                state.counts[each.key] = state.counts.get(each.key, 1) - 1
            state.people.remove(each)
        state.counts = {k: n for k, n in state.counts.items() if n > 0}
        self._write(message_id, state)

    def pay(
        self, message_id: int, stars: int, *, by: int = 0, anonymous: bool | None = None
    ) -> None:
        """Let somebody pay stars for a message.

        Args:
            message_id: The message.
            stars: How many, 1 or more.
            by: Marked id of who does; 0 for a stranger.
            anonymous: Whether nobody else is to know; None for strangers only.

        Raises:
            WorldError: If there is no such message, or nothing is paid.
        """
        if stars < 1:
            raise WorldError(f"message {message_id}: stars={stars}: expected 1 or more")
        state = self._state(message_id)
        state.paid.append(Paid(by, stars, not by if anonymous is None else anonymous))
        self._write(message_id, state)

    def show_min(self, message_id: int) -> None:
        """Let a message show its reactions as `min`: the same for all, without own choices.

        messages.getMessagesReactions tells them whole.
        """
        state = self._state(message_id)
        state.is_min = True
        self._write(message_id, state)

    # What answers tell.

    def listed(self, message_id: int) -> list[Reacted]:
        """Return who reacted to a message, the latest first."""
        return sorted(self._state(message_id).people, reverse=True)

    def of(self, message_id: int, viewer: int) -> types.MessageReactions | None:
        """Return the reactions to a message as a user sees them, never `min`; None for none."""
        if message_id in self._states or viewer != self._me:
            return self._shown(self._state(message_id), viewer, is_min=False)
        found: types.MessageReactions | None = self._chat.peek(message_id).reactions
        return found

    def forget(self, message_id: int) -> None:
        """Take a message as it is now: to be called when it was replaced."""
        self._states.pop(message_id, None)

    # For recipes.

    def recipe(self) -> dict[str, Any]:
        """Return what is not in the messages, as JSON-able data."""
        return {
            "hidden": self._is_hidden,
            "states": [
                {
                    "id": message_id,
                    "counts": [[key.hex(), count] for key, count in state.counts.items()],
                    "people": [[*each[:2], each.key.hex(), each.big] for each in state.people],
                    "paid": state.paid,
                    "min": state.is_min,
                }
                for message_id, state in self._states.items()
                if self._chat.has(message_id)
            ],
        }

    def restore(self, made: Mapping[str, Any]) -> None:
        """Take over what `recipe` returned; the messages are there already."""
        self._is_hidden = made["hidden"]
        if self._is_hidden:
            self._chat.rewrite(lists_reactors=False)
        for each in made["states"]:
            self._states[each["id"]] = _State(
                counts={bytes.fromhex(key): count for key, count in each["counts"]},
                people=[Reacted(d, m, bytes.fromhex(k), b) for d, m, k, b in each["people"]],
                paid=[Paid(*paid) for paid in each["paid"]],
                is_min=each["min"],
            )

    # Behind it.

    @property
    def _is_group(self) -> bool:
        return self._chat.kind in {"supergroup", "forum", "basic group"}

    @property
    def _me(self) -> int:
        return self._chat.seen_by

    def _state(self, message_id: int) -> _State:
        """Return what is known, or what the message says and the seed adds to it."""
        known = self._states.get(message_id)
        if known is not None:
            return known
        if not self._chat.has(message_id):
            raise WorldError(f"{self._chat.kind} {self._chat.id}: no message {message_id}")
        message = self._chat.peek(message_id)
        shown, state = message.reactions, _State()
        if shown is None:
            return state
        begun = 0 if message.date is None else int(message.date.timestamp())
        for each in shown.recent_reactions or ():
            date = begun if each.date is None else int(each.date.timestamp())
            key = bytes(each.reaction)
            state.people.append(Reacted(date, mark_of(each.peer_id), key, bool(each.big)))
        for payer in shown.top_reactors or ():
            mark = 0 if payer.peer_id is None else mark_of(payer.peer_id)
            state.paid.append(Paid(mark, payer.count, bool(payer.anonymous)))
        for result in shown.results:
            key = bytes(result.reaction)
            if key == PAID:
                rest = result.count - sum(paid.stars for paid in state.paid)
                state.paid += [Paid(0, rest, anonymous=True)] if rest > 0 else []
                continue
            state.counts[key] = result.count
            known_own = any(e.mark == self._me and e.key == key for e in state.people)
            if result.chosen_order is not None and not known_own:
                state.people.append(Reacted(begun, self._me, key))
        if self.can_list:
            self._fill(message_id, state, begun)
        return state

    def _fill(self, message_id: int, state: _State, begun: int) -> None:
        """Draw those who reacted and whom the message does not show; they were the first."""
        members = self._chat.members
        dice = Dice.of(self._chat.marked_id, "reactors", message_id)
        latest = min((each.date for each in state.people), default=begun + 3600)
        for key, count in state.counts.items():
            given = {each.mark for each in state.people if each.key == key}
            start = dice.below(max(1, len(members)))
            others = (mark for mark in members[start:] + members[:start] if mark not in given)
            for mark, _ in zip(others, range(count - len(given)), strict=False):
                date = max(begun, latest - 1 - dice.below(600))
                state.people.append(Reacted(date, mark, key))

    def _others(self, message_id: int, state: _State, key: bytes, count: int) -> list[int]:
        """Return members who did not give a reaction."""
        given = {each.mark for each in state.people if each.key == key}
        found = [mark for mark in self._chat.members if mark not in given][:count]
        if len(found) < count:
            raise WorldError(
                f"message {message_id}: count={count}: only {len(found)} members are left; make a "
                "world of more people (user_count), or name who reacts"
            )
        return found

    def _latest(self, message_id: int, state: _State) -> int:
        sent = self._chat.timestamp(message_id)
        return max((each.date for each in state.people), default=sent)

    def _write(self, message_id: int, state: _State) -> None:
        """Let the message show it."""
        message = self._chat.peek(message_id)
        message.reactions = self._shown(state, self._me, is_min=state.is_min)
        self._chat.put(message)
        self._states[message_id] = state

    def _shown(self, state: _State, viewer: int, *, is_min: bool) -> types.MessageReactions | None:
        """Return the reactions to a message, those of paid stars first, then by count."""
        results: list[types.TypeReactionCount] = []
        if state.paid:
            stars = sum(each.stars for each in state.paid)
            results.append(types.ReactionCount(types.ReactionPaid(), stars))
        own = [each.key for each in sorted(state.people) if each.mark == viewer]
        chosen = {} if is_min else {key: place for place, key in enumerate(own)}
        for key, count in sorted(state.counts.items(), key=lambda item: -item[1]):
            results.append(types.ReactionCount(read_object(key), count, chosen.get(key)))
        if not results:
            return None
        reactions = types.MessageReactions(
            results,
            min=is_min or None,
            can_see_list=self.can_list or None,
            reactions_as_tags=self._chat.peer() == types.PeerUser(self._me) or None,
        )
        if self._chat.kind != "channel" and not self._is_hidden:
            reactions.recent_reactions = [
                reacted(each, 0 if is_min else viewer)
                for each in sorted(state.people, reverse=True)[:SHOWN]
            ]
        if state.paid:
            reactions.top_reactors = top_reactors(state.paid, 0 if is_min else viewer)
        return reactions
