"""What type checkers are told of the arguments of a stream."""

from __future__ import annotations

import inspect

from telefast import BatchedHistory
from telefast.history.typed import HistoryArguments


def test_arguments_are_those_of_the_stream() -> None:
    """Each keyword argument has its type there, but for those that its overloads name."""
    written = inspect.get_annotations(BatchedHistory.__init__)
    named = {name: written[name] for name in HistoryArguments.__annotations__}
    told = {name: each.__forward_arg__ for name, each in HistoryArguments.__annotations__.items()}
    assert named == told
    rest = written.keys() - named.keys()
    assert {"client", "entity", "limit", "view", "ids", "return"} == rest
