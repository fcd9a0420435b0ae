"""What custom emoji are: asked for many at a time, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from cachetools import LRUCache
from telethon import types
from telethon.tl.functions.messages import GetCustomEmojiDocumentsRequest

from telefast.checks import check_int
from telefast.ordered import ordered_map

__all__ = ["Batches", "CustomEmoji", "EmojiShelf"]

_IDS = 200
"""Most custom emoji in one request (TDLib `StickersManager.h`)."""


@dataclass(frozen=True, slots=True)
class CustomEmoji:
    """A custom emoji.

    Attributes:
        document_id: Its document id, as in `ReactionItem.key`.
        alt: The plain emoji that stands for it; empty if its document has none.
        document: Its `Document`, for `telefast.MediaDownloader`. References to files expire: ask
            again with a new collector if it is days old.
    """

    document_id: int
    alt: str
    document: Any = field(repr=False)


class EmojiShelf:
    """Find custom emoji, and keep those that were found, and which ones do not exist.

    Args:
        ask: Sends a request and returns its answer, which is of the given kind.
        size: How many are kept, the least recently used forgotten first.
        concurrency: Requests at a time.
    """

    def __init__(
        self, ask: Callable[[Any, type[Any]], Awaitable[Any]], size: int, concurrency: int
    ) -> None:
        self._ask = ask
        self._kept: LRUCache[int, CustomEmoji | None] = LRUCache(size)
        self._concurrency = concurrency
        self._asking = asyncio.Lock()

    async def find(self, ids: Iterable[int]) -> dict[int, CustomEmoji]:
        """Return those of *ids* that exist, by id and in the given order."""
        wanted = dict.fromkeys(ids)
        for each in wanted:
            check_int("ids", each, -(2**63), 2**63 - 1)
        async with self._asking:  # two who want the same ask once
            found = {each: self._kept[each] for each in wanted if each in self._kept}
            missing = [each for each in wanted if each not in found]
            batches = Batches(missing, _IDS)
            async with ordered_map(batches, self._fetch, concurrency=self._concurrency) as answers:
                async for answer in answers:
                    found |= answer
                    if self._kept.maxsize:
                        self._kept.update(answer)
        return {each: emoji for each in wanted if (emoji := found[each]) is not None}

    async def _fetch(self, ids: Sequence[int]) -> dict[int, CustomEmoji | None]:
        answer = await self._ask(GetCustomEmojiDocumentsRequest([*ids]), list)
        found: dict[int, CustomEmoji | None] = dict.fromkeys(ids)
        for document in answer:
            if isinstance(document, types.Document) and document.id in found:
                found[document.id] = CustomEmoji(document.id, _alt(document), document)
        return found


def _alt(document: types.Document) -> str:
    for attribute in document.attributes:
        if isinstance(attribute, types.DocumentAttributeCustomEmoji):
            return attribute.alt
    return ""


class Batches:
    """Items, so many at a time, as a source of `ordered_map`."""

    def __init__(self, items: Sequence[int], size: int) -> None:
        self._parts = iter([items[at : at + size] for at in range(0, len(items), size)])

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[int]:
        """Return the next batch."""
        for part in self._parts:
            return part
        raise StopAsyncIteration
