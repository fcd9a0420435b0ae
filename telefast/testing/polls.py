"""Polls with results, to be put into a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telethon.tl import types

from telefast.errors import WorldError
from telefast.testing.dice import Dice
from telefast.testing.tl import made_as_known

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["make_poll"]

_ANSWERS = 12
"""Most answers of a poll (https://core.telegram.org/api/poll)."""


def make_poll(
    question: str,
    votes: Mapping[str, int],
    *,
    chosen: Collection[str] = (),
    correct: str | None = None,
    multiple: bool = False,
    public: bool = False,
    closed: bool = False,
    shown: bool = True,
    total_voters: int | None = None,
    recent_voters: Collection[int] = (),
    poll_id: int | None = None,
) -> types.MessageMediaPoll:
    """Return a poll for `put_media`.

    Args:
        question: What is asked.
        votes: Answer -> how many voted for it.
        chosen: The answers that who looks at it has given.
        correct: The right answer, which makes it a quiz.
        multiple: Whether one may give several answers.
        public: Whether all see who voted.
        closed: Whether nobody can vote any more.
        shown: Whether the votes of each answer are shown; if not, only how many voted.
        total_voters: How many voted; None is the number of votes.
        recent_voters: Bare ids of users who voted last.
        poll_id: Its id; None takes one that the question makes.

    Raises:
        WorldError: If there are fewer than two answers or more than twelve, one is empty, or
            *chosen* or *correct* is none of them.

    Example:
        >>> poll = make_poll("Tea?", {"Yes": 7, "No": 2}, chosen=["Yes"])
        >>> poll.results.total_voters, [each.voters for each in poll.results.results]
        (9, [7, 2])
    """
    if not 2 <= len(votes) <= _ANSWERS or not all(votes) or min(votes.values()) < 0:
        raise WorldError(f"votes={votes!r}: expected 2 to {_ANSWERS} answers, none of them empty")
    unknown = {*chosen, *([] if correct is None else [correct])} - set(votes)
    if unknown:
        raise WorldError(f"{sorted(unknown)}: expected answers, of {list(votes)}")
    options = {text: bytes([place]) for place, text in enumerate(votes)}
    poll = made_as_known(
        types.Poll,
        id=Dice.of("poll", question).signed64() if poll_id is None else poll_id,
        question=types.TextWithEntities(question, []),
        answers=[
            types.PollAnswer(types.TextWithEntities(text, []), option)
            for text, option in options.items()
        ],
        hash=0,
        closed=closed or None,
        public_voters=public or None,
        multiple_choice=multiple or None,
        quiz=correct is not None or None,
    )
    results: list[types.TypePollAnswerVoters] = [
        made_as_known(
            types.PollAnswerVoters,
            option=options[text],
            chosen=text in chosen or None,
            correct=text == correct or None,
            voters=count,
            recent_voters=[],
        )
        for text, count in votes.items()
    ]
    return types.MessageMediaPoll(
        poll,
        types.PollResults(
            results=results if shown else None,
            total_voters=sum(votes.values()) if total_voters is None else total_voters,
            recent_voters=[types.PeerUser(each) for each in recent_voters] or None,
        ),
    )
