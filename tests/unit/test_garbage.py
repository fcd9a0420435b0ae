"""The threshold of the garbage collector is raised on request, and put back."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from telefast import ArgumentError, relaxed_gc


@pytest.fixture(autouse=True)
def _before() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_it_is_raised_and_put_back() -> None:
    """The first number only, and by an error, too."""
    with relaxed_gc(5_000):
        assert gc.get_threshold() == (5_000, 10, 10)
        assert gc.isenabled()
    assert gc.get_threshold() == (700, 10, 10)
    with pytest.raises(KeyError), relaxed_gc(5_000):
        raise KeyError
    assert gc.get_threshold() == (700, 10, 10)


def test_the_highest_holds() -> None:
    """Blocks may overlap in any order; the last one puts back what was there before."""
    first, second = relaxed_gc(5_000), relaxed_gc(9_000)
    first.__enter__()
    second.__enter__()
    assert gc.get_threshold()[0] == 9_000
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] == 9_000
    with relaxed_gc(8_000):
        assert gc.get_threshold()[0] == 9_000
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 10, 10)


def test_a_higher_one_stays() -> None:
    """So does 0, by which there are no collections."""
    for own in (100_000, 0):
        gc.set_threshold(own, 10, 10)
        with relaxed_gc():
            assert gc.get_threshold()[0] == own
        assert gc.get_threshold()[0] == own


def test_what_the_program_sets_stays() -> None:
    """Whoever sets a threshold meanwhile keeps it, until all blocks have ended and after."""
    with relaxed_gc(5_000):
        with relaxed_gc(6_000):
            gc.set_threshold(1_000, 20, 30)
        assert gc.get_threshold() == (1_000, 20, 30)
        with relaxed_gc(7_000):
            assert gc.get_threshold() == (1_000, 20, 30)
    assert gc.get_threshold() == (1_000, 20, 30)
    with relaxed_gc(5_000):
        assert gc.get_threshold() == (5_000, 20, 30)
    assert gc.get_threshold() == (1_000, 20, 30)


async def test_cancellation_puts_it_back() -> None:
    """A task that is cancelled within the block leaves nothing behind."""

    async def read() -> None:
        with relaxed_gc():
            began.set()
            await asyncio.Event().wait()

    began = asyncio.Event()
    task = asyncio.create_task(read())
    await began.wait()
    assert gc.get_threshold()[0] == 50_000
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gc.get_threshold() == (700, 10, 10)


def test_no_other_threshold() -> None:
    """Zero would turn the collector off, which this does not do."""
    for wrong in (0, -1, True, "many"):
        with pytest.raises(ArgumentError), relaxed_gc(wrong):  # type: ignore[arg-type]
            pass
    assert gc.get_threshold() == (700, 10, 10)
