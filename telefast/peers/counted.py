"""Caches that count what they forget."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cachetools import Cache, LRUCache, TTLCache

if TYPE_CHECKING:
    from telefast.metrics import Metrics

    _Least = LRUCache[Any, Any]
    _Aging = TTLCache[Any, Any]
else:
    _Least, _Aging = LRUCache, TTLCache

_size: Any = Cache.currsize.__get__  # of the cache as it is: its own property expires first

__all__ = ["AgingCache", "CountedCache"]


class CountedCache(_Least):
    """Forget what was not asked for longest, and count it as `peer_cache_evictions`."""

    def __init__(self, maxsize: int, metrics: Metrics) -> None:
        super().__init__(maxsize)
        self._metrics = metrics

    def popitem(self) -> tuple[Any, Any]:
        """Make room."""
        self._metrics.add("peer_cache_evictions")
        return super().popitem()


class AgingCache(_Aging):
    """Forget by age, and count it as `peer_cache_expirations`; by number, as evictions."""

    def __init__(
        self, maxsize: int, ttl: float, clock: Callable[[], float], metrics: Metrics
    ) -> None:
        super().__init__(maxsize, ttl, clock)
        self._metrics = metrics

    def expire(self, time: float | None = None) -> Any:
        """Forget what is too old."""
        before = _size(self)
        found = super().expire(time)
        if gone := before - _size(self):
            self._metrics.add("peer_cache_expirations", gone)
        return found

    def popitem(self) -> tuple[Any, Any]:
        """Make room."""
        self._metrics.add("peer_cache_evictions")
        return super().popitem()
