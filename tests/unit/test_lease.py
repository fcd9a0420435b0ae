"""Who begins a takeout, who finishes it, and as what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast.errors import UsageError
from telefast.transport.lease import _REFUSED_FOR, Lease, Scope

SCOPES = st.builds(
    lambda contacts, files, size: Scope(contacts, files, size if files else 0),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
)
USER = st.tuples(st.booleans(), st.sampled_from([None, True, False]))


def opened(scope: Scope | None, users: int = 1) -> Lease:
    """Return a lease of takeout 5 with some users."""
    lease = Lease()
    lease.on_open(5, scope)
    for _ in range(users):
        lease.join(Scope())
    return lease


def test_the_first_begins_or_tries_what_is_there_and_others_join() -> None:
    """Only an id that is not known to be open costs a request."""
    lease = Lease()
    assert lease.next_step(None) == "begin"
    assert lease.next_step(5) == "check"
    lease.on_open(5, Scope())
    assert lease.next_step(5) == "check", "nobody uses it yet"
    lease.join(Scope())
    assert lease.next_step(5) == "join"
    assert lease.next_step(6) == "check", "somebody else has begun another one"
    assert lease.next_step(None) == "begin", "somebody else has finished it"


@given(st.lists(USER, min_size=1, max_size=5), st.booleans())
def test_the_last_to_leave_finishes(users: list[tuple[bool, bool | None]], is_ours: bool) -> None:
    """Nobody finishes before the last; then the flag says whether all were successful.

    Ours is finished unless a user wants it kept; an adopted one only if a user wants it finished.
    """
    lease = opened(Scope() if is_ours else None, len(users))
    wishes = {finish for _, finish in users}
    for success, finish in users:
        assert lease.next_end(5) is None
        lease.leave(success=success, finish=finish)
    is_due = True in wishes or (is_ours and False not in wishes)
    assert (all(success for success, _ in users) if is_due else None) == lease.next_end(5)
    assert lease.next_end(6) is None, "another one is not ours to finish"
    assert lease.next_end(None) is None, "somebody else has finished it"
    lease.on_end()
    assert lease.next_end(5) is None
    assert lease.takeout_id is None


def test_who_enters_while_it_is_about_to_be_finished_keeps_it() -> None:
    """The end is decided at the last moment, and an end that lost the race ends nothing."""
    lease = opened(Scope())
    lease.leave(success=True, finish=None)
    lease.join(Scope())
    assert lease.next_end(5) is None
    lease.on_end()
    assert lease.next_step(5) == "join"
    lease.leave(success=True, finish=None)
    assert lease.next_end(5) is True


def test_each_takeout_has_a_flag_of_its_own() -> None:
    """An error, or a wish, of an earlier one says nothing about the next."""
    lease = opened(Scope())
    lease.leave(success=False, finish=False)
    lease.on_end()
    lease.on_open(6, Scope())
    lease.join(Scope())
    lease.leave(success=True, finish=None)
    assert lease.next_end(6) is True


@given(SCOPES, SCOPES)
def test_nobody_enters_a_takeout_that_is_for_less(begun: Scope, wanted: Scope) -> None:
    """Contacts, files and their size must be covered; of an adopted one nobody knows."""
    covered = (
        (begun.contacts or not wanted.contacts)
        and (begun.files or not wanted.files)
        and (
            not wanted.files
            or begun.max_file_size == 0
            or (wanted.max_file_size != 0 and wanted.max_file_size <= begun.max_file_size)
        )
    )
    lease = opened(begun)
    if covered:
        lease.join(wanted)
        assert lease.users == 2
    else:
        with pytest.raises(UsageError, match="begun for less"):
            lease.join(wanted)
        assert lease.users == 1
    opened(None).join(wanted)


def test_a_refusal_is_remembered_for_a_while() -> None:
    """Whoever can do without a takeout need not ask again for each chat."""
    lease = Lease()
    assert lease.refusal(now=0) == ""
    lease.on_refused("delay", now=100)
    assert lease.refusal(now=100) == "delay"
    assert lease.refusal(now=100 + _REFUSED_FOR - 1) == "delay"
    assert lease.refusal(now=100 + _REFUSED_FOR) == ""
