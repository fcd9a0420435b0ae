"""Has each thing that goes wrong with downloads a test that proves that we bear it?"""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults import matrix


def test_each_row_names_tests_that_there_are() -> None:
    """Rows are well formed and unique, and every test in them exists."""
    assert [] == matrix.faults_of(matrix.rows())


def test_the_page_is_up_to_date() -> None:
    """The page is what `python -m tests.faults.matrix` writes now."""
    is_current = matrix.page() == matrix.PAGE.read_text("utf-8")
    assert is_current, "run python -m tests.faults.matrix"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tests": []}, "no test"),
        ({"tests": ["faults/test_matrix::test_that_there_is_not"]}, "there is no test"),
        ({"tests": ["faults/test_nowhere::test_x"]}, "there is no test"),
        ({"holds": "no sentence"}, "no sentence"),
        ({"seen": ["somewhere"]}, "no report"),
        ({"more": 1}, "expected"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(change: dict[str, Any], said: str) -> None:
    """By the name of the row."""
    [good, *_] = matrix.rows()
    [fault] = matrix.faults_of([{**good, **change}])
    assert fault.startswith(f"{good['id']}: ")
    assert said in fault
    assert matrix.faults_of([good, good]) == [f"{good['id']}: two rows"]
