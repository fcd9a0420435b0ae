"""`python -m telefast demo`, as a user starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("typer")
from typer.testing import CliRunner

from telefast import ChunkStore
from telefast.cli import demo, storage
from telefast.cli.app import app
from telefast.cli.race import Entry, RaceError
from telefast.testing import Channel, World

ROOT = Path(__file__).parents[2]
EXPORTS = ROOT / "tests" / "data" / "exports"

FILES = {"messages.jsonl", "chunks", "result.json"}
"""What a run without differences leaves."""

pytestmark = pytest.mark.e2e


def _start(folder: Path, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return subprocess.Popen(
        [sys.executable, "-m", "telefast", "demo", *arguments],
        cwd=folder,
        env=env | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_as_from_a_terminal,
    )


def _as_from_a_terminal() -> None:
    """Listen to signals, also if these tests run in the background of a shell."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _invoke(*arguments: str) -> tuple[int, str, str]:
    """Run the command in this process; its contenders and its server have their own."""
    result = CliRunner().invoke(app, ["demo", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def _chat(count: int) -> Channel:
    """Return the demo's chat."""
    channel = World(seed=2026).add_channel("Lighthouse keepers", message_count=count, holes=0.05)
    assert demo.HOLES == 0.05
    return channel


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_demo(tmp_path: Path) -> None:
    """A whole chat is exported, the results are equal, the table and the records say what it cost.

    Standard output is no terminal here: not one control sequence is on it.
    """
    process = _start(tmp_path, "--messages", "150", "--rtt", "0")
    out, err = process.communicate()
    assert (0, "") == (process.returncode, err)
    assert "\x1b" not in out
    assert "The results are equal, byte for byte: all 150 messages." in out
    assert re.search(r"^requests in flight +16 +1 +1$", out, re.MULTILINE)

    folder = tmp_path / "demo-out"
    assert FILES == {path.name for path in folder.iterdir()}
    channel = _chat(150)
    messages = _lines(folder / "messages.jsonl")
    assert sorted(channel.ids, reverse=True) == [message["id"] for message in messages]
    assert channel.message(messages[7]["id"]).message == messages[7]["text"]

    result = json.loads((folder / "result.json").read_text("utf-8"))
    assert result["equal"] is True
    assert result["ratio_to_stock"] > 0
    assert ["telefast", "stock", "stock-default"] == [
        each["contender"] for each in result["contenders"]
    ]
    for record in result["contenders"]:
        assert 150 == record["messages"]
        assert 2 == record["requests"] == record["requests_by_method"]["messages.getHistory"]
        assert result["contenders"][0]["sha256"] == record["sha256"]
        assert min(record["seconds"], record["messages_per_s"], record["bytes"]) > 0
        assert min(record["cpu_s"], record["disk_bytes"], record["concurrency"]) > 0


async def test_chunks_are_kept_and_measured(tmp_path: Path) -> None:
    """The same messages lie in a store, byte for byte, and three ways to keep them are compared."""
    process = _start(tmp_path, "--messages", "1500", "--rtt", "0")
    out, err = process.communicate()
    assert (0, "") == (process.returncode, err)
    assert "Read back, the chunks give messages.jsonl, byte for byte." in out
    row = r"^{} +[\d.]+ [kM]B +[\d.]+ +[\d.]+x$"
    for name in ("messages.jsonl", r"chunks \(telefast, zstd\)", r"pickle, zlib 6 \(not written\)"):
        assert re.search(row.format(name), out, re.MULTILINE)

    folder = tmp_path / "demo-out"
    channel = _chat(1500)
    async with ChunkStore(folder / "chunks", read_only=True) as store:
        chunks = [chunk async for chunk in store]
        stats = store.stats()
    assert [1000, 500] == [len(chunk) for chunk in chunks]
    ids = [each for chunk in chunks for each in chunk.ids]
    assert sorted(channel.ids, reverse=True) == ids
    records = [record for chunk in chunks for record in chunk.records]
    assert [channel.message_bytes(each) for each in ids] == records

    result = json.loads((folder / "result.json").read_text("utf-8"))
    lines, kept, pickles = result["storage"]
    assert (folder / "messages.jsonl").stat().st_size == lines["disk_bytes"]
    assert stats.bytes == kept["disk_bytes"] == (folder / "chunks" / "000000.tfc").stat().st_size
    assert kept["disk_bytes"] < pickles["disk_bytes"] < lines["disk_bytes"]
    assert [True, True, False] == [way["written"] for way in result["storage"]]
    for way in result["storage"]:
        assert 1500 == way["messages"]
        assert round(way["disk_bytes"] / 1500, 1) == way["bytes_per_message"]


def test_stock_with_its_default_is_compared_as_a_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stock, which sleeps between requests, is stopped early; that is said and still compared."""
    monkeypatch.setattr(demo, "PREFIX", 100)
    code, out, _ = _invoke("--messages", "150", "--rtt", "0", "--out", str(tmp_path))
    assert 0 == code
    assert "all 150 messages; of stock with its default, the first 100." in out
    result = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert [150, 150, 100] == [each["messages"] for each in result["contenders"]]
    telefast, stock, default = (each["sha256"] for each in result["contenders"])
    assert telefast == stock != default


def test_demo_of_an_export(tmp_path: Path) -> None:
    """The chat of an export is read whole, and what could not be mapped is listed and counted."""
    code, out, err = _invoke(
        "--export", str(EXPORTS / "club.json"), "--rtt", "0", "--out", str(tmp_path)
    )
    assert (0, "") == (code, err)
    assert "not mapped, 3 x: file is missing" in out
    assert "all 12 messages." in out
    result = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert result["equal"] is True
    assert "Lighthouse Club" == result["export"]["chat"]
    assert 3 == result["export"]["unmapped"]["file is missing"]
    assert 1 == result["export"]["chats_counted"]
    assert "chats together" not in out
    assert 12 == len(_lines(tmp_path / "messages.jsonl"))
    assert [12, 12, 12] == [way["messages"] for way in result["storage"]]
    assert FILES == {path.name for path in tmp_path.iterdir()}


def test_demo_takes_the_chat_that_is_named(tmp_path: Path) -> None:
    """`--chat` takes a name; without it the largest chat is taken, and that is said."""
    account = str(EXPORTS / "account.json")
    code, out, _ = _invoke("--export", account, "--rtt", "0", "--out", str(tmp_path))
    assert 0 == code
    assert "taking the largest, 'Harbour News'" in out
    assert re.search(r"^in all 5 chats together .*:\nloaded: ", out, re.MULTILINE)
    assert 5 == json.loads((tmp_path / "result.json").read_text("utf-8"))["export"]["chats_counted"]
    assert "all 4 messages." in out
    code, out, _ = _invoke(
        "--export", account, "--chat", "Ossian van Reef", "--rtt", "0", "--out", str(tmp_path)
    )
    assert 0 == code
    assert "all 3 messages." in out
    assert "chats together" not in out
    result = json.loads((tmp_path / "result.json").read_text("utf-8"))
    assert "Ossian van Reef" == result["export"]["chat"]


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGKILL", -9)])
@pytest.mark.parametrize(
    ("messages", "last"),
    [("3000", "telefast, 16 in flight: 3,000 messages"), ("90", "stock, default: 90 messages")],
    ids=["race", "chunks"],
)
def test_stopped_demo_leaves_nothing(
    tmp_path: Path, name: str, status: int, messages: str, last: str
) -> None:
    """Stopped in the race or in the chunks, it leaves no process, and nothing by a final name."""
    process = _start(tmp_path, "--messages", messages, "--rtt", "150")
    assert process.stdout is not None
    line = ""
    while last not in line:
        line = process.stdout.readline()
        assert line, process.communicate()
    process.send_signal(getattr(signal, name))
    # Its children have this pipe as their standard error, too: it ends when the last one has.
    _, err = process.communicate()
    assert status == process.returncode
    left = list((tmp_path / "demo-out").rglob("*"))
    if name == "SIGKILL":
        assert all(".unfinished-" in str(path) for path in left)
    else:
        assert "error: stopped; nothing was written\n" == err
        assert [] == left


def test_second_run_replaces_the_first(tmp_path: Path) -> None:
    """An earlier run's files are replaced as a whole, also what it kept of differences."""
    (tmp_path / "messages.jsonl").write_text("old")
    (tmp_path / "messages-stock.jsonl").write_text("old")
    code, _, _ = _invoke("--messages", "30", "--rtt", "0", "--out", str(tmp_path))
    assert 0 == code
    assert FILES == {path.name for path in tmp_path.iterdir()}
    assert 30 == len(_lines(tmp_path / "messages.jsonl"))


def test_store_of_the_run_before_is_replaced(tmp_path: Path) -> None:
    """A second run's store takes the place of the first's, and holds its own messages only."""
    for count in (40, 30):
        code, _, _ = _invoke("--messages", str(count), "--rtt", "0", "--out", str(tmp_path))
        assert 0 == code
    assert FILES == {path.name for path in tmp_path.iterdir()}
    result = json.loads((tmp_path / "result.json").read_text("utf-8"))
    kept = result["storage"][1]
    assert (30, kept["disk_bytes"]) == (
        kept["messages"],
        (tmp_path / "chunks" / "000000.tfc").stat().st_size,
    )


def test_chunks_that_lose_a_message_are_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the chunks give back something else, that is said, and they do not replace older ones."""
    out = tmp_path / "out"
    code, _, _ = _invoke("--messages", "30", "--rtt", "0", "--out", str(out))
    assert 0 == code
    before = (out / "chunks" / "000000.tfc").read_bytes()
    (tmp_path / "leaky.py").write_text(
        "from telefast.cli.contenders.chunks import *\n"
        "from telefast.cli.contenders import chunks\n"
        "async def run(client, chat, take, **options):\n"
        "    await chunks.run(client, chat, lambda m: m.id == 7 or take(m), **options)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    original = storage.chunk_entry
    monkeypatch.setattr(demo, "chunk_entry", lambda *them: replace(original(*them), module="leaky"))
    code, shown, err = _invoke("--messages", "20", "--rtt", "0", "--out", str(out))
    assert (1, "") == (code, err)
    assert "The chunks DIFFER from messages.jsonl, and are not kept:" in shown
    result = json.loads((out / "result.json").read_text("utf-8"))
    assert result["equal"] is False
    [difference] = result["differences"]
    assert difference.startswith('chunks: line 14: "id":7 against "id":')
    assert before == (out / "chunks" / "000000.tfc").read_bytes()
    assert FILES == {path.name for path in out.iterdir()}


@pytest.mark.parametrize("name", ["chunks", "chunks/000000.tfc", "chunks/notes.txt"])
def test_folder_of_somebody_else_is_left_alone(tmp_path: Path, name: str) -> None:
    """What no earlier run has written is not replaced: it is named at once, nothing is started."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    if name == "chunks/notes.txt":
        (tmp_path / "messages.jsonl").write_text("of an earlier run")
    code, out, err = _invoke("--messages", "30", "--rtt", "0", "--out", str(tmp_path))
    assert (2, "") == (code, out)
    assert err.startswith(f"error: {tmp_path / 'chunks'}: is ")
    assert "mine" == path.read_text()


def test_store_that_cannot_be_named_leaves_the_old_one(tmp_path: Path) -> None:
    """If the new store cannot be put in its place, the old one is put back; others are kept."""
    lines, path, old = (tmp_path / name for name in ("messages.jsonl", "chunks", "old"))
    lines.touch()
    path.mkdir()
    (path / "000000.tfc").write_text("earlier")
    with pytest.raises(FileNotFoundError):
        storage.put_in_place(tmp_path / "missing", path, old, lines)
    assert "earlier" == (path / "000000.tfc").read_text()
    (path / "notes.txt").touch()
    with pytest.raises(RaceError, match="no earlier run has written"):
        storage.put_in_place(tmp_path / "missing", path, old, lines)
    assert not old.exists()


CURIOUS = """
    import contextlib, telethon
    with contextlib.suppress(telethon.errors.RPCError):
        await client(telethon.functions.help.GetSupportRequest())
"""


def _add_contender(
    folder: Path, monkeypatch: pytest.MonkeyPatch, body: str, **changes: Any
) -> None:
    """Let a contender with this body take the place of stock."""
    folder.joinpath("rival.py").write_text(
        f"def version():\n    return '1'\nasync def run(client, chat, take):\n    {body}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))
    original = demo.entries

    def entries(options: demo.DemoOptions, count: int) -> list[Entry]:
        telefast, _, default = original(options, count)
        return [telefast, Entry("rival", "rival", {}, "as it is", **changes), default]

    monkeypatch.setattr(demo, "entries", entries)


def test_wrong_answer_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a contender loses a message, that is said, the exit status is 1, and its file is kept."""
    gone = _chat(30).ids[12]
    body = f"[take(m) async for m in client.iter_messages(chat) if m.id != {gone}]"
    _add_contender(tmp_path, monkeypatch, body)
    out = tmp_path / "out"
    code, shown, _ = _invoke("--messages", "30", "--rtt", "0", "--out", str(out))
    assert 1 == code
    assert "The results DIFFER:" in shown
    assert f'telefast and rival, as it is: line 18: "id":{gone} against "id":' in shown
    result = json.loads((out / "result.json").read_text("utf-8"))
    assert result["equal"] is False
    assert 29 == len(_lines(out / "messages-rival.jsonl"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
        ("import os; os._exit(7)", "its process ended with status 7"),
        (
            CURIOUS,
            "asked what the embedded Telegram does not know: help.getSupport",
        ),
    ],
)
def test_failing_contender_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, said: str
) -> None:
    """If a contender fails, its name and the reason are on standard error, and no file is left."""
    _add_contender(tmp_path, monkeypatch, body)
    out = tmp_path / "out"
    code, _, err = _invoke("--messages", "30", "--rtt", "0", "--out", str(out))
    assert 1 == code
    assert err.startswith("error: rival: ")
    assert said in err
    assert [] == list(out.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--export", "no-such.json"], "no-such.json: no such file"),
        (["--export", str(ROOT / "pyproject.toml")], "line 1 column 2"),
        (["--export", str(EXPORTS / "account.json"), "--chat", "Nobody"], "'Harbour News' (id "),
        (["--export", str(EXPORTS / "account.json"), "--chat", "4200000"], "no message of the"),
        (["--chat", "Club"], "needs --export"),
        (["--export", "x.json", "--messages", "5"], "an export has its own messages"),
        (["--messages", "0"], "--messages"),
        (["--messages", "many"], "--messages"),
        (["--messages", "100001"], "--messages"),
        (["--rtt", "-1"], "--rtt"),
        (["--rtt", "nan"], "--rtt"),
        (["--concurrency", "65"], "--concurrency"),
        (["--out", str(ROOT / "pyproject.toml")], "is not a folder"),
        (["--out", str(ROOT / "pyproject.toml" / "out")], "cannot be written"),
        (["--speed", "11"], "--speed"),
    ],
)
def test_wrong_use_is_told_plainly(arguments: list[str], said: str) -> None:
    """A user's mistake gives status 2 and one clear message on standard error, no traceback."""
    code, _, err = _invoke(*arguments)
    assert 2 == code
    plain = re.sub(r"\x1b\[[\d;]*m|[│\n]", " ", err)
    assert said in re.sub(r"\s+", " ", plain)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "name",
    [
        "messages.jsonl",
        "messages-stock.jsonl",
        "messages-stock-default.jsonl",
        "result.json",
        "result.json.part",
    ],
)
def test_folder_in_the_way_is_told_before_the_race(tmp_path: Path, name: str) -> None:
    """A folder that has the name of a result is named at once, and nothing is started or left."""
    (tmp_path / name).mkdir()
    code, out, err = _invoke("--messages", "30", "--rtt", "0", "--out", str(tmp_path))
    assert (2, "") == (code, out)
    assert f"error: {tmp_path / name}: is a folder where a file is to be written" in err
    assert [name] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("by_folder", [False, True])
def test_the_export_itself_is_not_overwritten(tmp_path: Path, by_folder: bool) -> None:
    """Results do not go where the export's own `result.json` lies."""
    export = tmp_path / "result.json"
    text = (EXPORTS / "club.json").read_text("utf-8")
    export.write_text(text, "utf-8")
    source = tmp_path if by_folder else export
    code, out, err = _invoke("--export", str(source), "--rtt", "0", "--out", str(tmp_path))
    assert (2, "") == (code, out)
    assert "holds the export itself" in re.sub(r"\s+", " ", err)
    assert text == export.read_text("utf-8")


def test_folder_that_comes_in_the_way_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a folder takes the name of a result during the race, the error is about that name."""
    monkeypatch.setattr(demo, "find_obstacle", lambda _: None)
    kept = tmp_path / "messages.jsonl"
    kept.mkdir()
    code, _, err = _invoke("--messages", "30", "--rtt", "0", "--out", str(tmp_path))
    assert 1 == code
    assert err.startswith(f"error: {kept}: ")


EMPTY = {"name": "Quiet", "type": "private_group", "id": 7, "messages": []}
FULL = {
    **EMPTY,
    "name": "Loud",
    "id": 8,
    "messages": [{"id": 1, "type": "message", "date_unixtime": "1600000000", "text": "x"}],
}


@pytest.mark.parametrize(
    ("export", "chat", "said"),
    [
        (
            EMPTY,
            [],
            "the chat 'Quiet' can be shown; the export has no other; choose another export",
        ),
        (
            {"chats": {"list": [EMPTY, FULL]}},
            ["--chat", "Quiet"],
            "the chat 'Quiet' can be shown; choose another of its 2 chats, or none for the largest",
        ),
        (
            {"chats": {"list": [EMPTY, {**EMPTY, "id": 8}]}},
            [],
            "its 2 chats can be shown; choose another export",
        ),
    ],
)
def test_nothing_to_show_is_told_with_what_to_do(
    tmp_path: Path, export: object, chat: list[str], said: str
) -> None:
    """An empty chat is refused with the file's name; another is advised only if there is one."""
    path = tmp_path / "export.json"
    path.write_text(json.dumps(export), "utf-8")
    code, _, err = _invoke("--export", str(path), *chat, "--out", str(tmp_path / "out"))
    assert (2, f"error: {path}: no message of {said}\n") == (code, err)
    assert not (tmp_path / "out").exists()


def test_command_line_says_what_there_is() -> None:
    """Without a command there is help, and `--version` names both releases."""
    result = CliRunner().invoke(app, [])
    assert "demo" in result.output
    result = CliRunner().invoke(app, ["--version"])
    assert 0 == result.exit_code
    assert re.fullmatch(r"telefast \d+\.\d+\.\d+, Telethon \d+\.\d+\.\d+\n", result.output)


def test_command_line_needs_its_extra(tmp_path: Path) -> None:
    """Without typer, `python -m telefast` says what to install."""
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('no typer', name='typer')\n")
    done = subprocess.run(
        [sys.executable, "-m", "telefast"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 2 == done.returncode
    assert "pip install 'telefast[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no signal can be sent to oneself there")
def test_interrupted_while_importing(tmp_path: Path) -> None:
    """Ctrl-C while the command line is still being imported ends it with 130, and no traceback."""
    (tmp_path / "typer.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "telefast"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_as_from_a_terminal,
    )
    assert (130, "", "") == (done.returncode, done.stdout, done.stderr)
