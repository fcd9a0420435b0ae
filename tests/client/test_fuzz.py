"""Many random cases: telefast gives what is owed in each; how often stock does not."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import settings

from telefast.testing import LocalTelegram
from telefast.transport.account import Account
from telefast.transport.retry import RetryPolicy
from tests.client.clock import Clock
from tests.client.exact import ids_of, read, stock
from tests.client.fuzz import ARGUMENTS, Case

WORLDS = min(settings.default.max_examples * 2 // 3, 2000)
"""33 by default, 200 in `make test`, 2,000 in `make test-long`."""


async def ids_by(reader: Any, case: Case, arguments: dict[str, Any]) -> list[int | None]:
    """Return the ids that *reader* gets of a case's chat."""
    async with (
        LocalTelegram(case.world, rules=case.rules()) as telegram,
        telegram.client() as client,
    ):
        await client.get_dialogs()
        Account.of(client).retry = RetryPolicy(max_retries=100)
        return ids_of(await reader(client, case.chat.input_peer(), **arguments))


@pytest.mark.timeout(1800)
async def test_random_worlds(quick_clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Exactly what is owed, whatever the chat, the arguments and the fault."""
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in range(WORLDS):
        case = Case(seed)
        got = await ids_by(read, case, case.arguments)
        if problem := case.problem(got):
            wrong.append(f"{case}: {problem}")
        seen.update(name for name in ARGUMENTS if name in case.arguments)
        seen["fault"] += bool(case.fault)
        seen["three pages"] += len(case.before) > 200
        seen[case.kind] += 1
        again = Case(seed)
        if not again.harms_stock:
            again.arguments.pop("wait_time", None)
            seen["stock asked"] += 1
            seen["stock wrong"] += bool(again.problem(await ids_by(stock, again, again.arguments)))
    with capsys.disabled():
        print(f"\n{WORLDS} worlds:", ", ".join(f"{k} {v}" for k, v in sorted(seen.items())))
    assert wrong == []
    share = 0.2 if WORLDS >= 200 else 0.1  # of few worlds, fewer have an argument by chance
    assert seen["three pages"] >= WORLDS / 2
    assert seen["fault"] >= WORLDS * 0.7 or WORLDS < 200
    assert {name: n for name in ARGUMENTS if (n := seen[name]) < WORLDS * share} == {}
