"""What is said to `wrap` about downloads holds for all of them: settings, caches, policies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from telethon import TelegramClient
from telethon.sessions import MemorySession

from telefast import ArgumentError, MediaDedupeCache, PartSizeTuner, Settings, items_of, wrap
from tests.client.media_scene import GET_FILE, KIB, MIB, names, scene, sha, whole

HASH = "0123456789abcdef0123456789abcdef"


async def test_the_size_of_parts_is_that_of_the_settings() -> None:
    """`part_size_kb` reaches the downloads of the wrapped client; an option beats it."""
    async with scene(MIB) as here:
        message = await here.message()
        for options, limit in (({}, 64 * KIB), ({"part_size": 256 * KIB}, 256 * KIB)):
            before = len(here.asked)
            fast = wrap(here.client, Settings(part_size_kb=64), **options)  # type: ignore[arg-type]
            assert here.content(1) == await fast.download_media(message, bytes)
            assert {limit} == {size for _, size in here.asked[before:]}


async def test_options_of_both_pieces_reach_both() -> None:
    """`max_flood_wait` and `timeout` are for pages and for parts; no deadline is none for pages."""
    async with scene(1000) as here:
        tuner = PartSizeTuner(max_connections=2)
        fast = wrap(here.client, timeout=None, max_flood_wait=0, tuner=tuner, memory=MIB)
        assert fast.downloads.tuner is tuner
        assert fast.downloads is fast.downloads
        assert 1000 == len(await fast.download_media(await here.message(), bytes))
        assert 1 == len([m async for m in fast.iter_messages("files")])


@pytest.mark.parametrize(
    "options",
    [
        {"part_size": 5},
        {"memory": 0},
        {"max_connections": 9},
        {"timeout": -1},
        {"max_size": 5},
        {"tuner": PartSizeTuner(), "part_size": 4096},
    ],
    ids=lambda options: ",".join(options),
)
def test_illegal_options_die_at_once(options: dict[str, Any]) -> None:
    """Not at the first download."""
    with pytest.raises(ArgumentError):
        wrap(TelegramClient(MemorySession(), 1, HASH), **options)
    with pytest.raises(ArgumentError, match="no such argument"):
        wrap(TelegramClient(MemorySession(), 1, HASH)).iter_messages("chat", part_size=4096)


async def test_a_policy_for_all_calls() -> None:
    """What `wrap` was told decides; what a call is told decides before it."""
    async with scene(1000) as here:
        message = await here.message()
        message.noforwards = True
        fast = wrap(here.client, policy=lambda message, item: True)
        assert 1000 == len(await fast.download_media(message, bytes))
        assert await fast.download_media(message, bytes, policy=lambda *_: False) is None
        assert [here.content(1)] == await fast.iter_download(message).collect()
        assert await wrap(here.client).download_media(message, bytes) is None


@pytest.mark.parametrize("mode", ["reuse", "hardlink", "copy"])
@pytest.mark.parametrize("name", ["", "given.bin"], ids=["chosen", "given"])
async def test_a_file_that_is_here_is_not_downloaded_again(
    mode: Any, name: str, tmp_path: Path
) -> None:
    """The path that is returned is where it is: of the first download, or of a link or copy."""
    async with scene(3 * MIB, 1000) as here:
        message, content = await here.message(), here.content(1)
        async with MediaDedupeCache(link_mode=mode) as cache:
            fast = wrap(here.client, dedupe=cache)
            first = await fast.download_media(message, f"{tmp_path}/one/")
            asked = here.counts[GET_FILE]
            second = await fast.download_media(message, f"{tmp_path}/two/{name}")
            assert asked == here.counts[GET_FILE]
            assert [sha(content)] * 2 == [whole(Path(each)) for each in (first, second)]
            assert (first == second) == (mode == "reuse")
            if mode != "reuse":
                assert [Path(second).name] == names(tmp_path / "two")
                assert (tmp_path / "two").is_dir()
                assert name in ("", Path(second).name)
            assert (1, 1) == (cache.stats().hits, cache.stats().misses)
            assert content == await fast.download_media(message, bytes)  # not a path: not asked
            assert asked < here.counts[GET_FILE]
            other = await fast.download_media(await here.message(2), tmp_path)
            assert sha(here.content(2)) == whole(Path(other))
            assert (1, 2) == (cache.stats().hits, cache.stats().misses)


async def test_a_given_name_gets_the_right_bytes(tmp_path: Path) -> None:
    """What lies at a given name, of any size, is replaced: by what the cache knows, too."""
    async with scene(1000, 1000) as here:
        first, second = await here.messages()
        async with MediaDedupeCache(link_mode="copy") as cache:
            fast, target = wrap(here.client, dedupe=cache), tmp_path / "file.bin"
            for message, number in ((first, 1), (second, 2), (first, 1), (second, 2)):
                target.write_bytes(b"x" * 1000) if number == 1 else None
                assert str(target) == await fast.download_media(message, str(target))
                assert here.content(number) == target.read_bytes()
        [item] = items_of(first)
        assert item.key is not None


async def test_a_download_of_the_downloader_is_known(tmp_path: Path) -> None:
    """`fast.downloads` and `download_media` share one cache."""
    async with scene(MIB) as here:
        message = await here.message()
        async with MediaDedupeCache() as cache:
            fast = wrap(here.client, dedupe=cache)
            done = await fast.downloads.download(message, tmp_path / "a.bin")
            asked = here.counts[GET_FILE]
            assert str(done.path) == await fast.download_media(message, str(tmp_path / "b.bin"))
            assert asked == here.counts[GET_FILE]


@pytest.mark.parametrize("mode", ["reuse", "hardlink", "copy"])
async def test_a_second_run_over_given_names(mode: Any, tmp_path: Path) -> None:
    """Nothing is fetched, nothing is touched."""
    async with scene(1000, MIB) as here:
        for run in range(2):
            async with MediaDedupeCache(tmp_path / "files.db", link_mode=mode) as cache:
                fast = wrap(here.client, dedupe=cache)
                for message in await here.messages():
                    target = str(tmp_path / f"{message.id}.bin")
                    assert target == await fast.download_media(message, target)
                    assert sha(here.content(message.id)) == whole(Path(target))
                if not run:
                    asked = here.counts[GET_FILE]
        assert asked == here.counts[GET_FILE]
