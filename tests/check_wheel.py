"""Build the sdist and the wheel, look at them, install the wheel and use it from an empty folder.

The tests run on the sources; this is what a user gets. Run by `make check-wheel`. With `--release`
it asks for what only a release has, too: addresses of the project, a dated changelog, a tag.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

from markdown_it import MarkdownIt
from packaging.metadata import Metadata

ROOT = Path(__file__).parent.parent

IMPORT = """
import sys
import telefast, telefast.testing
assert "site-packages" in telefast.__file__, telefast.__file__
heavy = {"pydantic", "rich", "typer", "pytest"} & set(sys.modules)
assert not heavy, f"import telefast has imported {heavy}"
from telefast import *
print("telefast", telefast.__version__)
for extra, module in (("prometheus", "prometheus"), ("testing", "testing.plugin")):
    try:
        __import__(f"telefast.{module}")
    except MissingExtraError as error:
        assert f"pip install 'telefast[{extra}]'" in str(error), error
    else:
        raise AssertionError(f"{module} is imported without its extra")
"""

EXPOSITION = """
from telefast import Metrics
from telefast.prometheus import exposition
metrics = Metrics()
metrics.add("requests", 3)
assert "telefast_requests_total 3.0" in exposition(metrics), exposition(metrics)
"""

PLUGIN_TEST = """
import asyncio
from telefast import BatchedHistory
from telefast.testing import LocalTelegram

pytest_plugins = ["telefast.testing.plugin"]

def test_reading(telegram_world, telegram_options):
    telegram_world.add_channel("Ships", message_count=250, username="ships")
    async def read():
        async with LocalTelegram(telegram_world, **telegram_options) as telegram:
            async with telegram.client() as client:
                return [message.id async for message in BatchedHistory(client, "ships")]
    assert len(asyncio.run(read())) == 250
"""


def run(*command: str | Path, cwd: Path, status: int = 0) -> str:
    """Run *command* in *cwd* without the settings of this process; end when it fails."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    shown = " ".join(str(word) if "\n" not in str(word) else "..." for word in command)
    print(f"$ {shown}", flush=True)
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != status:
        sys.exit(f"{done.stdout}\nended with {done.returncode}, not {status}")
    return done.stdout


def check_metadata(text: str) -> None:
    """Refuse metadata that an index would refuse, or a README that it could not show."""
    found = Metadata.from_email(text, validate=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert (found.name, str(found.version)) == (project["name"], project["version"])
    assert str(found.requires_python) == project["requires-python"]
    assert sorted(found.provides_extra or []) == sorted(project["optional-dependencies"])
    assert found.classifiers == project["classifiers"]
    assert found.license_expression == "MIT"
    assert found.description_content_type == "text/markdown"
    assert found.description == (ROOT / "README.md").read_text("utf-8")
    shown = MarkdownIt("commonmark").enable("table").render(found.description)
    assert "<h1>" in shown
    # An index takes scripts and styles out, and shows the rest as text.
    assert not re.search("&lt;(script|style|img)|<(script|style)", shown)


def check_wheel(wheel: Path) -> None:
    """Refuse a wheel that holds more or less than the package."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        packed = {name for name in names if not name.startswith("telefast-")}
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        check_metadata(archive.read(metadata).decode())
    sources = (ROOT / "telefast").rglob("*")
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in sources
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == wanted, packed ^ wanted
    assert "telefast/py.typed" in packed
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names), "no license"


def check_sdist(sdist: Path, folder: Path) -> None:
    """Refuse an sdist from which one cannot go on: what git has is there, and tests are found."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    [unpacked] = folder.iterdir()
    packed = {
        path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()
    }
    if (ROOT / ".git").exists():
        tracked = run("git", "ls-files", "--cached", cwd=ROOT).split()
        missing = {name for name in tracked if (ROOT / name).exists()} - packed
        assert not missing, f"the sdist lacks {sorted(missing)}"
        extra = packed - {*tracked, "PKG-INFO"}
        assert not extra, f"the sdist has {sorted(extra)}, which git has not"
    pytest = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    found = run(*pytest, "--collect-only", "tests", cwd=unpacked).splitlines()[-1]
    print(found)
    run(*pytest, "tests/test_project.py", "tests/unit/test_checks.py", cwd=unpacked)


def check_installed(wheel: Path, folder: Path) -> None:
    """Use the wheel from an empty folder: bare, then with each extra."""
    empty = folder / "empty"
    empty.mkdir()
    run(sys.executable, "-m", "venv", folder / "venv", cwd=empty)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "-q")
    run(*pip, wheel, cwd=empty)
    run(python, "-c", IMPORT, cwd=empty)
    said = run(python, "-m", "telefast", "--help", cwd=empty, status=2)
    assert "pip install 'telefast[cli]'" in said, said

    run(*pip, f"{wheel}[cli]", cwd=empty)
    assert "demo" in run(python, "-m", "telefast", "--help", cwd=empty)
    run(*pip, f"{wheel}[prometheus]", cwd=empty)
    run(python, "-c", EXPOSITION, cwd=empty)
    run(*pip, f"{wheel}[testing]", cwd=empty)
    assert not list(empty.iterdir()), "telefast has left files behind"
    (empty / "test_it.py").write_text(PLUGIN_TEST, "utf-8")
    run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py", cwd=empty)


def check_release(version: str) -> None:
    """Refuse a release that readers could not find their way around."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project.get("urls"), "[project.urls] of pyproject.toml is empty"
    links = re.findall(r"\]\((?!https://)(.*?)\)", (ROOT / "README.md").read_text("utf-8"))
    assert not links, f"links of README.md that lead nowhere on an index: {links}"
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    dated = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    assert re.search(dated, changelog, re.MULTILINE), f"CHANGELOG.md has no dated {version}"
    assert run("git", "status", "--porcelain", cwd=ROOT) == "", "there are changes not committed"
    tag = run("git", "tag", "--points-at", "HEAD", cwd=ROOT).split()
    assert f"v{version}" in tag, f"HEAD has no tag v{version}"


def main() -> None:
    """Build, look, install, use."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    if "--release" in sys.argv[1:]:
        check_release(version)
    with tempfile.TemporaryDirectory(prefix="telefast-wheel-") as name:
        folder = Path(name)
        # sdist first, wheel from it: so the sdist is known to make the same wheel.
        run(sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT, cwd=folder)
        [wheel] = (folder / "dist").glob("*.whl")
        [sdist] = (folder / "dist").glob("*.tar.gz")
        check_wheel(wheel)
        (folder / "unpacked").mkdir()
        check_sdist(sdist, folder / "unpacked")
        check_installed(wheel, folder)
    print(f"telefast {version}: sdist and wheel are good")


if __name__ == "__main__":
    main()
