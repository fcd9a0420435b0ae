"""The files in `examples/`, run as their first lines say."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from telefast import ChunkStore
from telefast.media.names import key_in

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.e2e


def _run(folder: Path, *arguments: str) -> str:
    environ = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_example_is_run_here() -> None:
    """An example without a test below is not shown to anybody."""
    names = {path.name for path in (ROOT / "examples").glob("*.py")}
    assert names == {
        "download_media.py",
        "export_chat.py",
        "export_to_chunks.py",
        "forum_to_markdown.py",
        "media_archive.py",
        "reactions_csv.py",
        "read_chunks.py",
        "resume_export.py",
        "test_my_export.py",
        "tobs_adapter.py",
    }


def test_download_media(tmp_path: Path) -> None:
    """All files come, whole and under their names; a second run finds each of them there."""
    script = str(ROOT / "examples" / "download_media.py")
    first = _run(tmp_path, script)
    files = {path.name for path in (tmp_path / "media").iterdir()}
    assert f"done: {len(files)}" in first
    assert "failed" not in first
    assert not any(".part" in name for name in files)
    again = _run(tmp_path, script)
    assert f"exists: {len(files)}" in again
    assert "done" not in again


def test_media_archive(tmp_path: Path) -> None:
    """Each file comes once, under a safe name; a second run asks for none, and heals what is gone.

    The page that lists the files shows hostile names as text.
    """
    script = str(ROOT / "examples" / "media_archive.py")
    first = _run(tmp_path, script)
    files = [path for path in (tmp_path / "archive").glob("*/*") if path.is_file()]
    assert f"done: {len(files)}, exists: " in first
    assert "failed" not in first
    keys = {key_in(path.name) for path in files}
    assert len(files) == len(keys - {None})
    again = _run(tmp_path, script)
    count = int(first.split("done: ")[1].split(",")[0]) + int(
        first.split("exists: ")[1].split(",")[0]
    )
    assert f"bytes fetched: 0, exists: {count}, file requests: 0\n" == again
    page = (tmp_path / "archive" / "index.html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.html</a>" in page
    assert len(files) == page.count("<li>")
    gone = max(files, key=lambda path: path.stat().st_size)
    size = gone.stat().st_size
    gone.unlink()
    assert f"bytes fetched: {size}, done: 1, exists: {count - 1}" in _run(tmp_path, script)
    assert size == gone.stat().st_size


def test_export_chat(tmp_path: Path) -> None:
    """The export is complete, oldest first, and a second run adds nothing."""
    script = str(ROOT / "examples" / "export_chat.py")
    assert "new: 2000, all in messages.jsonl" in _run(tmp_path, script)
    text = (tmp_path / "messages.jsonl").read_text("utf-8")
    ids = [json.loads(line)["id"] for line in text.splitlines()]
    assert len(ids) == 2_000
    assert ids == sorted(set(ids))
    assert "new: 0, all in messages.jsonl" in _run(tmp_path, script)
    assert text == (tmp_path / "messages.jsonl").read_text("utf-8")


def test_export_chat_goes_on(tmp_path: Path) -> None:
    """After a run that was killed within a line, the next one gives the same file."""
    script = str(ROOT / "examples" / "export_chat.py")
    _run(tmp_path, script)
    path = tmp_path / "messages.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    _run(tmp_path, script)
    assert whole == path.read_bytes()


def test_resume_export(tmp_path: Path) -> None:
    """The export is complete; what was written after the last mark is cut off, and comes again."""
    script = str(ROOT / "examples" / "resume_export.py")
    out = _run(tmp_path, script)
    assert "missing: []" in out
    assert "new: 2000, all in messages.jsonl" in out
    path = tmp_path / "messages.jsonl"
    whole = path.read_bytes()
    ids = [json.loads(line)["id"] for line in whole.splitlines()]
    assert ids == sorted(set(ids))
    path.write_bytes(whole + whole[:1000])
    assert "new: 0, all in messages.jsonl" in _run(tmp_path, script)
    assert whole == path.read_bytes()


async def _stored_ids(path: Path) -> list[int]:
    async with ChunkStore(path, read_only=True) as store:
        return [i async for chunk in store for i in chunk.ids]


async def test_chunks(tmp_path: Path) -> None:
    """A chat is kept whole, a second run adds nothing, and the store is read by itself."""
    script = str(ROOT / "examples" / "export_to_chunks.py")
    assert "new: 2000, in the store: 2000 messages" in _run(tmp_path, script)
    ids = await _stored_ids(tmp_path / "my-chat")
    assert ids == sorted(set(ids))
    assert "new: 0, in the store: 2000 messages" in _run(tmp_path, script)
    assert ids == await _stored_ids(tmp_path / "my-chat")
    reader = str(ROOT / "examples" / "read_chunks.py")
    text = _run(tmp_path, reader, "my-chat", "--word", "the")
    assert "2000 messages in 2 chunks" in text
    assert "damaged: 0, of another layer: 0" in text
    assert len(text.splitlines()) == 7


async def test_chunks_go_on(tmp_path: Path) -> None:
    """After a run that was killed within a chunk, the next one completes the store."""
    script = str(ROOT / "examples" / "export_to_chunks.py")
    _run(tmp_path, script)
    ids = await _stored_ids(tmp_path / "my-chat")
    file = tmp_path / "my-chat" / "000000.tfc"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 3 // 4])
    assert "new: 1000, in the store: 2000 messages" in _run(tmp_path, script)
    assert ids == await _stored_ids(tmp_path / "my-chat")


def test_reactions_csv(tmp_path: Path) -> None:
    """Counts and people add up; three requests for 151 messages; no id is left where none may."""
    script = str(ROOT / "examples" / "reactions_csv.py")
    out = _run(tmp_path, script)
    assert "messages with reactions: 151, not complete: 0, rows: 703, requests: 3" in out
    assert "200: ⭐50 ❤️250\n" in out
    with (tmp_path / "reactions.csv").open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    assert 703 == len(rows)
    people = [row for row in rows if row["reactor_id"]]
    assert sum(int(row["count"]) for row in people) == sum(
        int(row["count"]) for row in rows if not row["reactor_id"]
    )
    assert "requests: 3" in _run(tmp_path, script, "--redact", "opaque")
    text = (tmp_path / "reactions.csv").read_text("utf-8")
    assert len(rows) == text.count("\n") - 1
    assert not [row for row in people if f",{row['reactor_id']}," in text.replace("anonymous", "")]


def test_forum_to_markdown(tmp_path: Path) -> None:
    """A page for each topic, whatever it is called; a second run writes none; one topic alone."""
    script = str(ROOT / "examples" / "forum_to_markdown.py")
    first = _run(tmp_path, script, "--style", "title_id")
    assert first.startswith("topics: 16, messages: 1565, new: 1565, written: 16\n")
    [folder] = (tmp_path / "export").iterdir()
    pages = {path.name: path.read_bytes() for path in (folder / "topics").iterdir()}
    assert 16 == len(pages)
    assert {"topic_Tide tables_1501.md", "topic_tide tables_1522.md"} <= {*pages}
    assert b"<script>" not in b"".join(pages.values()) + (folder / "index.md").read_bytes()
    assert 1565 == sum(data.count(b"\n### #") for data in pages.values())
    assert "new: 0, written: 0" in _run(tmp_path, script, "--style", "title_id")
    one = _run(tmp_path, script, "--style", "title_id", "--topic", "1543")
    assert "topics: 1, messages: 23, new: 0, written: 0" in one
    assert "new: 1565, written: 16" in _run(tmp_path, script, "--style", "title_id", "--rewrite")
    assert pages == {path.name: path.read_bytes() for path in (folder / "topics").iterdir()}


def test_forum_to_markdown_that_fails(tmp_path: Path) -> None:
    """What is wrong is told in a line, and by the exit code; options go before the forum, too."""
    script = str(ROOT / "examples" / "forum_to_markdown.py")
    assert "topics: 1," in _run(tmp_path, script, "--topic", "1543", "harbour")
    [folder] = (tmp_path / "export").iterdir()
    said = {
        ("--topic", "99999"): "no such topics are listed: [99999]",
        ("nobody_here",): "PeerNotFoundError",
        ("--session", "me"): "--session needs TELEGRAM_API_ID",
        ("--out", str(folder / "index.md")): "StorageError",
    }
    for arguments, expected in said.items():
        told = _failing(tmp_path, script, *arguments)
        assert expected in told
        assert "Traceback" not in told
    (folder / "state.db").write_bytes(b"garbage")
    assert "CorruptStateError" in _failing(tmp_path, script)


def _failing(folder: Path, *arguments: str) -> str:
    environ = {name: value for name, value in os.environ.items() if name != "TELEGRAM_API_ID"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, text=True
    )
    assert done.returncode != 0, done.stdout
    return done.stderr


def test_my_export(tmp_path: Path) -> None:
    """The example of a user's tests passes."""
    script = str(ROOT / "examples" / "test_my_export.py")
    assert "3 passed" in _run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", script)


def test_tobs_adapter(tmp_path: Path) -> None:
    """All messages and files of a forum come; a second run finds nothing new, asks for no file."""
    script = str(ROOT / "examples" / "tobs_adapter.py")
    first = _run(tmp_path, script)
    assert first.startswith("messages: 200, of: 200, topics: 13, files: ")
    count = int(first.split("files: ")[1].split(",")[0])
    assert count == len([*(tmp_path / "tobs/media").iterdir()]) > 20
    text = (tmp_path / "tobs/messages.jsonl").read_text("utf-8")
    ids = [json.loads(line)["id"] for line in text.splitlines()]
    assert 200 == len(ids)
    assert ids == sorted(set(ids))
    assert "of: 200, topics: 13, files: 0, file requests: 0\n" == _run(tmp_path, script)
    assert text == (tmp_path / "tobs/messages.jsonl").read_text("utf-8")
