"""A core for the server, the others for who asks it: so neither waits for the other's time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

__all__ = ["others", "servers"]


def servers() -> AbstractContextManager[None]:
    """Start processes on the last core; does nothing where there is only one, or no choice."""
    return _on(slice(-1, None))


def others() -> AbstractContextManager[None]:
    """Run, and start processes, on all cores but the last."""
    return _on(slice(None, -1))


@contextmanager
def _on(which: slice) -> Iterator[None]:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        yield
        return
    os.sched_setaffinity(0, cores[which])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
