"""A process that writes a forum to files and can be killed at any step it takes on the disk.

As `queue_steps`: it loads once and forks for each run.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from telefast.forum import shelf
from tests.storage.layout_scene import TOPICS, chat, one_pass
from tests.storage.queue_steps import Killer

RENAMED = [TOPICS[0], replace(TOPICS[1], title="Boats", pinned=True), TOPICS[2]]
"""The topics in the second run."""


async def second_run(order: dict[str, Any]) -> None:
    """Add to a forum that is there, as a user would."""
    shelf._FLUSH_AT = 400  # type: ignore[misc]  # so that not all is written at the end
    killer = Killer(order["at"])
    killer.watch()
    await one_pass(
        Path(order["folder"]), chat(30), RENAMED, style="title_id", rewrite=order["rewrite"]
    )
    sys.setprofile(None)
    print(json.dumps({"steps": killer.names}), flush=True)


def serve() -> None:
    """Take orders from stdin, a line each, and fork for each of them; tell how each ended."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(second_run(json.loads(line)))
            except BaseException as error:  # noqa: BLE001 - of a test
                print(json.dumps({"error": repr(error)}), flush=True)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    serve()
