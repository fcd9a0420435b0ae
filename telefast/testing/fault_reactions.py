"""Faults of reactions: lists of who reacted that change while they are read, or end early.

Rules as in `faults`, for messages.getMessageReactionsList.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Unpack

from telefast.errors import WorldError
from telefast.testing.access import open_chat
from telefast.testing.faults import Timed
from telefast.testing.tl import read_object

if TYPE_CHECKING:
    from telefast.testing.fault_select import Numbers, Where
    from telefast.testing.reaction_view import Reacted
    from telefast.testing.rpc import Call

__all__ = ["ChangeReactions", "ReactionRule", "ShortReactions"]

LIST: Final = "messages.getMessageReactionsList"


class ReactionRule(Timed):
    """Base of faults of lists of who reacted: changes nothing.

    Args:
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self, *, nth: Numbers = None, every: int | None = None, **where: Unpack[Where]
    ) -> None:
        super().__init__(LIST, nth, every, **where)

    def reactors(self, call: Call, page: list[Reacted]) -> list[Reacted]:
        """Return what a page shows instead of *page*."""
        return page


class ChangeReactions(ReactionRule):
    """Let people react, and others take it back, right before a page is answered.

    Members of the group who did not yet react that way give the reaction that most gave; those who
    were the first to react take theirs back.

    Args:
        add: How many react, as far as there are members left.
        remove: How many take it back.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        add: int = 1,
        remove: int = 0,
        *,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(nth=nth, every=every, **where)
        if add < 0 or remove < 0 or not add + remove:
            raise WorldError(f"ChangeReactions: add={add}, remove={remove}: expected a change")
        self.add, self.remove = add, remove

    def before(self, call: Call) -> None:
        """Change the reactions to the message that the request is about."""
        if not self.due(call):
            return
        chat = open_chat(call.account, call.request.peer)
        if chat is None or not chat.shows(call.request.id):
            return
        book, message_id = chat.reactions, call.request.id
        known = book.listed(message_id)
        keys = [each.key for each in known]
        if not keys:
            return
        key = max(dict.fromkeys(keys), key=keys.count)
        given = {each.mark for each in known if each.key == key}
        new = [mark for mark in chat.members if mark not in given][: self.add]
        if new:
            book.add(message_id, read_object(key), by=new)
        gone = known[::-1][: self.remove]
        for each in gone:
            book.remove(message_id, read_object(each.key), by=each.mark)
        self.fired += bool(new or gone)


class ShortReactions(ReactionRule):
    """Make pages shorter than they were asked for; the offset leads to what was left out.

    Args:
        drop: How many are left out at the end; at least one stays.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.
    """

    def __init__(
        self,
        drop: int = 1,
        *,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        super().__init__(nth=nth, every=every, **where)
        if drop < 1:
            raise WorldError(f"ShortReactions: drop={drop}: expected 1 or more")
        self.drop = drop

    def reactors(self, call: Call, page: list[Reacted]) -> list[Reacted]:
        """Cut the page."""
        if len(page) < 2 or not self.due(call):
            return page
        self.fired += 1
        return page[: max(1, len(page) - self.drop)]
