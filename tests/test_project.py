"""Rules of the house that neither ruff nor the import contracts can say."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOOR = "telefast/transport/telethon.py", "telefast/transport/naming.py"
"""The two leaves of the one door to Telethon's private names."""
PICKLERS = ("benchmarks/pickled.py", "telefast/cli/pickled.py")
"""A rival that is measured: the first reads what it has written itself, the second, of the demo,
only tells how long a pickle is."""
TASKS = ("telefast/tasks.py", "telefast/testing/tasks.py")
"""Where tasks are started; the second because testing imports no room of telefast."""


def _paths(*folders: str) -> list[str]:
    return sorted(
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if not {".venv", "node_modules"} & set(path.parts)  # of `make foreign`
    )


LIBRARY = _paths("telefast")
TESTS = [path for path in _paths("tests") if Path(path).name.startswith("test_")]
EVERYTHING = _paths("telefast", "tests", "benchmarks", "examples", "docs")


@cache
def _tree(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text("utf-8"), path)


def _imports(path: str) -> Iterator[tuple[str, int]]:
    """Yield each imported name with its line: `a.b` for both `import a.b` and `from a import b`."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def _is_within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _pyproject() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _pure() -> list[str]:
    contracts = _pyproject()["tool"]["importlinter"]["contracts"]  # type: ignore[index]
    [contract] = [each for each in contracts if each["name"] == "decisions are pure"]
    return [f"{name.replace('.', '/')}.py" for name in contract["source_modules"]]


@pytest.mark.parametrize("path", [path for path in EVERYTHING if path not in PICKLERS])
def test_nothing_is_pickled(path: str) -> None:
    """No module imports a pickler, nor `multiprocessing`, which pickles all that it passes on."""
    banned = ("pickle", "_pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve")
    found = [
        f"{path}:{line}: {name}"
        for name, line in _imports(path)
        if _is_within(name, *banned, "multiprocessing", "concurrent.futures.ProcessPoolExecutor")
    ]
    assert [] == found


def test_library_cannot_read_a_pickle() -> None:
    """What the demo has of `pickle` makes one, and only the demo's table asks for its length."""
    [pickler] = [path for path in PICKLERS if path in LIBRARY]
    found = {name for name, _ in _imports(pickler) if _is_within(name, "pickle")}
    assert {"pickle.HIGHEST_PROTOCOL", "pickle.dumps"} == found
    name = pickler.removesuffix(".py").replace("/", ".")
    users = [path for path in LIBRARY if any(_is_within(each, name) for each, _ in _imports(path))]
    assert ["telefast/cli/storage.py"] == users


@pytest.mark.parametrize("path", [path for path in LIBRARY if path not in TASKS])
def test_tasks_are_started_in_one_place(path: str) -> None:
    """No other module starts a task, by whatever name: each task has an owner that ends it."""
    starters = {"create_task", "ensure_future", "gather", "run_coroutine_threadsafe", "TaskGroup"}
    found = [
        f"{path}:{node.lineno}: {name}"
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute | ast.Name)
        and (name := node.attr if isinstance(node, ast.Attribute) else node.id) in starters
    ]
    assert [] == found


@pytest.mark.parametrize("path", [path for path in LIBRARY if path not in DOOR])
def test_private_telethon_has_one_door(path: str) -> None:
    """Nothing else imports Telethon's client or network modules or a private name of it.

    (Private attributes are ruff's business, SLF001; `getattr` with a constant is seen here.)
    """
    found = [
        f"{path}:{line}: {name}"
        for name, line in _imports(path)
        if _is_within(name, "telethon.client", "telethon.network")
        or (_is_within(name, "telethon") and re.search(r"\._(?!_)", name))
    ]
    found += [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"getattr", "setattr", "hasattr", "delattr"}
        and isinstance(node.args[1], ast.Constant)
        and re.match(r"_(?!_)", str(node.args[1].value))
        and ast.unparse(node.args[0]) not in {"self", "cls"}
    ]
    assert [] == found


