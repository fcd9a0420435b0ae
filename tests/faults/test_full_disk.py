"""Disks that are really full: all downloads stop, nothing that has come is lost, and all go on."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from telefast.errors import DiskFullError
from telefast.media.files import PartFile
from tests.client.media_scene import GET_FILE, MIB, PART, names, scene, sha

ROOT = Path(__file__).parents[2]

CHILD = """
import asyncio, hashlib, json, resource, subprocess, sys
from pathlib import Path
from telethon import TelegramClient
from telethon.sessions import StringSession
from telefast.errors import DiskFullError
from telefast.media.downloader import MediaDownloader

order = json.loads(sys.argv[1])
folder = Path(order["folder"])

def fill():
    if order["how"] == "limit":
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["room"], hard))

def make_room():
    if order["how"] == "limit":
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    else:
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)

async def main():
    client = TelegramClient(StringSession(order["session"]), 1, "x" * 32)
    await client.connect()
    messages = list(reversed(await client.get_messages("files", 2)))
    downloader = MediaDownloader(client, part_size=512 * 1024, memory=2 * 1024 * 1024)
    fill()
    tasks = [
        asyncio.ensure_future(downloader.download(each, folder / str(each.id)))
        for each in messages
    ]
    failed = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(each) for each in failed] == [DiskFullError] * 2, failed
    print(json.dumps({"path": failed[0].path, "size": failed[0].size}), flush=True)
    sys.stdin.readline()
    left = sorted(each.name for each in folder.iterdir())
    make_room()
    found = []
    for each in messages:
        result = await downloader.download(each, folder / str(each.id))
        data = (folder / str(each.id)).read_bytes()
        found.append([result.resumed_from, result.parts, hashlib.sha256(data).hexdigest()])
    print(json.dumps({"left": left, "found": found, "then": sorted(
        each.name for each in folder.iterdir())}), flush=True)
    await client.disconnect()

asyncio.run(main())
"""


def own_disk(folder: Path) -> list[str] | None:
    """Return what runs a command with a file system of 5 MiB at *folder*; None if nothing can."""
    if not (sys.platform == "linux" and shutil.which("unshare")):
        return None
    script = f'mount -t tmpfs -o size=5m tmpfs "{folder}" && exec "$@"'
    command = ["unshare", "-rm", "sh", "-c", script, "sh"]
    try:
        done = subprocess.run([*command, "true"], capture_output=True, timeout=20, check=False)
    except OSError:
        return None
    return command if done.returncode == 0 else None


@pytest.mark.skipif(os.name != "posix", reason="limits and mounts")
@pytest.mark.parametrize("how", ["limit", "disk"])
async def test_o42_a_disk_that_is_really_full(how: str, tmp_path: Path) -> None:
    """One error for both; no further request; and what had come is not asked for again.

    Once by a limit on the size of files (EFBIG), once on a file system of 5 MiB (ENOSPC).
    """
    folder = tmp_path / "media"
    folder.mkdir()
    command = own_disk(folder) if how == "disk" else []
    if command is None:
        pytest.skip("needs user namespaces, for a file system of its own")
    async with scene(9 * MIB, 9 * MIB) as here:
        order: dict[str, Any] = {
            "session": here.telegram.session_string(),
            "folder": str(folder),
            "how": how,
            "room": 3 * MIB - 5,
        }
        process = await asyncio.create_subprocess_exec(
            *command,
            *(sys.executable, "-c", CHILD, json.dumps(order)),
            cwd=ROOT,
            env=os.environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        said = json.loads(await process.stdout.readline())
        assert said["path"] in {str(folder / "1"), str(folder / "2")}
        assert 0 < said["size"] <= 9 * MIB
        asked = here.counts[GET_FILE]
        assert asked <= 18 * 2
        process.stdin.write(b"go on\n")
        told = json.loads(await process.stdout.readline())
        assert await process.wait() == 0
        assert set(told["left"]) <= {
            "1.telefast.part",
            "1.telefast.part.map",
            "2.telefast.part",
            "2.telefast.part.map",
        }
        assert told["then"] == ["1", "2"]
        assert [each[2] for each in told["found"]] == [sha(here.content(1)), sha(here.content(2))]
        kept = sum(each[0] for each in told["found"])
        again = sum(each[1] for each in told["found"])
        assert here.counts[GET_FILE] - asked == again
        assert kept >= 2 * MIB
        # What is missing, and of each file a part that gave its room to the map or was asked twice.
        assert again * PART <= 18 * MIB - kept + 4 * PART
        print(f"{how}: {kept / MIB:.2f} MiB were kept; {again} parts of {PART // 1024} KiB then")


FORUM = """
import asyncio, json, subprocess, sys
from pathlib import Path
from telefast import DiskFullError
from tests.storage.layout_scene import files, message, one_pass

order = json.loads(sys.argv[1])
disk, fresh = Path(order["folder"]), Path(order["fresh"])

def chat():
    return [message(number, f"{number} " + "x" * 3000) for number in range(1, 1001)]

async def main():
    await one_pass(fresh, chat())
    await one_pass(disk, chat()[:300])
    old, new = files(disk), files(fresh)
    try:
        await one_pass(disk, chat())
    except DiskFullError as error:
        failed = error
    left = files(disk)
    assert all(data in (old.get(name), new.get(name)) for name, data in left.items()), left.keys()
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    told = await one_pass(disk, chat())
    assert files(disk) == new
    print(json.dumps({"path": failed.path, "added": sum(each.added for each in told)}))

asyncio.run(main())
"""


async def test_a_forum_on_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """A typed error; each page is whole, old or new; with room again the next run completes all."""
    folder = tmp_path / "export"
    folder.mkdir()
    command = own_disk(folder)
    if command is None:
        pytest.skip("needs user namespaces, for a file system of its own")
    order = {"folder": str(folder), "fresh": str(tmp_path / "fresh")}
    process = await asyncio.create_subprocess_exec(
        *command,
        *(sys.executable, "-c", FORUM, json.dumps(order)),
        cwd=ROOT,
        env=os.environ,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    told = json.loads(said)
    assert told["path"].startswith(str(folder))
    assert 0 <= told["added"] <= 700


async def test_small_files_stop_the_others_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room for the file of one part: the large one under way ends with the same error."""
    begun = asyncio.Event()

    def full(self: PartFile, pieces: Any) -> None:
        with self._room():
            if self.target.name == "2":
                raise OSError(28, "No space left on device")
        write(self, pieces)

    write = PartFile.write
    monkeypatch.setattr(PartFile, "write", full)
    async with scene(20 * MIB, 1000) as here:
        downloader = here.downloader(memory=PART)
        large = asyncio.ensure_future(
            downloader.download(
                await here.message(1), tmp_path / "1", progress=lambda *_: begun.set()
            )
        )
        await begun.wait()
        with pytest.raises(DiskFullError) as first:
            await downloader.download(await here.message(2), tmp_path / "2")
        with pytest.raises(DiskFullError) as second:
            await large
        assert first.value is second.value
        assert names(tmp_path) == ["1.telefast.part", "1.telefast.part.map"]
