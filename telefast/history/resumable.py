"""The ways to begin a stream at something else than its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from telefast.history.resume import Chain, Filling, Going, Rest
from telefast.history.taking import Taking
from telefast.history.typed import M
from telefast.history.types import HistoryCursor
from telefast.tasks import Pump

if TYPE_CHECKING:
    from telethon import TelegramClient

    from telefast.history.checkpoint import Checkpoint
    from telefast.history.producer import Producer

__all__ = ["Resumable"]


class Resumable(Taking[M]):
    """What `BatchedHistory` inherits."""

    if TYPE_CHECKING:

        def __init__(
            self, client: TelegramClient | Sequence[TelegramClient], entity: Any, **options: Any
        ) -> None: ...

    @classmethod
    def resume(
        cls,
        client: TelegramClient | Sequence[TelegramClient],
        entity: Any,
        start: HistoryCursor | Checkpoint,
        **options: Any,
    ) -> Self:
        """Return a stream that goes on where an earlier one has stopped.

        From a cursor, it yields what follows the last message taken. From a checkpoint, it yields
        first what was handed out and neither acknowledged nor failed too often, then what follows;
        all of it, if the checkpoint knows nothing of the chat yet.

        In reverse, a stream that had come to its end goes on with what was posted since.

        Args:
            client: As for the stream itself; of the same account.
            entity: As there. None for the chat that the cursor names.
            start: Where to go on.
            options: The arguments of the stream that is gone on from. With a cursor, those which
                say what part of the chat to read may be left out; ids, a search and the like may
                not.

        Raises:
            CursorMismatchError: If the cursor is of other arguments, at once; by the first step,
                if it is of another chat, or if the checkpoint holds one of other arguments.
            ArgumentError: If an argument has no legal value.
        """
        return cls._begin(client, entity, Going(start), options)

    @classmethod
    def fill(
        cls,
        client: TelegramClient | Sequence[TelegramClient],
        entity: Any,
        holes: Checkpoint | Iterable[range],
        *,
        first: int = 1,
        last: int | None = None,
        **options: Any,
    ) -> Self:
        """Return a stream of what is missing: requests touch nothing else.

        Args:
            client: As for a stream.
            entity: As there.
            holes: A checkpoint; ids that turn out to be absent are written down there as such, and
                not asked for again. Or ranges of ids, as of `ProcessedIds.missing`.
            first: With a checkpoint, the smallest id to ask for.
            last: With a checkpoint, the largest id to ask for. None (default) for the largest that
                it knows.
            options: Arguments of the stream, but none that says what part of the chat to read.

        Raises:
            ArgumentError: If an argument has no legal value.
        """
        return cls._begin(client, entity, Filling(holes, first, last), options)

    @classmethod
    def _begin(
        cls,
        client: TelegramClient | Sequence[TelegramClient],
        entity: Any,
        rest: Rest,
        options: dict[str, Any],
    ) -> Self:
        entity, options = rest.entity(entity), rest.arguments(options)
        stream = cls(client, entity, **options)
        track, tally = stream._track, stream._producer.tally
        rest.check(track)

        def make(peer: Any, arguments: dict[str, Any]) -> Producer:
            producer = cls(client, peer, **arguments)._producer  # noqa: SLF001 - same class
            producer.share(tally)
            return producer

        stream._pump = Pump(Chain(stream._clients[0], entity, rest, options, make, track))
        return stream
