"""`on_progress` counts what the consumer was handed, and its errors are the consumer's."""

from __future__ import annotations

import pytest

from telefast import BatchedHistory
from telefast.testing import ClampAddOffset, LocalTelegram, Restricted
from tests.client.exact import club, down, ids_of, read


@pytest.mark.parametrize("batch_size", [1, 100, 150, 1000])
async def test_progress_rises_to_the_total(batch_size: int) -> None:
    """By batches of any size the count only rises, and ends at the number of messages."""
    seen: list[tuple[int, int | None]] = []
    world, _ = club(500)
    async with LocalTelegram(world) as telegram, telegram.client() as client:
        history = BatchedHistory(
            client, "club", batch_size=batch_size, on_progress=lambda *now: seen.append(now)
        )
        async with history:
            assert 500 == sum([len(batch) async for batch in history.batches()])
    assert sorted(set(seen)) == seen
    assert (500, 500) == seen[-1]


@pytest.mark.parametrize("by_batches", [False, True])
async def test_an_error_of_the_callback_comes_once_and_costs_nothing(by_batches: bool) -> None:
    """The consumer gets the error, goes on, and has every message in the end."""
    calls = 0

    def fail_once(taken: int, total: int | None) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise ValueError("third page")

    world, _ = club(500)
    got: list[int | None] = []
    errors = 0
    async with (
        LocalTelegram(world) as telegram,
        telegram.client() as client,
        BatchedHistory(client, "club", on_progress=fail_once) as history,
    ):
        batches = history.batches() if by_batches else None
        while True:
            try:
                if batches is not None:
                    got += ids_of((await anext(batches)).messages)
                else:
                    got += ids_of([await anext(history)])
            except StopAsyncIteration:
                break
            except ValueError:
                errors += 1
    assert (down(500), 1) == (got, errors)


@pytest.mark.parametrize("by_id", [True, False])
@pytest.mark.parametrize(
    ("hidden", "arguments"),
    [
        (range(3000, 3100), {"reverse": True, "offset_id": 2999}),
        (range(3000, 3150), {"reverse": True, "min_id": 2999, "concurrency": 16}),
        (range(3000, 3250), {"offset_id": 3250}),
        (range(700, 5001), {"max_id": 2500, "min_id": 50}),
        (range(3000, 3200), {"request_size": 10}),
        (range(1, 1300), {"reverse": True}),
    ],
    ids=str,
)
async def test_hidden_runs_end_nothing(
    by_id: bool, hidden: range, arguments: dict[str, int]
) -> None:
    """A run that the history hides, right at the beginning of a walk too, hides nothing else."""
    world, chat = club(5000)
    low, high = arguments.get("min_id", 0), arguments.get("max_id", 5001)
    start, reverse = arguments.get("offset_id", 0), arguments.get("reverse", False)
    owed = [i for i in range(1, 5001) if low < i < high and i not in hidden]
    if start:
        owed = [i for i in owed if (i > start if reverse else i < start)]
    rules = [Restricted(hidden, by_id=by_id)]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        got = ids_of(await read(client, chat.input_peer(), **arguments))
    assert (owed if reverse else owed[::-1]) == got


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        ({"add_offset": 500}, 500),
        ({"add_offset": -400, "offset_id": 300}, 699),
        ({"add_offset": -60, "offset_id": 100, "reverse": True}, 161),
        ({"add_offset": 300, "offset_id": 800, "reverse": True}, 501),
    ],
    ids=str,
)
async def test_a_shift_beyond_what_the_server_honours_is_counted(
    arguments: dict[str, int], first: int
) -> None:
    """Where the server clamps `add_offset`, telefast counts the messages itself."""
    world, chat = club(1000)
    rules = [ClampAddOffset(150)]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        got = ids_of(await read(client, chat.input_peer(), limit=200, **arguments))
    assert first == got[0]
    assert 200 == len(got)


async def test_a_run_too_long_to_look_behind_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """More than 2,000 hidden messages in a row end the walk with a warning, never in silence."""
    world, chat = club(6000)
    rules = [Restricted(range(1000, 4000), by_id=False)]
    async with LocalTelegram(world, rules=rules) as telegram, telegram.client() as client:
        got = ids_of(await read(client, chat.input_peer()))
    assert down(6000, 4000) == got
    assert "history ended missing=3999 total=6000" in caplog.text
