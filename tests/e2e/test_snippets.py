"""The Python in README, guides and the testing package's docstring, run as it stands."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import telefast.testing
from telefast.testing import LocalTelegram, World

ROOT = Path(__file__).parents[2]
GUIDES = [path for path in ROOT.glob("docs/**/*.md") if "_build" not in path.parts]
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in GUIDES)]

pytestmark = pytest.mark.e2e


def _snippets(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


async def _run(snippet: str, names: dict[str, Any]) -> None:
    """Run *snippet*, which may await at its top level as in `python -m asyncio`."""
    code = compile(snippet, "snippet", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)  # noqa: S307 - our own documentation
    if inspect.isawaitable(result):
        await result


@pytest.mark.parametrize("page", PAGES)
async def test_page(
    page: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each snippet of a page works, one after the other, with a connected client at hand."""
    monkeypatch.chdir(tmp_path)
    snippets = _snippets((ROOT / page).read_text("utf-8"))
    world = World(seed=7)
    world.add_channel("Some channel", message_count=250, username="some_channel")
    news = world.add_channel("News", message_count=9, megagroup=False, username="some_news")
    world.link(news, world.add_channel("Talk", message_count=20))
    world.discuss(news, 5, 7, comments=3)
    world.add_forum("Some forum", topics=12, message_count=600, username="some_forum")
    stored: list[Any] = []

    async def store(messages: list[Any]) -> None:
        stored.extend(messages)

    async with LocalTelegram(world) as telegram, telegram.client() as client:
        for snippet in snippets:
            names: dict[str, Any] = {"client": client, "store": store}
            if "history.batches()" in snippet:  # goes on from the snippet before it
                names["history"] = telefast.BatchedHistory(client, "some_channel")
            await _run(snippet, names)
            if "export" in names:
                await names["export"](client, "some_channel")
                assert "250 3" in capsys.readouterr().out.splitlines()[-1]
        assert not telegram.unknown
    assert len(stored) in (0, 250)


async def test_docstring_of_testing() -> None:
    """The test in the docstring of `telefast.testing` passes for stock Telethon's iterator."""
    [snippet] = _snippets(inspect.getdoc(telefast.testing) or "")
    names: dict[str, Any] = {
        name: getattr(telefast.testing, name) for name in telefast.testing.__all__
    }
    names["my_export"] = lambda client, chat: client.iter_messages(chat, wait_time=0)
    await _run(snippet, names)
    [test] = [value for name, value in names.items() if name.startswith("test_")]
    await test()
