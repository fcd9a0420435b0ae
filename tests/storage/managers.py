"""Cache managers that other programs have, as stubs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class SyncManager:
    """`get` and `set`, at once."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.kept.get(key)

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = value


class AsyncManager:
    """`get`, `set` and `delete`, to be awaited."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    async def get(self, key: str) -> Any:
        return self.kept.get(key)

    async def set(self, key: str, value: Any) -> None:
        self.kept[key] = value

    async def delete(self, key: str) -> None:
        del self.kept[key]


class ConfusedManager(AsyncManager):
    """Gives text that looks like JSON back parsed."""

    async def get(self, key: str) -> Any:
        value = self.kept.get(key)
        return json.loads(value) if value else value


class PathManager:
    """Keeps paths only; what it was given once it does not let go."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def get_file_path(self, key: str) -> Path | None:
        return Path(self.kept[key]) if key in self.kept else None

    async def store_file_path(self, key: str, path: str) -> None:
        self.kept[key] = path
