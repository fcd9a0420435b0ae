"""The public surface: what there is, that it is described, and what importing it costs."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import telefast
import telefast.testing

ROOT = Path(__file__).parent.parent

SOURCES = [
    "telefast.chunks",
    "telefast.client",
    "telefast.errors",
    "telefast.forum",
    "telefast.garbage",
    "telefast.history",
    "telefast.limited_logs",
    "telefast.media",
    "telefast.metrics",
    "telefast.ordered",
    "telefast.peers",
    "telefast.reactions",
    "telefast.settings",
    "telefast.transport.counting",
    "telefast.transport.remember",
    "telefast.transport.lazy",
    "telefast.transport.pool",
    "telefast.transport.takeout",
]
"""The modules whose names the root package offers."""

PUBLIC = [
    (module.__name__, name)
    for module in (telefast, telefast.testing)
    for name in module.__all__
    if name != "__version__"
]


def test_root_is_the_union_of_its_modules() -> None:
    """The root offers what its modules offer, each name once, and a version."""
    names = [name for module in SOURCES for name in importlib.import_module(module).__all__]
    assert len(names) == len(set(names))
    assert sorted([*names, "__version__"]) == sorted(telefast.__all__)
    assert len(telefast.__all__) == len(set(telefast.__all__))


def test_names_are_those_of_their_modules() -> None:
    """A name in the root is the very object of its module, also those made on first use."""
    for module in SOURCES:
        for name in importlib.import_module(module).__all__:
            assert getattr(importlib.import_module(module), name) is getattr(telefast, name)


def test_dir_shows_lazy_names() -> None:
    """`dir` shows every public name, and an unknown one is an ordinary AttributeError."""
    assert set(telefast.__all__) <= set(dir(telefast))
    with pytest.raises(AttributeError, match=r"module 'telefast' has no attribute 'nothing'"):
        _ = telefast.nothing  # type: ignore[attr-defined]


def test_version_is_a_version() -> None:
    """The version is that of pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert re.findall(r'^version = "(.*?)"', text, re.MULTILINE) == [telefast.__version__]


def _members(public: Any) -> list[tuple[str, Any]]:
    """Return the functions that a user can call on *public*, by name."""
    if not isinstance(public, type):
        return [("", public)] if callable(public) else []
    found = []
    for name, member in vars(public).items():
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(member, property):
            member = member.fget
        elif isinstance(member, classmethod | staticmethod):
            member = member.__func__
        if isinstance(member, types.FunctionType):
            found.append((name, member))
    return found


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_public_name_is_described(module: str, name: str) -> None:
    """Each public class and function, and each public method, has a docstring."""
    public = getattr(importlib.import_module(module), name)
    assert inspect.getdoc(public)
    assert not (public.__doc__ or "").startswith(f"{name}("), "a docstring made by dataclass"
    for member, function in _members(public):
        assert member == "__init__" or inspect.getdoc(getattr(public, member, function)), member


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_public_name_is_annotated(module: str, name: str) -> None:
    """Each argument and each result of the public API has a type."""
    public = getattr(importlib.import_module(module), name)
    for member, function in _members(public):
        signature = inspect.signature(function)
        if function.__module__.startswith("telefast"):
            assert signature.return_annotation is not inspect.Signature.empty, member
            for parameter in list(signature.parameters.values())[bool(member) :]:
                assert parameter.annotation is not inspect.Parameter.empty, (member, parameter)


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_public_name_has_a_page(module: str, name: str) -> None:
    """The reference documents each public name under the name that a user imports."""
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "docs/reference").glob("*.md"))
    directives = rf"auto(?:class|exception|function):: {re.escape(module)}\.{name}(?:\(.*\))?$"
    assert re.search(directives, pages, re.MULTILINE), f"{module}.{name} is not in docs/reference"


IMPORT = """
import os, sys, threading
import telethon, telethon.tl.alltlobjects  # not ours to judge, as are these:
import importlib.metadata, msgpack, pyroaring, zstandard

class Unread(dict):
    def __getattribute__(self, name):
        raise AssertionError("importing telefast reads the environment")

opened = []
def watch(event, args):
    path = str(args[0]) if event == "open" else ""
    if path and not path.endswith(".py") and "__pycache__" not in path:
        opened.append(path)

environ, os.environ = os.environ, Unread()
sys.addaudithook(watch)
import telefast
for name in telefast.__all__:
    if name not in {"Settings", "__version__"}:
        getattr(telefast, name)
found, os.environ = list(opened), environ
assert not found, f"importing telefast opens {found}"
assert threading.active_count() == 1, threading.enumerate()
heavy = {"prometheus_client", "pydantic", "pydantic_settings", "rich", "typer", "pytest"}
heavy &= set(sys.modules)
assert not heavy, f"importing telefast imports {heavy}"
assert "telefast.testing" not in sys.modules
telefast.Settings
assert "pydantic" in sys.modules
"""


def test_import_is_light() -> None:
    """Importing all of telefast opens no file, starts no thread, reads no environment.

    It loads no extra, and pydantic only for settings.
    """
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    ("name", "most", "unwanted"),
    [
        ("__all__", 1, {"telethon", "asyncio", "msgpack", "pyroaring", "zstandard"}),
        ("TelefastError", 2, {"telethon", "asyncio", "msgpack", "pyroaring", "zstandard"}),
        ("BatchedHistory", 95, {"zstandard", "sqlite3", "telefast.media", "telefast.forum"}),
        ("MediaDownloader", 100, {"zstandard", "msgpack", "telefast.history", "telefast.forum"}),
        ("ChunkCodec", 45, {"sqlite3", "telefast.history", "telefast.media", "telefast.forum"}),
    ],
)
def test_a_name_brings_its_own_room_only(name: str, most: int, unwanted: set[str]) -> None:
    """`import telefast` alone loads next to nothing; a name loads what it needs, not the rest."""
    code = "import sys; {}before = set(sys.modules); from telefast import {}; "
    code += "print(*sorted(set(sys.modules) - before))"
    has_telethon = "telethon" not in unwanted
    preload = "import telethon, telethon.tl.alltlobjects; " if has_telethon else ""
    done = subprocess.run(
        [sys.executable, "-c", code.format(preload, name)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout.split()
    assert not unwanted & set(loaded)
    assert len([each for each in loaded if each.startswith("telefast")]) <= most, loaded
