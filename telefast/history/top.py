"""The newest id, asked for beside the first page of a reverse walk: it says where the end is."""

from __future__ import annotations

from telefast.history.order import Answer, Ask

__all__ = ["Top"]


class Top:
    """Ask for the newest message, once more if the answer hides it.

    Args:
        size: Messages per full page, which the second question asks for.
    """

    def __init__(self, size: int) -> None:
        self.id: int | None = None
        """The newest id, 0 for an empty list; None while it is not known."""
        self._size = size
        self._token: int | None = None
        self._ask: Ask | None = None
        self._is_retried = False

    @property
    def is_pending(self) -> bool:
        """Whether a question is to be sent, or on its way."""
        return self._ask is not None or self._token is not None

    def begin(self) -> None:
        """Put the question."""
        self._ask = Ask(limit=1)

    def next_ask(self, *, room: int) -> Ask | None:
        """Return the question to send now, if there is one; it needs no room."""
        ask, self._ask = self._ask, None
        return ask

    def on_sent(self, token: int) -> None:
        """Report the token of the question that `next_ask` returned."""
        self._token = token

    def on_answer(self, answer: Answer, *, count: int | None) -> bool:
        """Report an answer, and the length of the whole list; False if it is not to the question.

        An error is the caller's; the question counts as answered.
        """
        if answer.token != self._token:
            return False
        self._token = None
        if answer.ids:
            self.id = answer.ids[-1]
        elif not count:
            self.id = 0
        elif not self._is_retried and answer.error is None:
            self._is_retried = True
            self._ask = Ask(limit=self._size)
        return True
