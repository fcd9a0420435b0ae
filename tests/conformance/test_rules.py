"""Has each rule a test, and each mark a rule?"""

from __future__ import annotations

import pytest

from tests.conformance import catalogue
from tests.conformance.catalogue import Mark, Rule

ASSUMED = """
class Assumptions:
    pages: str = "clip"
"""


def test_the_rules_are_well_formed() -> None:
    """Ids are unique and of one form; each rule has a sentence, a source, and a switch if need."""
    assert [] == catalogue.rules_and_faults()[1]


def test_each_rule_has_a_test() -> None:
    """Each rule is proven, on both sides of its switch; each mark names a rule."""
    rules, _ = catalogue.rules_and_faults()
    assert [] == catalogue.faults_of(rules, catalogue.project_marks())


def test_each_switch_is_a_rule() -> None:
    """Each field of `Assumptions` is the switch of a rule, and there are no others."""
    rules, _ = catalogue.rules_and_faults()
    assumptions = catalogue.ASSUMPTIONS.read_text("utf-8")
    assert [] == catalogue.switch_faults(rules, assumptions)


def test_the_page_is_up_to_date() -> None:
    """The page is what `python -m tests.conformance.table` writes now."""
    is_current = catalogue.page() == catalogue.PAGE.read_text("utf-8")
    assert is_current, "run python -m tests.conformance.table"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('id = "Rule"\nsays = "X."\nsource = "y"', "form"),
        ('id = "a.b"\nsays = "X"\nsource = "y"', "sentence"),
        ('id = "a.b"\nsays = "X."', "source"),
        ('id = "a.b"\nsays = "X."\nsource = "y"\ntest = "z"', "unknown keys"),
        ('id = "a.b"\nsays = "X."\nsource = "y"\nunverified = true', "no switch"),
        ('id = "a.b"\nsays = "X."\nsource = "y"\nswitch = "z"', "not unverified"),
        ('id = "a.c"\nsays = "X."\nsource = "y"', "two rules"),
    ],
)
def test_a_rule_that_is_not_well_formed_is_named(entry: str, said: str) -> None:
    """What is wrong with an entry is said with its id."""
    sound = '[[rule]]\nid = "a.c"\nsays = "X."\nsource = "y"\n[[rule]]\n'
    _, (fault,) = catalogue.read_rules(sound + entry)
    assert said in fault


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ("", ["a.b: no test", "a.c: no test proves it with side 'off'"]),
        ('@pytest.mark.rule("a.b", "a.x")', ["no rule a.x", "side 'off'"]),
        ('@pytest.mark.rule("a.b")\n@pytest.mark.rule("a.c")', ["expected one of", "'off'"]),
        ('@pytest.mark.rule("a.b", side="on")', ["expected none", "a.b: no test", "'off'"]),
        ('@pytest.mark.rule("a.b", name="on")', ["expected rule(", "a.b: no test", "'off'"]),
        ("@pytest.mark.rule(NAME)", ["written out", "a.b: no test", "'off'"]),
        ('@pytest.mark.skip\n@pytest.mark.rule("a.b")', ["marked skip", "a.b", "'on'", "'off'"]),
        ('@pytest.mark.rule("a.b")\n@pytest.mark.rule("a.c", side="off")', []),
    ],
)
def test_a_missing_test_is_named(marks: str, said: list[str]) -> None:
    """A rule without a test, a side without one, and a mark that proves nothing are all said."""
    rules = [Rule("a.b", "X.", "y"), Rule("a.c", "X.", "y", "Assumptions.pages", ("on", "off"))]
    on = 'pytest.param(1, marks=pytest.mark.rule("a.c", side="on"))'
    source = f"@pytest.mark.parametrize('x', [{on}])\n{marks}\ndef test_it(x): ...\n"
    faults = catalogue.faults_of(rules, catalogue.marks_in(source, "test_x.py"))
    assert len(said) == len(faults)
    for part, fault in zip(said, faults, strict=True):
        assert part in fault


def test_a_mark_that_is_on_no_test_is_named() -> None:
    """A mark on a helper does not count."""
    source = '@pytest.mark.rule("a.b")\ndef helper(): ...\n'
    (mark,) = catalogue.marks_in(source, "test_x.py")
    assert mark.fault == "the mark is not on a test"


def test_a_switch_that_is_not_there_is_named() -> None:
    """A rule may not name a field that `Assumptions` does not have, nor leave one out."""
    rule = Rule("a.b", "X.", "y", "Assumptions.sizes", ("on", "off"))
    faults = catalogue.switch_faults([rule], ASSUMED)
    assert faults == ["a.b: Assumptions has no sizes", "Assumptions.pages: no rule has it"]


def test_the_table_shows_rule_source_and_test() -> None:
    """A row has the id, the sentence, a link to the source, and each test once."""
    rules = [Rule("a.b", "X.", "https://core.telegram.org/api/offsets", "z", ("on", "off"))]
    marks = [Mark("a.b", side, "tests/t/test_x.py", "test_it") for side in ("on", "off", "off")]
    shown = catalogue.table(rules, marks)
    assert "1 rules" in shown
    assert "[api/offsets](https://core.telegram.org/api/offsets)" in shown
    assert shown.count("`t/test_x` `test_it`") == 2
    assert "switch `z`" in shown
