"""Are budgets kept apart where they must be, and shared where they must be?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.errors import ArgumentError
from telefast.testing import (
    Budget,
    FixedWindow,
    FloodProfile,
    Lockout,
    TokenBucket,
    flood_profile,
)
from telefast.testing.flood_model import FAMILIES, MAX_STATES, Asked, FloodModel, Refusal, family_of
from telefast.testing.flood_profiles import FLOOD_PROFILES

HISTORY = Asked("messages.getHistory")
FILE = Asked("upload.getFile", size=1024 * 1024)
ONE = TokenBucket(burst=1, rate=0.1)
NOW = 1_700_000_000.0


def one(family: str = "history", **options: Any) -> FloodModel:
    """Return a model with one budget, of one request in ten seconds."""
    return FloodModel([Budget(family=family, limit=options.pop("limit", ONE), **options)])


def test_families_have_no_method_in_common() -> None:
    """Each method is of one family; those that nobody named are of `other`."""
    methods = [method for family in FAMILIES.values() for method in family]
    assert len(methods) == len(set(methods))
    assert {family_of(method) for method in methods} == set(FAMILIES)
    assert family_of("users.getUsers") == "other"


@pytest.mark.parametrize("family", [*FAMILIES, "other"])
def test_a_family_has_one_budget(family: str) -> None:
    """All methods of a family draw from its budget, no other method does."""
    methods = sorted(FAMILIES.get(family, {"users.getUsers", "help.getConfig"}))
    model = one(family)
    assert model.judge(Asked(methods[0]), NOW) is None
    assert [model.judge(Asked(method), NOW) for method in methods] == [Refusal(10)] * len(methods)
    others = [min(each) for name, each in FAMILIES.items() if name != family]
    assert [model.judge(Asked(method), NOW) for method in others] == [None] * len(others)


def test_a_budget_may_be_for_one_method() -> None:
    """A budget that names a method leaves the others of its family alone."""
    model = one("messages.search")
    assert model.judge(Asked("messages.search"), NOW) is None
    assert model.judge(Asked("messages.search"), NOW) == Refusal(10)
    assert model.judge(HISTORY, NOW) is None


@pytest.mark.parametrize(
    ("per", "shared"),
    [
        (("account",), {"dc", "connection"}),
        (("account", "dc"), {"connection"}),
        (("account", "dc", "connection"), set()),
        (("dc",), {"account", "connection"}),
        ((), {"account", "dc", "connection"}),
    ],
    ids=lambda names: "-".join(sorted(names)),  # the same in each worker of a parallel run
)
def test_budgets_belong_to_whom_they_say(per: Any, shared: set[str]) -> None:
    """Who differs in what a budget is kept by has one of its own; the others share."""
    model = one(per=per)
    assert model.judge(HISTORY, NOW) is None
    changes = {"account": 1, "dc": 4, "connection": 2}
    for name, value in changes.items():
        other = HISTORY._replace(**{"dc_id" if name == "dc" else name: value})
        assert (model.judge(other, NOW) is None) == (name not in shared), name


def test_before_login_there_is_a_budget_of_its_own() -> None:
    """Requests without an account share one budget, apart from all accounts'."""
    model = one("auth-exports")
    stranger = Asked("auth.importAuthorization", account=None)
    assert model.judge(stranger, NOW) is None
    assert model.judge(stranger, NOW) == Refusal(10)
    assert model.judge(stranger._replace(account=0), NOW) is None


@pytest.mark.rule("flood.takeout-apart")
def test_a_takeout_has_budgets_of_its_own_where_the_profile_says_so() -> None:
    """Takeout requests draw from takeout budgets alone, of families that have one."""
    takeout = Budget(family="history", limit=TokenBucket(burst=3, rate=1), is_takeout=True)
    plain = [Budget(family=family, limit=ONE) for family in ("history", "dialogs")]
    model = FloodModel([*plain, takeout])
    inside = HISTORY._replace(is_takeout=True)
    assert [model.judge(inside, NOW) for _ in range(4)] == [None, None, None, Refusal(1)]
    assert [model.judge(HISTORY, NOW) for _ in range(2)] == [None, Refusal(10)]
    dialogs = Asked("messages.getDialogs", is_takeout=True)
    assert [model.judge(dialogs, NOW) for _ in range(2)] == [None, Refusal(10)]
    assert model.judge(dialogs._replace(is_takeout=False), NOW) == Refusal(10)


@pytest.mark.rule("flood.premium-wait")
def test_premium_waits_spare_premium() -> None:
    """Their name is another, and accounts with Premium can be free of them."""
    model = one("files", is_premium_wait=True, spares_premium=True)
    assert model.judge(FILE, NOW) is None
    refusal = model.judge(FILE, NOW)
    assert refusal is not None
    assert refusal.message == "FLOOD_PREMIUM_WAIT_10"
    premium = FILE._replace(is_premium=True)
    assert [model.judge(premium, NOW) for _ in range(9)] == [None] * 9


