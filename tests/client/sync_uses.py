"""A program in the style of `telethon.sync`: no `async`, no loop that it knows of.

Run by `test_wrap_sync` in a process of its own, since that module changes Telethon's classes for
the whole process. Arguments: how it is imported, a session string, a folder.
"""

from __future__ import annotations

import sys
from typing import Any

if sys.argv[1] == "early":
    from telethon.sync import TelegramClient
else:
    from telethon import TelegramClient

from telethon import functions
from telethon.sessions import StringSession

from telefast import wrap


def main(how: str, session: str, folder: str) -> None:
    """Use a wrapped client as one uses a client there."""
    client: Any = TelegramClient(StringSession(session), 1, "0" * 32)
    if how == "never":
        plain(client)
        return
    with wrap(client, concurrency=4) as fast:
        assert client.is_connected()
        assert fast.get_me().is_self
        assert list(range(300, 0, -1)) == [m.id for m in fast.iter_messages("files")]
        messages = fast.iter_messages("files", reverse=True)
        for message in messages:
            if message.id == 5:
                break
        assert list(range(1, 301)) == [m.id for m in messages]  # begun anew
        found = fast.get_messages("files", limit=3)
        assert [300, 299, 298] == [m.id for m in found]
        assert 300 == found.total
        [message] = fast.get_messages("files")
        data = fast.download_media(message, bytes)
        path = fast.download_media(message, folder + "/")
        with open(path, "rb") as file:  # noqa: PTH123
            assert data == file.read()
        assert data == b"".join(fast.iter_download(message, chunk_size=100_000))
        with fast.iter_download(message) as stream:
            assert data[:1000] == next(stream)[:1000]
        peer = fast.get_input_entity("files")
        assert fast(functions.channels.GetFullChannelRequest(peer)).full_chat.id
        with fast.takeout() as takeout:
            assert 300 == len(takeout.get_messages("files", limit=None))
        fast.aclose()
        fast.loop.run_until_complete(within(fast))
    assert not client.is_connected()
    print("done")


async def within(fast: Any) -> None:
    """Where a loop runs, all is as without that module."""
    assert [300] == [m.id for m in await fast.get_messages("files")]
    assert 300 == len([m.id async for m in fast.iter_messages("files")])
    assert await fast.download_media(await fast.get_messages("files", ids=300), bytes)
    assert (await fast.start()) is fast
    try:
        iter(fast.iter_messages("files"))
    except RuntimeError as error:
        assert "async for" in str(error)
    else:
        raise AssertionError("a plain `for` within a loop")


def plain(client: Any) -> None:
    """What works where `telethon.sync` was never imported: iterators, `start`, `with`."""
    with wrap(client) as fast:
        assert list(range(300, 0, -1)) == [m.id for m in fast.iter_messages("files")]
        assert fast.start() is fast
        coroutine = fast.get_messages("files")
        assert [300] == [m.id for m in fast.loop.run_until_complete(coroutine)]
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
