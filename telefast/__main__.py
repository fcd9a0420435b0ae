"""`python -m telefast`: the command line."""

from __future__ import annotations

import sys

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


def main() -> int:
    """Run the command that the arguments name.

    Returns:
        Exit status, where the command does not end the program itself.
    """
    try:
        return _run()
    except KeyboardInterrupt:  # while importing: a command that runs sees to it itself
        return INTERRUPTED


def _run() -> int:
    try:
        from telefast.cli.app import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"typer", "rich", "click"}:
            raise
        sys.stderr.write(
            "error: the command line needs typer and rich: pip install 'telefast[cli]'\n"
        )
        return 2
    app(prog_name="python -m telefast")
    return 0


if __name__ == "__main__":
    sys.exit(main())
