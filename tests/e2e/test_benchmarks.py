"""`python -m benchmarks`, as a user starts it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("typer")

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.e2e


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_history(tmp_path: Path) -> None:
    """Each contender has a record for each situation, with all that was promised in it."""
    path = tmp_path / "new" / "history.json"
    done = _run(
        "history", "--quick", "--sizes", "150", "--rtt", "0", "--rounds", "1", "--json", str(path)
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert "answers are equal: private chat, 150 messages" in done.stdout
    assert "limits: unlimited: no flood limits" in done.stdout
    assert "\x1b" not in done.stdout
    assert [path] == list(path.parent.iterdir())

    report = json.loads(path.read_text("utf-8"))
    assert {"telefast", "telethon", "cryptg"} == set(report["machine"]["packages"])
    assert "unlimited" == report["flood"]["name"]
    records = report["records"]
    found = [
        (each["profile"], each["chat"], each["contender"], each["concurrency"]) for each in records
    ]
    contenders = [("telefast", n) for n in (32, 8, 32)] + [("get_messages", 1), ("stock", 1)]
    chats = ("supergroup", "private chat", "basic group")
    expected = [("unlimited, 0 ms", chat, *each) for chat in chats for each in contenders]
    assert expected == found
    for each in records:
        assert {"history", 150} == {each["bench"], each["size"]}
        assert each["version"][0].isdigit()
        assert each["requests"] in (2, 3, 4)  # one more to prove the end by pages, or by a batch
        for name in ("seconds", "messages_per_s", "mb_per_s", "cpu_s", "ratio_to_stock"):
            assert each[name] > 0
        assert 0 < each["bytes_read"] < each["bytes"]
        assert each["ratio_min"] <= each["ratio_to_stock"] <= each["ratio_max"]
        assert each["seconds_min"] <= each["seconds"] <= each["seconds_max"]
        assert each["peak_rss_mb"] is None or each["peak_rss_mb"] > 10
    ratios = [each["ratio_to_stock"] for each in records if each["setting"] == "wait_time=0"]
    assert [1] * 3 == ratios


def test_before_and_after(tmp_path: Path) -> None:
    """A run of stock alone, then one of telefast alone; tables for one run and for two."""
    options = ("history", "--quick", "--sizes", "150", "--rounds", "1", "--target", "supergroup")
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    table, both = tmp_path / "one.csv", tmp_path / "two.csv"
    done = _run(*options, "--mode", "baseline", "--json", str(before), "--csv", str(table))
    assert (0, "") == (done.returncode, done.stderr)
    [record] = json.loads(before.read_text("utf-8"))["records"]
    assert ("stock", 1) == (record["contender"], record["ratio_to_stock"])
    with table.open(newline="", encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    assert (
        "history / unlimited, 30 ms / 0.03 / supergroup / 150 / stock / wait_time=0" == row["what"]
    )
    assert float(row["seconds"]) == record["seconds"]
    assert int(row["bytes_read"]) == record["bytes_read"]

    earlier = json.loads(before.read_text("utf-8"))
    earlier["records"] = [record | {"contender": "telefast", "setting": "8 (default)"}]
    before.write_text(json.dumps(earlier), "utf-8")
    options = (*options, "--mode", "optimized", "--json", str(after))
    done = _run(*options, "--before", str(before), "--csv", str(both))
    assert (0, "") == (done.returncode, done.stderr)
    records = json.loads(after.read_text("utf-8"))["records"]
    assert [("telefast", None)] * 3 == [(e["contender"], e["ratio_to_stock"]) for e in records]
    with both.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figures = {row["figure"]: row for row in rows}
    assert str(record["requests"]) == figures["requests"]["before"]
    assert str(records[1]["requests"]) == figures["requests"]["after"]
    assert all(float(row["gain"]) > 0 for row in rows)


def test_the_gate_is_open() -> None:
    """Requests, bytes and instructions are those that are recorded, on every machine."""
    done = _run("counts", "--gate")
    assert (0, "") == (done.returncode, done.stderr)
    assert "The gate is open." in done.stdout
    assert "warning" not in done.stdout


def test_pairs(tmp_path: Path) -> None:
    """What was read before a stop is not read again; both ways know all messages."""
    path = tmp_path / "resume.json"
    done = _run("resume", "--quick", "--json", str(path))
    assert (0, "") == (done.returncode, done.stderr)
    off, on = json.loads(path.read_text("utf-8"))["records"]
    assert ("off", "on", "8") == (off["setting"], on["setting"], on["item"])
    assert on["bytes"] < 0.7 * off["bytes"]
    assert on["requests"] <= off["requests"]
    assert on["verdict"] == "better"
    assert min(off["seconds"], off["cpu_s"], off["peak_rss_mb"] or 1) > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ablation(tmp_path: Path) -> None:
    """Each of the ten has its rows, also what is not there yet; none costs requests or bytes."""
    path = tmp_path / "ablation.json"
    done = _run("ablation", "--quick", "--json", str(path))
    assert (0, "") == (done.returncode, done.stderr)
    records = json.loads(path.read_text("utf-8"))["records"]
    assert {str(number) for number in range(1, 11)} | {""} == {each["item"] for each in records}
    for each in records:
        if each["setting"] == "on":
            assert each["verdict"].split(",")[0] in {"better", "neutral"}, each
        elif each["setting"] == "not there yet":
            assert "sharded export" == each["what"]


def test_trips(tmp_path: Path) -> None:
    """By default each kind of chat takes a quarter of stock's time at 100 ms; machines agree."""
    path = tmp_path / "trips.json"
    done = _run("trips", "--sizes", "3000", "--rtt", "100", "--json", str(path))
    assert (0, "") == (done.returncode, done.stderr)
    records = json.loads(path.read_text("utf-8"))["records"]
    assert len(records) == 3 * 4
    for each in records:
        assert ("trips", 3000, 0.1) == (each["bench"], each["size"], each["rtt"])
        if each["contender"] == "telefast, 8 (default)":
            assert each["ratio_to_stock"] >= 4


