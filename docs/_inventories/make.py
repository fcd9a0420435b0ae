"""Write the inventories that let the documentation link to Python's and Telethon's.

Sphinx would fetch them from the network; the build has none, and needs only these few names. To
link to another name, add it here and run `python docs/_inventories/make.py`. The format is version
1 of Sphinx inventories, which is plain text.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent

PYTHON = {
    "library/asyncio-exceptions.html": ["exception asyncio.CancelledError"],
    "library/asyncio-eventloop.html": ["class asyncio.AbstractEventLoop"],
    "library/asyncio-future.html": ["class asyncio.Future"],
    "library/asyncio-sync.html": ["class asyncio.Event"],
    "library/collections.abc.html": [
        f"class collections.abc.{name}"
        for name in (
            "AsyncIterable",
            "AsyncIterator",
            "Awaitable",
            "Callable",
            "Iterable",
            "Iterator",
            "Mapping",
            "Sequence",
        )
    ],
    "library/constants.html": ["data None", "data True", "data False"],
    "library/datetime.html": ["class datetime.date", "class datetime.datetime"],
    "library/exceptions.html": [
        f"exception {name}"
        for name in (
            "ConnectionError",
            "Exception",
            "RuntimeError",
            "StopAsyncIteration",
            "TimeoutError",
            "ValueError",
        )
    ],
    "library/functions.html": ["class object", "class bool", "class int", "class float"],
    "library/logging.html": ["class logging.Logger", "class logging.LogRecord"],
    "library/os.html": ["class os.PathLike"],
    "library/pathlib.html": ["class pathlib.Path"],
    "library/stdtypes.html": [
        f"class {name}" for name in ("bytes", "dict", "list", "range", "set", "str", "tuple")
    ],
    "library/typing.html": ["data typing.Any", "data typing.Literal", "data typing.Self"],
}

TELETHON = {
    "modules/client.html": [
        "class telethon.client.telegramclient.TelegramClient",
        "method telethon.client.messages.MessageMethods.iter_messages",
    ],
    "modules/custom.html": ["class telethon.tl.custom.message.Message"],
    "modules/errors.html": [
        "exception telethon.errors.rpcbaseerrors.RPCError",
        "exception telethon.errors.rpcbaseerrors.FloodError",
    ],
    "modules/helpers.html": ["class telethon.helpers.TotalList"],
    "modules/sessions.html": ["class telethon.sessions.string.StringSession"],
}


def write(project: str, version: str, pages: dict[str, list[str]]) -> None:
    """Write the inventory of *project*."""
    lines = ["# Sphinx inventory version 1", f"# Project: {project}", f"# Version: {version}"]
    for page, names in pages.items():
        for each in names:
            role, name = each.split()
            lines.append(f"{name} {role} {page}")
    (HERE / f"{project.lower()}.inv").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    write("Python", "3", PYTHON)
    write("Telethon", "1", TELETHON)
