"""The one request of a walk that nothing overtakes: it begins, repairs or ends the walk."""

from __future__ import annotations

from collections.abc import Callable

from telefast.history.order import Answer, Ask

__all__ = ["Step"]


class Step:
    """A request to be sent or in flight, and who hears its answer."""

    def __init__(self) -> None:
        self._ask: Ask | None = None
        self._token: int | None = None
        self._on_answer: Callable[[Answer], None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether an answer is due."""
        return self._on_answer is not None

    def do(self, ask: Ask, on_answer: Callable[[Answer], None]) -> None:
        """Make *ask* the one request; *on_answer* hears its answer."""
        self._ask = ask
        self._on_answer = on_answer

    def next_ask(self, *, room: int) -> Ask | None:
        """Return the request to send now, if there is one; it needs no room."""
        ask, self._ask = self._ask, None
        return ask

    def on_sent(self, token: int) -> None:
        """Report the token of what `next_ask` returned last."""
        self._token = token

    def on_answer(self, answer: Answer) -> Callable[[Answer], None] | None:
        """Return who hears *answer*, None if it is not to this request."""
        if answer.token != self._token or self._on_answer is None:
            return None
        heard, self._on_answer = self._on_answer, None
        return heard
