"""Build the wheel, install it into an empty environment and use it from an empty folder.

The tests run on the sources; this is what a user gets. Run by `make check-wheel`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent

IMPORT = """
import sys
import telefast, telefast.testing
heavy = {"pydantic", "rich", "typer", "pytest"} & set(sys.modules)
assert not heavy, f"import telefast has imported {heavy}"
assert "site-packages" in telefast.__file__, telefast.__file__
from telefast import *
print("telefast", telefast.__version__)
"""


def run(*command: str | Path, cwd: Path) -> None:
    """Run *command* in *cwd* without the settings of this process; end when it fails."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    shown = " ".join(str(word) if "\n" not in str(word) else "..." for word in command)
    print(f"$ {shown}", flush=True)
    subprocess.run([str(word) for word in command], cwd=cwd, env=environ, check=True)


def main() -> None:
    """Build, install, import, start."""
    with tempfile.TemporaryDirectory(prefix="telefast-wheel-") as name:
        folder = Path(name)
        empty = folder / "empty"
        empty.mkdir()
        # sdist first, wheel from it: so the sdist is known to be complete as well.
        run(sys.executable, "-m", "build", "--outdir", folder / "dist", ROOT, cwd=empty)
        [wheel] = (folder / "dist").glob("*.whl")
        packed = zipfile.ZipFile(wheel).namelist()
        assert "telefast/py.typed" in packed, "the wheel has no py.typed"
        assert not [path for path in packed if not path.startswith("telefast")], packed

        run(sys.executable, "-m", "venv", folder / "venv", cwd=empty)
        python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "-q")
        run(*pip, wheel, cwd=empty)
        run(python, "-c", IMPORT, cwd=empty)
        run(*pip, f"{wheel}[cli]", cwd=empty)
        run(python, "-m", "telefast", "--help", cwd=empty)
        assert not list(empty.iterdir()), "telefast has left files behind"


if __name__ == "__main__":
    main()