def test_bytes_are_counted_where_a_budget_says_so() -> None:
    """A budget of bytes looks at what is asked of files, and at nothing else."""
    limit = TokenBucket(burst=3 * 1024 * 1024, rate=1024 * 1024)
    model = one("files", limit=limit, unit="bytes")
    small = FILE._replace(size=1024)
    assert [model.judge(FILE, NOW) for _ in range(4)] == [None, None, None, Refusal(1)]
    assert model.judge(FILE._replace(size=0), NOW) is None
    assert model.judge(small, NOW + 0.5) is None
    assert model.judge(FILE, NOW + 1) == Refusal(1)


def test_a_request_must_be_within_all_its_budgets() -> None:
    """The longest wait is told, and the budgets that would have allowed it lose nothing."""
    wide = Budget(family="history", limit=FixedWindow(count=3, seconds=60))
    narrow = Budget(family="messages.search", limit=ONE)
    model = FloodModel([wide, narrow])
    search = Asked("messages.search")
    assert model.judge(search, NOW) is None
    assert [model.judge(search, NOW) for _ in range(5)] == [Refusal(10)] * 5
    assert [model.judge(HISTORY, NOW) for _ in range(3)] == [None, None, Refusal(60)]
    assert model.judge(search, NOW) == Refusal(60)


@pytest.mark.rule("flood.whole-seconds")
@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 3),
        ({"least_wait": 7}, 7),
        ({"least_wait": 2}, 3),
        ({"stretch": 2.0}, 5),
        ({"limit": TokenBucket(burst=1, rate=50)}, 1),
        ({"limit": TokenBucket(burst=1, rate=0.5), "fine": 1.0}, 4),
        ({"limit": Lockout(burst=1, rate=1, wait=20)}, 20),
    ],
    ids=repr,
)
def test_waits_are_whole_seconds_and_at_least_one(options: dict[str, Any], seconds: int) -> None:
    """What is announced is rounded up, stretched, and never less than the least."""
    model = one(**({"limit": TokenBucket(burst=1, rate=0.4)} | options))
    assert model.judge(HISTORY, NOW) is None
    assert model.judge(HISTORY, NOW) == Refusal(seconds)


asks = st.lists(
    st.tuples(
        st.sampled_from(["messages.getHistory", "messages.search", "upload.getFile"]),
        st.integers(0, 1),
        st.integers(1, 2),
        st.booleans(),
        st.one_of(st.just(0.0), st.floats(0, 20)),
    ),
    min_size=1,
    max_size=60,
)


def play(model: FloodModel, calls: list[Any], now: float) -> list[Refusal | None]:
    """Ask what *calls* say, one after the other."""
    answers = []
    for method, account, connection, is_takeout, wait in calls:
        now += wait
        size = 512 * 1024 if method == "upload.getFile" else 0
        asked = Asked(method, account, 2, connection, size, is_takeout)
        answers.append(model.judge(asked, now))
    return answers


@given(st.sampled_from(sorted(FLOOD_PROFILES)), st.sampled_from(sorted(FLOOD_PROFILES)), asks, asks)
def test_floods_survive_json(name: str, other: str, before: list[Any], after: list[Any]) -> None:
    """Profile and state, sent through JSON, go on as if nothing had been."""
    profile = flood_profile(name) | flood_profile(other)
    copied = FloodProfile.from_json(json.loads(json.dumps(profile.as_json())))
    assert copied == profile
    model, copy = FloodModel(profile.budgets), FloodModel(copied.budgets)
    play(model, before, NOW)
    copy.load(json.loads(json.dumps(model.as_json())))
    assert play(model, after, NOW + 1_300) == play(copy, after, NOW + 1_300)


@pytest.mark.rule("flood.waiting-is-enough")
@given(st.sampled_from(sorted(FLOOD_PROFILES)), asks)
def test_who_waits_as_told_is_let_in(name: str, calls: list[Any]) -> None:
    """With each profile, waiting as long as told is enough, whatever was asked before."""
    refused = 0
    for asked in (HISTORY, HISTORY._replace(is_takeout=True), FILE):
        model = FloodModel(flood_profile(name).budgets)
        play(model, calls, NOW)
        now = NOW + sum(call[-1] for call in calls)
        refusal = next(filter(None, (model.judge(asked, now) for _ in range(100))), None)
        if refusal is not None:
            refused += 1
            assert model.judge(asked, now + refusal.seconds) is None
    assert bool(refused) == (name != "unlimited")