@pytest.mark.parametrize("path", _pure())
def test_decisions_are_pure(path: str) -> None:
    """A module that decides awaits nothing, reads no clock, and imports data only.

    The import contract forbids loops, clocks and sockets; of Telethon, types, errors and the
    reader of bytes are data, and so are three functions of nothing but their arguments.
    """
    tree = _tree(path)
    waits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    found = [f"{path}:{node.lineno}: waits" for node in ast.walk(tree) if isinstance(node, waits)]
    found += [
        f"{path}:{node.lineno}: reads the clock"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today", "monotonic"}
    ]
    data = ("telethon.tl", "telethon.types", "telethon.functions", "telethon.errors")
    data += ("telethon.extensions.binaryreader",)  # bytes in, objects out
    data += ("telethon.utils.get_input_peer", "telethon.utils.get_peer_id")
    data += ("telethon.utils.stripped_photo_to_jpg",)
    found += [
        f"{path}:{line}: imports {name}"
        for name, line in _imports(path)
        if _is_within(name, "telethon") and not _is_within(name, *data)
    ]
    found += [
        f"{path}:{line}: imports {name}"
        for name, line in _imports(path)
        if _is_within(name, "telefast")
        and not _is_within(name, "telefast.errors")
        and f"{name.rpartition('.')[0].replace('.', '/')}.py" not in _pure()
    ]
    assert [] == found


@pytest.mark.parametrize("path", LIBRARY)
def test_nobody_imports_the_root(path: str) -> None:
    """Inside, names come from where they are defined: the root package is for users."""
    modules = {Path(each).with_suffix("").as_posix().replace("/", ".") for each in LIBRARY}
    modules |= {name.removesuffix(".__init__") for name in modules}
    found = [
        f"{path}:{line}: {name}"
        for name, line in _imports(path)
        if name == "telefast" or (name.count(".") == 1 and _is_within(name, "telefast"))
        if name not in modules
    ]
    assert [] == found


@pytest.mark.parametrize("path", LIBRARY)
def test_module_says_what_it_offers(path: str) -> None:
    """Each module has a docstring and an `__all__` in ruff's order, of names that it has."""
    tree = _tree(path)
    assert ast.get_docstring(tree)
    if Path(path).name == "__main__.py":
        return
    offered = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    if not offered:
        assert Path(path).name == "__init__.py", "a module without __all__"
        assert len(tree.body) <= 2
        return
    [names] = offered
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith("_") and name != "__version__"]


@pytest.mark.parametrize("path", TESTS)
def test_test_says_what_must_hold(path: str) -> None:
    """Each test has a docstring."""
    found = [
        f"{path}:{node.lineno}: {node.name}"
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert [] == found


def _in_virtual_time(tree: ast.Module) -> list[ast.AsyncFunctionDef]:
    """Return the functions that are decorated with `virtual_time` or handed to `run_virtual`."""
    run = {
        ast.unparse(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "run_virtual" and node.args
    }
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef)
        and (
            node.name in run
            or any(ast.unparse(mark).startswith("virtual_time") for mark in node.decorator_list)
        )
    ]


@pytest.mark.parametrize("path", TESTS)
def test_no_test_sleeps(path: str) -> None:
    """A test waits for events; `sleep(0)`, which only lets others run, is the exception.

    So is virtual time, in which no one waits: functions for `virtual_time` or `run_virtual`.
    """
    tree = _tree(path)
    unreal = {inner for node in _in_virtual_time(tree) for inner in ast.walk(node)}
    found = [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and node not in unreal
        and ast.unparse(node.func).rpartition(".")[2] == "sleep"
        and [ast.unparse(argument) for argument in node.args] != ["0"]
    ]
    assert [] == found


def test_ci_calls_make_targets() -> None:
    """`.ci/run` is executable and calls targets that exist; `make help` lists all there are."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    [phony] = re.findall(r"^\.PHONY: (setup .*)$", makefile, re.MULTILINE)
    script = ROOT / ".ci" / "run"
    [called] = re.findall(r"^for target in (.*); do$", script.read_text("utf-8"), re.MULTILINE)
    assert script.stat().st_mode & 0o111
    assert set(called.split()) <= set(phony.split())
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"],  # noqa: S607 - as a user types it
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert sorted(phony.split()) == sorted(line.split()[0] for line in listed.splitlines())


def test_changelog_and_dependencies() -> None:
    """There is a changelog with a place for what comes, and each dependency has its reason."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert "## [Unreleased]" in changelog
    order = ["Security", "Removed", "Deprecated", "Added", "Changed", "Fixed"]
    for release in changelog.split("\n## ")[1:]:
        sections = re.findall(r"^### (.*)$", release, re.MULTILINE)
        assert sorted(sections, key=order.index) == sections
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    [block] = re.findall(r"^dependencies = \[\n(.*?)^\]$", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for line in block.splitlines()]
    for before, line in zip(["", *lines], lines, strict=False):
        assert line.startswith("#") or before.startswith("#"), f"{line} has no reason above it"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md"])
def test_links_of_pages_beside_the_guide(page: str) -> None:
    """Sphinx does not see these pages; each link of them leads to a file all the same."""
    path = ROOT / page
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
    assert [] == [link for link in links if not (path.parent / link).exists()]