def test_decode(tmp_path: Path) -> None:
    """Decoding has a record for each way, and ours takes far fewer instructions."""
    path = tmp_path / "decode.json"
    done = _run("decode", "--sizes", "1000", "--rounds", "1", "--json", str(path))
    assert (0, "") == (done.returncode, done.stderr)
    found = {each["contender"]: each for each in json.loads(path.read_text("utf-8"))["records"]}
    assert len(found) == 4
    stock = found["stock"]["instructions"]
    assert found["telefast, each answer"]["instructions"] < stock / 2.5
    assert found["telefast, a stream"]["instructions"] < stock / 3


def test_codec(tmp_path: Path) -> None:
    """Each way to keep messages has a record for each size of chunks; ours is the smallest."""
    path = tmp_path / "codec.json"
    done = _run("codec", "--sizes", "2000", "--rounds", "1", "--json", str(path))
    assert (0, "") == (done.returncode, done.stderr)
    records = json.loads(path.read_text("utf-8"))["records"]
    assert [100] * 7 + [1000] * 7 == [each["block"] for each in records]
    for each in records:
        assert ("codec", 2000) == (each["bench"], each["size"])
        assert each["encode_min"] <= each["encode_us"] <= each["encode_max"]
        small = ("telefast, light", "telefast, minimal")
        has_objects = each["contender"] not in ("dicts in msgpack, zlib 6", *small)
        assert has_objects == (each["objects_us"] is not None)
    for block in (100, 1000):
        sizes = {e["contender"]: e["bytes"] for e in records if e["block"] == block}
        rivals = (sizes["pickle, zlib 6"], sizes["dicts in msgpack, zlib 6"])
        assert sizes["telefast, zstd"] < 0.9 * min(rivals)
        assert sizes["telefast, light"] <= 0.7 * sizes["telefast, zstd"]
        if block == 1000:
            assert sizes["telefast, minimal"] <= 52


def test_download(tmp_path: Path) -> None:
    """Each contender has a record; telefast asks for each part once, stock once more at the end."""
    path = tmp_path / "download.json"
    python = str(tmp_path / "no-python")
    done = _run("download", "--quick", "--rtt", "0", "--rounds", "1", "--json", str(path))
    assert (0, "") == (done.returncode, done.stderr)
    records = json.loads(path.read_text("utf-8"))["records"]
    rivals = {"fasttelethonhelper", "aiofasttelethonhelper", "tgup-cli"}
    found = {each["contender"]: each["requests"] for each in records}
    for name in rivals - found.keys():
        assert f"{name} did not run:" in done.stdout
    assert 16 <= found["telefast"] <= found["telefast, cold"] <= 128
    assert (65, 17) == (found["download_media"], found["download_file, 512 KiB"])
    for each in records:
        assert ("download", 0, None) == (each["bench"], each["rtt"], each["bandwidth"])
        assert 8 * 2**20 < each["bytes_read"] < each["bytes"] < 9 * 2**20
        assert each["disk_writes"] is None or 1 <= each["disk_writes"] < 1_000
        assert each["peak_rss_mb"] is None or each["peak_rss_mb"] > 10
        assert each["mb_per_s"] == pytest.approx(8.388608 / each["seconds_per_file"])
        assert each["seconds"] > 0
        assert each["version"]
    done = _run("download", "--quick", "--rtt", "0", "--rounds", "1", "--rivals", python)
    assert 1 == done.returncode
    assert "no-python" in done.stderr


@pytest.mark.slow
def test_photos(tmp_path: Path) -> None:
    """Both have a record; telefast asks once for each photo, and carries two logins over."""
    path = tmp_path / "photos.json"
    done = _run("photos", "--quick", "--rounds", "1", "--json", str(path))
    assert (0, "") == (done.returncode, done.stderr)
    ours, stock = json.loads(path.read_text("utf-8"))["records"]
    assert ("telefast", 200, 200, 2) == tuple(
        ours[name] for name in ("contender", "files", "requests", "exports")
    )
    assert ("download_media", 20) == (stock["contender"], stock["files"])
    assert ours["seconds_per_file"] < stock["seconds_per_file"]