def test_what_is_as_good_as_new_is_forgotten() -> None:
    """Connections that came and went do not fill the memory."""
    model = one("files", per=("account", "connection"))
    for number in range(5 * MAX_STATES):
        assert model.judge(FILE._replace(connection=number), NOW + number) is None
    assert len(model.as_json()) <= MAX_STATES


@pytest.mark.rule("flood.one-page-a-second")
def test_the_plain_profile_gives_one_page_a_second() -> None:
    """A burst of 30, then 60 requests a minute, for two clients of an account together."""
    model = FloodModel(flood_profile("telegram-plain").budgets)
    granted, now, turn = 0, NOW, [1.0, 2.0]
    until = dict.fromkeys(turn, NOW)
    while now < NOW + 600:
        for each in turn:
            if now >= until[each]:
                refusal = model.judge(HISTORY._replace(connection=int(each)), now)
                granted += refusal is None
                until[each] = now + (refusal.seconds if refusal else 0.25)
        now += 0.25
    assert granted == pytest.approx(630, abs=5)


def test_profiles_add_up() -> None:
    """Names are joined with +, budgets are those of both, speeds the lower; none adds nothing."""
    both = flood_profile("telegram-plain + free-download")
    assert both.name == "telegram-plain+free-download"
    parts = [flood_profile(name) for name in ("telegram-plain", "free-download")]
    assert both.budgets == parts[0].budgets + parts[1].budgets
    assert (both.bandwidth, both.dc_bandwidth) == (None, 7_550_000)
    slow = FloodProfile(name="slow", bandwidth=10, dc_bandwidth=9_000_000)
    assert ((both | slow).bandwidth, (both | slow).dc_bandwidth) == (10, 7_550_000)
    unlimited = flood_profile("unlimited")
    assert unlimited | both == both == both | unlimited
    assert unlimited | unlimited == unlimited
    assert flood_profile(both) is both


@pytest.mark.parametrize("profile", FLOOD_PROFILES.values(), ids=lambda each: each.name)
def test_profiles_tell_their_figures_and_sources(profile: FloodProfile) -> None:
    """The line to show beside results names the profile and each figure; sources are named."""
    assert profile.describe().startswith(f"{profile.name}: ")
    assert all(figure in profile.describe() for figure in profile.figures())
    assert profile.source
    assert profile.assumed


def test_budgets_are_told_in_words() -> None:
    """Whatever is not as usual stands in the description."""
    budget = Budget(
        family="files",
        limit=FixedWindow(count=30, seconds=30),
        per=("account", "dc", "connection"),
        is_takeout=True,
        is_premium_wait=True,
        spares_premium=True,
        least_wait=7,
        stretch=1.5,
        fine=1,
    )
    assert budget.describe() == (
        "files: 30 requests in 30 s (per data centre; per connection; in a takeout; "
        "FLOOD_PREMIUM_WAIT; not with Premium; waits of 7 s or more; waits 1.5 times too long; "
        "a refused request costs 1)"
    )


def test_values_that_make_no_budget_are_refused() -> None:
    """A value out of bounds is refused by its name."""
    bad: dict[str, dict[str, Any]] = {
        "family": {"family": "historie"},
        "limit": {"limit": "1/s"},
        "per": {"per": ("user",)},
        "unit": {"unit": "bits"},
        "least_wait": {"least_wait": 0},
        "stretch": {"stretch": 0.5},
        "fine": {"fine": -1},
    }
    for culprit, options in bad.items():
        with pytest.raises(ArgumentError, match=rf"^{culprit}="):
            Budget(**({"family": "history", "limit": ONE} | options))
    for culprit in ("bandwidth", "dc_bandwidth"):
        with pytest.raises(ArgumentError, match=rf"^{culprit}=0"):
            FloodProfile(name="none", **{culprit: 0})  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"^flood='telegram-plane': expected some of unlimited"):
        flood_profile("telegram-plane")


def rows(*cells: tuple[str, ...]) -> str:
    """Return rows of a table of the guide."""
    return "".join(f"| {' | '.join(each)} |\n" for each in cells)


def test_the_guide_has_all_profiles_and_families() -> None:
    """The tables of the guide hold what the code holds, and nothing else."""
    page = (Path(__file__).parents[2] / "docs" / "howto" / "testing-floods.md").read_text("utf-8")
    profiles = rows(
        *(
            (f"`{each.name}`", "<br>".join(each.figures()), each.source, each.assumed)
            for each in FLOOD_PROFILES.values()
        )
    )
    assert f"| --- | --- | --- | --- |\n{profiles}\n" in page
    families = rows(
        *(
            (f"`{name}`", ", ".join(f"`{method}`" for method in sorted(methods)))
            for name, methods in FAMILIES.items()
        ),
        ("`other`", "all others"),
    )
    assert f"| --- | --- |\n{families}\n" in page
