"""Everything at once: files of any size, faults of any kind, stopped at any moment, by seed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import pytest

from telefast.media.parts import LEGAL_SIZES
from telefast.testing import (
    ErrorOn,
    ExpireReferences,
    LoseReply,
    NeverAnswer,
    RefuseConnection,
    RevokeAccount,
    Rule,
    ShortPart,
    run_virtual,
)
from tests.client.media_scene import GET_FILE, MIB, names, scene, sha


def faults(rng: Random) -> tuple[Rule, ...]:
    """Return some of them, at random calls; none that a download may not bear."""

    def nth(count: int) -> list[int]:
        return rng.sample(range(1, 60), count)

    made: list[tuple[float, Any]] = [
        (0.5, lambda: ShortPart(nth=nth(3), keep=rng.choice([0, 1, 4096, 5000, 70_000]))),
        (0.5, lambda: LoseReply(GET_FILE, nth=nth(3), share=rng.random())),
        (0.4, lambda: ErrorOn(GET_FILE, 420, f"FLOOD_WAIT_{rng.randint(1, 30)}", nth=nth(2))),
        (0.4, lambda: ErrorOn(GET_FILE, 420, "FLOOD_PREMIUM_WAIT_5", nth=nth(2))),
        (0.4, lambda: ErrorOn(GET_FILE, -503, "Timeout", nth=nth(3))),
        (0.4, lambda: ErrorOn(GET_FILE, 500, "RPC_CALL_FAIL", nth=nth(2))),
        (0.5, lambda: ExpireReferences(nth=nth(2))),
        (0.4, lambda: NeverAnswer(GET_FILE, nth=nth(2))),
        (0.2, lambda: RefuseConnection(nth=rng.randint(2, 5), dc=4)),
        (0.2, lambda: RevokeAccount("AUTH_KEY_UNREGISTERED", log_out=True, dc=4, nth=nth(1))),
    ]
    return tuple(make().maybe() for odds, make in made if rng.random() < odds)


async def collect(stream: Any) -> list[Any]:
    """Return all results; leave the stream in any case."""
    async with stream:
        return [each async for each in stream]


@pytest.mark.parametrize("seed", range(8))
def test_all_files_come_exactly(seed: int, tmp_path: Path) -> None:
    """Whatever happens: in the end each file has its bytes, nothing lies beside it.

    No request was illegal, and what was stopped in the middle has been gone on with.
    """

    async def run() -> None:
        rng = Random(seed)
        part = rng.choice(LEGAL_SIZES[2:])
        sizes = [
            rng.choice(
                [0, 1, 100, part - 1, part, part + 1, rng.randint(1, min(20 * part, 2 * MIB))]
            )
            for _ in range(rng.randint(1, 12))
        ]
        rtt = rng.choice([0.0, 0.01, 0.05])
        async with scene(*sizes, rules=faults(rng), dc_ids=(2, 4), rtt=rtt) as here:
            messages = await here.messages()
            options = {"part_size": part, "memory": rng.choice([part, 4 * part, 8 * MIB])}
            downloader = here.downloader(timeout=20, verify=rng.random() < 0.5, **options)
            if rng.random() < 0.5:
                stream = downloader.download_all(messages, tmp_path, files=rng.choice([1, 4, 64]))
                task = asyncio.ensure_future(collect(stream))
                await asyncio.wait({task}, timeout=rng.random() * 3)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                downloader = here.downloader(timeout=20)
            found = await collect(downloader.download_all(messages, tmp_path))
            assert [each.error for each in found] == [None] * len(sizes)
            for each in found:
                assert sha(each.path.read_bytes()) == sha(here.content(each.source.id))
            assert not [name for name in names(tmp_path) if ".part" in name]
            assert not here.telegram.client_faults

    run_virtual(run)
