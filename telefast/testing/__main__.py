"""The embedded Telegram's own process; `LocalTelegram(world, process=True)` starts it.

The order, one line of JSON on standard input:

- `world`: what `World.recipe` returned
- `keys`: the authorization key of each account, which clients share with the server, 512
  hexadecimal digits
- `gzip`: as in `LocalTelegram`
- `budgets`: the flood limits, as `Budget.as_json` has them
- `differing`: the data centres that differ from the others, as `datacentres.as_data` has them
- `options`: its other options

The first line of the answer holds `addresses`: of each, what `Address` has, in order. Then each
command, `{"do": "sync"}`, `drop`, `warm` or `stop`, is answered with the state: `requests`,
`unknown` and `failures`. The end of standard input ends the process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, TextIO

from telefast.testing.datacentres import DataCentre, DataCentres
from telefast.testing.dispatcher import Dispatcher
from telefast.testing.flood_model import Budget
from telefast.testing.keys import ServerKey
from telefast.testing.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["main"]


def main() -> int:
    """Serve until told to stop, or until standard input ends."""
    if sys.stdin.isatty():
        sys.stderr.write("usage: LocalTelegram(world, process=True) starts this module\n")
        return 2
    # Ctrl-C reaches the whole process group; when to end is for the parent to decide.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = sys.stdin.buffer.readline()
    if not line:
        return 0
    # Answers go out on a copy, so that no stray print can mix with them.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        asyncio.run(_serve(json.loads(line), answers))
    return 0


async def _serve(order: Mapping[str, Any], answers: TextIO) -> None:
    """Run the server and take commands."""
    dispatcher = Dispatcher(
        World.from_recipe(order["world"]),
        gzip=order["gzip"],
        budgets=[Budget.from_json(budget) for budget in order["budgets"]],
    )
    keys = [
        ServerKey(bytes.fromhex(key), is_initialized=True, account=number)
        for number, key in enumerate(order["keys"])
    ]
    differing = [DataCentre(**each) for each in order["differing"]]
    server = DataCentres(dispatcher, keys, differing=differing, options=order["options"])
    addresses = await server.start()
    commands = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin.buffer
    )
    try:
        _say(answers, {"addresses": [astuple(each) for each in addresses]})
        while line := await commands.readline():
            command = json.loads(line)["do"]
            if command == "drop":
                await server.drop_connections()
            elif command == "warm":
                dispatcher.world.warm()
            elif command == "stop":
                await server.aclose()
            _say(answers, _state(dispatcher))
            if command == "stop":
                break
    except BrokenPipeError:
        pass  # The parent is gone.
    finally:
        transport.close()
        await server.aclose()


def _state(dispatcher: Dispatcher) -> dict[str, Any]:
    """Return what the parent wants to know."""
    return {
        "requests": dispatcher.ledger.snapshot(),
        "unknown": dispatcher.unknown,
        "takeouts": dispatcher.takeouts.sessions,
        "failures": ["".join(traceback.format_exception(e)) for e in dispatcher.failures],
    }


def _say(answers: TextIO, answer: Mapping[str, Any]) -> None:
    """Write one line to the parent."""
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