def test_dedupe(tmp_path: Path) -> None:
    """With the cache 40 % of the messages cost no transfer, and the next run none at all."""
    path = tmp_path / "dedupe.json"
    done = _run("dedupe", "--quick", "--rtt", "0", "--json", str(path))
    assert (0, "") == (done.returncode, done.stderr)
    records = {each["contender"]: each for each in json.loads(path.read_text("utf-8"))["records"]}
    stock, plain, cached, again = records.values()
    assert (50, 30) == (plain["messages"], plain["files"])
    assert again["requests"] == 0
    assert cached["bytes_sent"] < 0.7 * plain["bytes_sent"]
    assert cached["requests"] < plain["requests"] < stock["requests"]
    assert cached["disk_bytes"] == again["disk_bytes"] < plain["disk_bytes"]


def test_forum(tmp_path: Path) -> None:
    """Every way sorts all messages; one pass takes fewer requests, and the plan says so."""
    path = tmp_path / "forum.json"
    done = _run("forum", "--quick", "--rtt", "0", "--json", str(path))
    assert (0, "") == (done.returncode, done.stderr)
    records = {each["contender"]: each for each in json.loads(path.read_text("utf-8"))["records"]}
    one, each, planned, stock, stock_each = records.values()
    assert {("forum", 41, 3000)} == {
        (record["bench"], record["topics"], record["messages"]) for record in records.values()
    }
    assert [0, 0, 0, 0, 41] == [record["missing"] for record in records.values()]
    assert one["requests"] < stock["requests"] < stock_each["requests"]
    assert one["requests"] <= planned["requests"] <= one["requests"] + 3
    assert planned["requests"] < each["requests"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_pacing(tmp_path: Path) -> None:
    """Each way to wait has a record for each simulated server, and for the embedded Telegram."""
    path = tmp_path / "pacing.json"
    done = _run("pacing", "--rounds", "1", "--json", str(path))
    assert (0, "") == (done.returncode, done.stderr)
    records = json.loads(path.read_text("utf-8"))["records"]
    assert {"simulated", "embedded"} == {each["where"] for each in records}
    for each in records:
        assert each["bench"] == "pacing"
        if each["where"] == "simulated":
            assert each["ratio"] > 0.9
        elif each["contender"] == "telefast, second run":
            assert each["ratio"] < 1.3
            assert each["refused"] <= 1


def test_what_comes_back_otherwise_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A way to keep messages that loses something is an error that names it."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import codec
    from telefast.cli.race import RaceError
    from tests.unit.chunk_model import batch_of, club

    batch: Any = batch_of(*club(20), [5, 4])
    other: Any = batch_of(*club(20), [5, 3])
    for each in codec.CONTENDERS:
        data = [each.encode(each.prepare(batch))]
        codec._verify(each, [batch], data)
        with pytest.raises(RaceError, match=f"{each.name}: other messages come back"):
            codec._verify(each, [other], data)


def test_wrong_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contender that reads something else, or less, is an error that names it."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import history
    from telefast.cli.race import Outcome, RaceError

    outcome = Outcome("1", 10, 1.0, 1.0, None, 0, "same", {}, 0)
    other = replace(outcome, digest="other")
    history._check(history.STOCK, outcome, 10, outcome)
    with pytest.raises(RaceError, match=r"stock, wait_time=0: read 10 messages, not 11"):
        history._check(history.STOCK, outcome, 11, outcome)
    with pytest.raises(RaceError, match=r"read other messages than are there or the first"):
        history._check(history.STOCK, outcome, 10, other)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["histories"], "did you mean history?"),
        (["--sizes", "0"], "expected numbers from 1"),
        (["--rtt", "soon"], "expected numbers from 0"),
        (["--flood", "telegram-plane"], "expected some of unlimited, telegram-plain"),
        (["--json", str(ROOT)], "is a folder"),
        (["--csv", str(ROOT)], "is a folder"),
        (["--mode", "optimised"], "expected one of baseline, optimized, compare"),
        (["--target", "no-such-chat"], "expected one of supergroup"),
        (["--before", str(ROOT / "pyproject.toml")], "--before"),
    ],
)
def test_wrong_use_is_told_plainly(arguments: list[str], said: str) -> None:
    """A mistake gives status 2 and a message, before anything is measured."""
    done = _run(*arguments)
    assert 2 == done.returncode
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "" == done.stdout
    assert "Traceback" not in done.stderr


def test_versions() -> None:
    """`--versions` names what would be measured, and nothing that names the machine."""
    done = _run("--versions")
    assert 0 == done.returncode
    assert "telethon 1." in done.stdout
    assert str(ROOT) not in done.stdout
    assert os.uname().nodename not in done.stdout.split()
