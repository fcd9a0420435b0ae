"""A cache manager that a program has already, as the store of `MediaDedupeCache`."""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from cachetools import LRUCache

from telefast.errors import ArgumentError
from telefast.media.dedupe_rules import Entry, decode, encode
from telefast.media.dedupe_store import EntryStore, MemoryStore, SqliteStore

__all__ = ["ManagerStore", "store_of"]

_PREFIX = "telefast_"
"""Before each key, as others use the same manager."""


class ManagerStore:
    """Keep entries in a foreign cache manager, and what was used lately in memory.

    Its methods may be coroutine functions. Ordinary ones are called on the loop, as nothing says
    that they may be called in a thread: they should be quick. What it raises passes through.

    Entries of other runs are found by key only, so that `move` and `pages` know those of this run.

    Args:
        manager: Has `get(key)` and `set(key, value)`, or `get` and `[key] = value` as a mapping;
            or else `get_file_path(key)` and `store_file_path(key, path)`. What is stale is removed
            by `delete(key)`, by `pop(key, None)` of a mapping, or by `set(key, "")`.
        max_entries: How many are in memory at most.

    Raises:
        ArgumentError: If it has none of these.
    """

    def __init__(self, manager: Any, max_entries: int) -> None:
        self._manager = manager
        self._recent = MemoryStore(max_entries)
        self._dropped: LRUCache[str, str] = LRUCache(max_entries)
        self._is_mapping = not _has(manager, "get", "set") and _has(manager, "get", "__setitem__")
        self._is_paths = not self._is_mapping and not _has(manager, "get", "set")
        if self._is_paths and not _has(manager, "get_file_path", "store_file_path"):
            raise ArgumentError(
                "store",
                type(manager).__name__,
                "a path, None, or a manager with get and set, or get_file_path and store_file_path",
            )

    async def find(self, key: str) -> Entry | None:
        """Ask the manager; memory says more of the same file, and what the manager forgot."""
        recent, asked = await self._recent.find(key), await self._ask(key)
        if asked is None or (recent is not None and recent.path == asked.path):
            return recent
        await self._recent.keep(key, asked)
        return asked

    async def keep(self, key: str, entry: Entry) -> None:
        """Keep it in both."""
        await self._recent.keep(key, entry)
        self._dropped.pop(key, None)
        if self._is_paths:
            await self._call("store_file_path", key, entry.path)
        else:
            await self._call("__setitem__" if self._is_mapping else "set", key, encode(entry))

    async def drop(self, key: str, entry: Entry) -> bool:
        """Remove it from both; a manager of paths that cannot is not believed in this run."""
        await self._recent.drop(key, entry)
        asked = await self._ask(key)
        if asked is None or asked.path != entry.path:
            return False
        if _has(self._manager, "delete"):
            await self._call("delete", key)
        elif self._is_mapping and _has(self._manager, "pop"):
            await self._call("pop", key, None)
        elif self._is_paths:
            self._dropped[key] = entry.path
        else:
            await self._call("set", key, "")
        return True

    async def move(self, old: Path, new: Path) -> int:
        """Change those of this run, in both."""
        before = {key: entry async for page in self.pages() for key, entry in page}
        count = await self._recent.move(old, new)
        after = [pair async for page in self.pages() for pair in page]
        for key, entry in after:
            if entry != before[key]:
                await self.keep(key, entry)
        return count

    def pages(self) -> AsyncIterator[list[tuple[str, Entry]]]:
        """Iterate over those of this run."""
        return self._recent.pages()

    async def aclose(self) -> None:
        """Forget those of this run; the manager is its owner's."""
        await self._recent.aclose()

    async def _ask(self, key: str) -> Entry | None:
        value = await self._call("get_file_path" if self._is_paths else "get", key)
        entry = decode(os.fspath(value) if isinstance(value, os.PathLike) else value)
        return None if entry is None or entry.path == self._dropped.get(key) else entry

    async def _call(self, method: str, key: str, *args: Any) -> Any:
        result = getattr(self._manager, method)(f"{_PREFIX}{key}", *args)
        return await result if inspect.isawaitable(result) else result


def _has(manager: Any, *methods: str) -> bool:
    return all(callable(getattr(manager, name, None)) for name in methods)


def store_of(store: Any, max_entries: int) -> EntryStore:
    """Return the store for a path, None or a manager.

    Raises:
        ArgumentError: If it is none of these.
    """
    if store is None:
        return MemoryStore(max_entries)
    if isinstance(store, str | os.PathLike):
        return SqliteStore(Path(store))
    return ManagerStore(store, max_entries)
