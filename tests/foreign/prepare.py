"""Make the environments of the strangers, side by side; kept until what they hold changes.

Run by `make foreign`. An environment that cannot be made (no npm, no network) leaves its reason
where the tests find it: they are skipped and say why.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
VENVS = FOLDER / ".venv"
MODULES = FOLDER / "node_modules"

OLDEST_NODE = 20
"""Of the releases of Node that are still maintained; mtcute runs on all of them."""


class UnavailableError(Exception):
    """An environment cannot be made here."""


def python_of(name: str) -> Path:
    """Return the Python of an environment."""
    return VENVS / name / "bin" / "python"


def reason(name: str) -> str | None:
    """Return why there is no environment *name*, or None if it is ready."""
    if (MODULES if name == "mtcute" else VENVS / name).joinpath(".complete").exists():
        return None
    note = FOLDER / f".unavailable-{name}"
    return (
        note.read_text("utf-8") if note.exists() else f"no environment {name}: run `make foreign`"
    )


def run(*command: str | Path) -> str:
    """Run a command in `tests/foreign` and return what it says."""
    done = subprocess.run(
        [str(word) for word in command], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no word"]
        told = next((line for line in lines if re.match("(npm )?error", line, re.I)), lines[-1])
        raise UnavailableError(f"{Path(command[0]).name} failed: {told}")
    return done.stdout


def make_venv(name: str, *arguments: str | Path) -> None:
    """Make a virtual environment with what *arguments* ask pip for."""
    folder = VENVS / name
    venv.create(folder, clear=True, symlinks=True)
    pip = (sys.executable, "-m", "pip", "--python", python_of(name), "install")
    run(*pip, "-q", "--disable-pip-version-check", *arguments)


def make_kurigram() -> None:
    """Kurigram and its AES in C."""
    make_venv("kurigram", "--only-binary=tgcrypto-pyrofork", "-r", FOLDER / "kurigram.txt")


def make_telethon() -> None:
    """This library on a Telethon of layer 227."""
    make_venv("telethon-227", "-e", ROOT, "-r", FOLDER / "telethon-227.txt")


def make_mtcute() -> None:
    """mtcute, without the native SQLite of its Node package."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise UnavailableError(f"{program} is not installed")
    version = run("node", "--version").strip()
    if int(version.lstrip("v").partition(".")[0]) < OLDEST_NODE:
        raise UnavailableError(f"node {version} is older than {OLDEST_NODE}")
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


ENVIRONMENTS = {
    "kurigram": (make_kurigram, VENVS / "kurigram", ["kurigram.txt"]),
    "telethon-227": (
        make_telethon,
        VENVS / "telethon-227",
        ["telethon-227.txt", "../../pyproject.toml"],
    ),
    "mtcute": (make_mtcute, MODULES, ["package.json", "package-lock.json"]),
}


def prepare(name: str) -> str:
    """Make one environment unless it is there; return what happened."""
    make, folder, files = ENVIRONMENTS[name]
    # The path, since a moved environment is broken; the Python, since it may have been upgraded.
    held = "".join((FOLDER / file).read_text("utf-8") for file in files) + f"{FOLDER} {sys.version}"
    digest = sha256(held.encode()).hexdigest()
    stamp = folder / ".complete"
    note = FOLDER / f".unavailable-{name}"
    if stamp.exists() and stamp.read_text("utf-8") == digest:
        return "there already"
    stamp.unlink(missing_ok=True)
    note.unlink(missing_ok=True)
    started = time.monotonic()
    try:
        make()
    except UnavailableError as error:
        note.write_text(f"{name} cannot be installed: {error}", "utf-8")
        return f"NOT AVAILABLE: {error}"
    stamp.write_text(digest, "utf-8")
    return f"made in {time.monotonic() - started:.0f} s"


def main() -> None:
    """Make all of them."""
    with ThreadPoolExecutor() as pool:
        for name, outcome in zip(ENVIRONMENTS, pool.map(prepare, ENVIRONMENTS), strict=True):
            print(f"{name}: {outcome}", flush=True)


if __name__ == "__main__":
    main()
