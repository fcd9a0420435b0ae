"""Does a selector pick exactly the requests that it names?"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import telefast.testing
from telefast.errors import WorldError
from telefast.testing import ErrorOn, Timed, World
from telefast.testing.fault_select import Selector
from telefast.testing.keys import ServerKey
from telefast.testing.ledger import Ledger
from telefast.testing.rpc import Call, Origin

HISTORY = "messages.getHistory"
FILE = "upload.getFile"
WORLD = World(seed=1, user_count=3)
OTHER = WORLD.add_account()

requests = st.lists(
    st.tuples(
        st.sampled_from([HISTORY, "messages.search", FILE, "upload.getFileHashes"]),
        st.sampled_from([2, 4]),
        st.integers(1, 3),
        st.sampled_from([WORLD.account, OTHER]),
        st.floats(0, 10),
    ),
    max_size=30,
)


def picked(asked: Any, method: Any, nth: Any = None, every: Any = None, **where: Any) -> list[int]:
    """Return the places of the requests that a selector picks."""
    selector = Selector("Rule", method, nth, every, where)  # type: ignore[arg-type]
    ledger = Ledger()
    found = []
    for place, (name, dc_id, connection, account, now) in enumerate(asked):
        call = Call(
            name,
            None,
            ledger.on_request(name),
            WORLD,
            origin=Origin(dc_id, connection, ServerKey(bytes(256), account=account.index)),
            now=now,
            ledger=ledger,
            account=account,
        )
        if selector.picks(call):
            found.append(place)
    return found


@given(
    requests,
    st.sampled_from([None, HISTORY, "upload.*", (HISTORY, "upload.getFile"), "*"]),
    st.sampled_from([None, 4, (2, 4)]),
    st.sampled_from([None, 2, (1, 3)]),
    st.sampled_from([None, WORLD.account]),
    st.sampled_from([None, 3]),
    st.sampled_from(["all", "nth", "every", "start"]),
    st.integers(1, 4),
)
def test_what_matches_is_counted(
    asked: Any,
    method: Any,
    dc: Any,
    connection: Any,
    account: Any,
    from_request: Any,
    how: str,
    number: int,
) -> None:
    """nth, every and start are about the list of those requests that match everything else."""

    def is_one_of(value: int, wanted: Any) -> bool:
        return wanted is None or value in ([wanted] if isinstance(wanted, int) else wanted)

    def is_named(name: str) -> bool:
        if isinstance(method, str):
            return name == method or (method[-1] == "*" and name.startswith(method[:-1]))
        return method is None or name in method

    matching = [
        place
        for place, (name, its_dc, its_connection, its_account, _) in enumerate(asked)
        if is_named(name)
        and is_one_of(its_dc, dc)
        and is_one_of(its_connection, connection)
        and account in (None, its_account)
        and (from_request is None or place + 1 >= from_request)
    ]
    expected = {
        "all": matching,
        "nth": matching[number - 1 : number],
        "every": matching[number - 1 :: number],
        "start": matching[number - 1 :],
    }[how]
    where = {"dc": dc, "connection": connection, "account": account, "from_request": from_request}
    given_number = {} if how == "all" else {how: number}
    assert picked(asked, method, **where, **given_number) == expected


def test_the_fifth_part_of_a_data_centre() -> None:
    """Requests of other methods and data centres do not count."""
    asked = [(name, dc, 1, WORLD.account, 0.0) for dc in (4, 2) for name in (FILE, HISTORY)] * 6
    assert picked(asked, FILE, nth=5, dc=4) == [16]
    assert picked(asked, FILE, nth=5) == [8]


def test_a_window_of_time_begins_with_the_first_request_seen() -> None:
    """It takes in its start and not its end, and counts what is in it."""
    asked = [(HISTORY, 2, 1, WORLD.account, 100.0 + second) for second in range(10)]
    assert picked(asked, HISTORY, between=(2, 5)) == [2, 3, 4]
    assert picked(asked, HISTORY, between=(2, 5), nth=2) == [3]


@pytest.mark.parametrize("numbers", [range(2, 4), {2, 3}, [3, 2], (2, 3)], ids=repr)
def test_numbers_come_in_any_collection(numbers: Collection[int]) -> None:
    """A range, a set, a list and a tuple mean the same."""
    asked = [(HISTORY, 2, 1, WORLD.account, 0.0)] * 5
    assert picked(asked, HISTORY, nth=numbers) == [1, 2]


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("messages.getHistry", "is it messages.getHistory?"),
        ((HISTORY, "upload.getfile"), "is it upload.getFile?"),
        ("nowhere.*", "no such method"),
    ],
)
def test_a_misspelt_method_is_refused(method: Any, said: str) -> None:
    """A rule of a method or family that is not there dies at once, and says what was meant."""
    with pytest.raises(WorldError, match=re.escape(said)):
        ErrorOn(method, 420, "FLOOD_WAIT_3")


NEEDED: dict[str, tuple[Any, ...]] = {
    "AskClient": ("state",),
    "BadMessage": (HISTORY, 48),
    "CdnRedirect": (203,),
    "ChangeWorld": (HISTORY, 1, list),
    "ClampAddOffset": (100,),
    "ErrorOn": (HISTORY, 420, "FLOOD_WAIT_3"),
    "GzipErrors": (HISTORY,),
    "HoldBack": (HISTORY, 1, lambda ledger: True),
    "LoseReply": (HISTORY,),
    "NeverAnswer": (HISTORY,),
    "ReplaceMedia": (1, 1, None),
    "Restricted": ((1,),),
    "StrayPackets": ("stale", HISTORY),
    "TakeoutDelay": (5,),
    "TakeoutRequired": (HISTORY,),
    "UnknownConstructor": (HISTORY,),
    "WrongSize": (5,),
}
RULES = [
    name
    for name in telefast.testing.__all__
    if isinstance(kind := getattr(telefast.testing, name), type)
    and issubclass(kind, Timed)
    and kind is not Timed
]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_of_requests_can_be_narrowed(name: str) -> None:
    """Each takes all of `Where`, and is not about a request that does not match."""
    make = getattr(telefast.testing, name)
    arguments = NEEDED.get(name, ())
    narrow = {"dc": 4, "connection": (2, 3), "account": OTHER, "from_request": 9}
    rule = make(*arguments, **narrow, between=(0.0, 5.0))
    call = Call(HISTORY, None, 1, WORLD)
    assert not rule.due(call)
    assert "dc=4" in repr(rule)
