"""How fast files come, in virtual time and in requests: over TCP, from the embedded Telegram."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest
from telethon import types

from telefast import MediaDownloader, PartSizeTuner, Pool
from telefast.media.tuning import flying_of
from telefast.testing import DataCentre, LocalTelegram, World, put_media, virtual_time
from telefast.transport.account import Account
from tests.client.media_scene import GET_FILE, KIB, MIB, scene
from tests.unit.download_model import Fixed, Network, Tuned, run

NETWORKS = {
    "each connection 12.5 MB/s": Network(rtt=0.03, line=12.5e6),
    "each connection 5 MB/s": Network(rtt=0.1, line=5e6),
    "20 MB/s in all": Network(rtt=0.05, dc=20e6),
    "far, both limits": Network(rtt=0.2, dc=10e6, line=4e6),
    "near and fast": Network(rtt=0.01, dc=50e6, line=25e6),
    "far, with jitter": Network(rtt=0.3, dc=8e6, jitter=0.03),
}
"""Six of those that the tuner is tried on (`tests/unit/test_tuner_networks.py`)."""


def options(network: Network) -> dict[str, Any]:
    """Return what makes the embedded Telegram such a network."""
    return {
        "rtt": network.rtt,
        "jitter": network.jitter,
        "bandwidth": network.line if math.isfinite(network.line) else None,
        "dc_bandwidth": network.dc if math.isfinite(network.dc) else None,
    }


def best(network: Network) -> float:
    """Return the bytes per second of the best fixed choice, by the model."""
    return max(
        run(network, Fixed(size * KIB, in_flight * MIB, count), warm=200, parts=250).speed
        for size in (64, 128, 256, 512)
        for in_flight in (1, 4, 16)
        for count in (1, 2, 4, 8)
    )


async def timed(downloader: MediaDownloader, item: Any) -> tuple[float, bytes | None]:
    """Download to memory; return the virtual seconds that took, and the bytes."""
    begun = asyncio.get_running_loop().time()
    result = await downloader.download(item, bytes)
    return asyncio.get_running_loop().time() - begun, result.data


def in_time(seconds: float, size: int, network: Network) -> bool:
    """Return whether that is within 15 % of the best, but for the beginning: 1.5 round trips."""
    return 0.85 * (seconds - 1.5 * (network.rtt + network.jitter)) <= size / best(network)


def sizes_in(folder: Path) -> list[int]:
    """Return the sizes of all files."""
    return [path.stat().st_size for path in folder.iterdir()]


@pytest.mark.parametrize("name", NETWORKS)
@virtual_time
async def test_what_was_learned_holds_over_tcp(name: str) -> None:
    """What the tuner has learned on a simulated network is as good on a real connection.

    Its first download is within 15 % of the best fixed choice, with as many connections.
    """
    network, size = NETWORKS[name], 24 * MIB
    model = Tuned()
    run(network, model, warm=800, parts=400)
    tuner = PartSizeTuner()
    tuner.restore(model.tuner.snapshot())
    wanted = tuner.connections(2)
    async with scene(size, **options(network)) as here:
        item = await here.item()
        await Pool.of(here.client).prewarm([2], connections=wanted)
        seconds, data = await timed(MediaDownloader(here.client, tuner=tuner), item)
        assert data == here.content(1)
        assert in_time(seconds, size, network), (seconds, size / best(network))
        assert here.counts.peak_in_flight_by[GET_FILE] <= 16 * MIB // (64 * KIB)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@virtual_time
async def test_the_tuner_learns_over_tcp(name: str) -> None:
    """After nine files most of the next three are within 15 % of the best fixed choice."""
    network, size = NETWORKS[name], 32 * MIB
    async with scene(size, **options(network)) as here:
        item, downloader = await here.item(), MediaDownloader(here.client)
        taken = [(await timed(downloader, item))[0] for _ in range(12)]
        assert in_time(sorted(taken[-3:])[1], size, network), (taken, size / best(network))


@virtual_time
async def test_many_photos_at_three_data_centres(tmp_path: Path) -> None:
    """Each photo is one request, at the data centre that has it; two logins are carried over.

    And many are under way at once: one after the other they would take 300 round trips.
    """
    dc_ids, count, rtt = (2, 1, 4), 300, 0.05
    world = World(seed=3, dc_ids=dc_ids)
    channel = world.add_channel("Photos", username="photos")
    for number in range(count):
        sizes = [types.PhotoSize("x", 800, 600, 100_000)]
        photo = world.file_store.photo(sizes, dc_id=dc_ids[number % 3])
        put_media(channel, types.MessageMediaPhoto(photo=photo))
    centres = [DataCentre(each) for each in dc_ids[1:]]
    server = LocalTelegram(world, rtt=rtt, data_centres=centres)
    async with server as telegram, telegram.client() as client:
        messages = await client.get_messages("photos", limit=count)
        begun = asyncio.get_running_loop().time()
        async with MediaDownloader(client).download_all(messages, tmp_path) as results:
            statuses = [result.status async for result in results]
        assert statuses == ["done"] * count
        assert sizes_in(tmp_path) == [100_000] * count
        assert telegram.requests[GET_FILE] == count
        assert not telegram.requests.errors
        assert telegram.requests["auth.exportAuthorization"] == 2
        assert asyncio.get_running_loop().time() - begun < count * rtt / 8
        await Account.of(client).aclose()


async def test_a_disk_that_is_busy_does_not_stop_the_line() -> None:
    """While the first write waits, all parts that memory has room for are asked for, and no more.

    Without that the line would be idle as soon as what may be in flight has come.
    """
    free = asyncio.Event()

    class Busy:
        data = b""

        async def write(self, data: bytes) -> None:
            await free.wait()
            self.data += data

    async with scene(12 * MIB) as here:
        downloader = MediaDownloader(here.client, part_size=64 * KIB, memory=8 * MIB)
        target = Busy()
        task = asyncio.ensure_future(downloader.download(await here.item(), target))
        window = downloader.tuner.window(2)
        assert window * 64 * KIB <= 2 * MIB
        await here.counts.until(lambda counts: counts[GET_FILE] >= 8 * MIB // (64 * KIB) - 1)
        assert not target.data
        free.set()
        await task
        assert downloader.peak_memory <= 8 * MIB
        assert target.data == here.content(1)


async def test_downloaders_of_one_account_share_what_may_be_in_flight() -> None:
    """Four at once have no more in flight than one, but for a part of each."""
    async with scene(*[6 * MIB] * 4, rtt=0.01) as here:
        downloaders = [MediaDownloader(here.client, part_size=64 * KIB) for _ in range(4)]
        items = [await here.item(number) for number in (1, 2, 3, 4)]
        tuner, most = downloaders[0].tuner, 0
        downloads = [
            asyncio.ensure_future(each.download(item, bytes))
            for each, item in zip(downloaders, items, strict=True)
        ]
        while not all(each.done() for each in downloads):
            await asyncio.sleep(0)
            most = max(most, tuner.window(2))
        assert here.counts.peak_in_flight_by[GET_FILE] <= most + 3
        for number, each in enumerate(downloads):
            assert each.result().data == here.content(number + 1)
        assert set(flying_of(Account.of(here.client)).values()) == {0}


@pytest.mark.parametrize("when", [0, 1, 5, 40])
async def test_nothing_is_in_flight_after_a_cancellation(when: int) -> None:
    """Wherever it comes: so it takes no place from later downloads."""
    async with scene(6 * MIB) as here:
        downloader, item = MediaDownloader(here.client, part_size=64 * KIB), await here.item()
        task = asyncio.ensure_future(downloader.download(item, bytes))
        if when:
            await here.counts.until(lambda counts: counts[GET_FILE] >= when)
        else:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert set(flying_of(Account.of(here.client)).values()) <= {0}
        assert (await downloader.download(item, bytes)).data == here.content(1)
