"""The rules that the embedded Telegram keeps, and which test proves which; nothing is imported.

`rules.toml` says what must hold. A test names the rules that it proves by a mark:

    @pytest.mark.rule("history.newest-first", "history.count-is-the-whole-list")

A rule of which no source tells what Telegram does is a switch, `unverified` in `rules.toml`; each
of its sides has a test, which names it:

    @pytest.mark.rule("history.large-limit", side="clip")
"""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "tests/conformance/rules.toml"
ASSUMPTIONS = ROOT / "telefast/testing/assumptions.py"
PAGE = ROOT / "docs/reference/conformance.md"
ID = re.compile(r"[a-z]+(\.[a-z0-9]+(-[a-z0-9]+)*)")

_KEYS = {"id", "says", "source", "unverified", "switch", "sides"}
_NOT_RUN = ("skip", "skipif", "xfail", "slow")
"""Marks of tests that `make test` may not run, or whose failure it takes: they prove nothing."""


@dataclass(frozen=True)
class Rule:
    """What the server does.

    Attributes:
        id: Its name, `family.what-it-says`.
        says: The rule, in one sentence.
        source: Where it is from.
        switch: For a rule that is not verified: what chooses a side.
        sides: The sides of that switch; none if the rule is verified.
    """

    id: str
    says: str
    source: str
    switch: str = ""
    sides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mark:
    """A test that proves a rule, or one side of it.

    Attributes:
        rule: The id of the rule.
        side: The side of its switch, or empty.
        path: The file of the test.
        test: The name of the test.
        fault: What is wrong with the mark itself, or empty.
    """

    rule: str
    side: str
    path: str
    test: str
    fault: str = ""

    def __str__(self) -> str:
        """Show where it is."""
        return f"{self.path}::{self.test}"


def read_rules(text: str) -> tuple[list[Rule], list[str]]:
    """Return the rules of a `rules.toml`, and what is wrong with it."""
    rules: list[Rule] = []
    faults: list[str] = []
    for entry in tomllib.loads(text)["rule"]:
        name = str(entry.get("id"))
        unverified = entry.get("unverified", False)
        sides = tuple(entry.get("sides", ()))
        if not ID.fullmatch(name):
            faults.append(f"{name}: not of the form family.what-it-says")
        if name in {rule.id for rule in rules}:
            faults.append(f"{name}: there are two rules with this id")
        if odd := entry.keys() - _KEYS:
            faults.append(f"{name}: unknown keys {sorted(odd)}")
        if not str(entry.get("says", "")).endswith("."):
            faults.append(f"{name}: `says` is not a sentence")
        if not entry.get("source"):
            faults.append(f"{name}: has no source")
        if unverified and not (entry.get("switch") and len({*sides}) > 1):
            faults.append(f"{name}: unverified, and has no switch with two sides")
        if not unverified and entry.keys() & {"switch", "sides"}:
            faults.append(f"{name}: has a switch, and is not unverified")
        says, source = str(entry.get("says", "")), str(entry.get("source", ""))
        rules.append(Rule(name, says, source, entry.get("switch", ""), sides))
    return rules, faults


def marks_in(source: str, path: str) -> Iterator[Mark]:
    """Yield the marks in the source of one module.

    A mark counts on a test, on a parameter of one, or for the whole module (`pytestmark`).
    """
    tree = ast.parse(source, path)
    seen: set[ast.AST] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not node.name.startswith("test_"):
            continue
        for decorator in node.decorator_list:
            calls = [each for each in ast.walk(decorator) if _mark_name(each) == "rule"]
            seen.update(calls)
            fault = _not_run(node)
            for call in calls:
                yield from _marks_of(call, path, node.name, fault)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _mark_name(node) == "rule" and node not in seen:
            yield Mark("?", "", path, f"line {node.lineno}", "the mark is not on a test")


def _not_run(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return what is wrong with a test as a proof, or nothing."""
    for decorator in node.decorator_list:
        names = {_mark_name(each) for each in ast.walk(decorator)}
        for name in _NOT_RUN:
            if name in names:
                return f"the test is marked {name}, so it proves nothing"
    return ""


def _mark_name(node: ast.AST) -> str:
    """Return X for `pytest.mark.X` or `pytest.mark.X(...)`, else nothing."""
    if isinstance(node, ast.Call):
        node = node.func
    name = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
    return name.removeprefix("pytest.mark.") if name.startswith("pytest.mark.") else ""


def _marks_of(node: ast.AST, path: str, test: str, fault: str) -> Iterator[Mark]:
    """Yield the marks that one `pytest.mark.rule(...)` makes."""
    if not isinstance(node, ast.Call):
        return
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    keywords = [keyword.arg for keyword in node.keywords]
    if not node.args or keywords not in ([], ["side"]):
        yield Mark("?", "", path, test, "expected rule('id', ...) or rule('id', side='...')")
        return
    if not all(isinstance(each, ast.Constant) for each in arguments):
        yield Mark("?", "", path, test, "ids and sides are written out, so that they can be found")
        return
    side = ast.literal_eval(node.keywords[0].value) if keywords else ""
    for each in node.args:
        yield Mark(str(ast.literal_eval(each)), str(side), path, test, fault)


def faults_of(rules: Iterable[Rule], marks: Iterable[Mark]) -> list[str]:
    """Return what is wrong between rules and tests: no test, no rule, or a side without a test."""
    by_id = {rule.id: rule for rule in rules}
    faults: list[str] = []
    proven: set[tuple[str, str]] = set()
    for mark in marks:
        rule = by_id.get(mark.rule)
        if mark.fault:
            faults.append(f"{mark}: {mark.fault}")
        elif rule is None:
            faults.append(f"{mark}: there is no rule {mark.rule}")
        elif mark.side not in (rule.sides or ("",)):
            expected = f"one of {[*rule.sides]}" if rule.sides else "none, the rule is verified"
            faults.append(f"{mark}: side {mark.side!r} of {rule.id}: expected {expected}")
        else:
            proven.add((rule.id, mark.side))
    for rule in by_id.values():
        for side in rule.sides or ("",):
            if (rule.id, side) not in proven:
                where = f" with side {side!r}" if side else ""
                faults.append(f"{rule.id}: no test proves it{where}")
    return [*dict.fromkeys(faults)]


def switch_faults(rules: Iterable[Rule], assumptions: str) -> list[str]:
    """Return what is wrong between rules and the fields of `Assumptions`, given as source."""
    fields = {
        node.target.id
        for each in ast.parse(assumptions).body
        if isinstance(each, ast.ClassDef) and each.name == "Assumptions"
        for node in each.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    named = {
        rule.switch.removeprefix("Assumptions."): rule.id
        for rule in rules
        if rule.switch.startswith("Assumptions.")
    }
    faults = [f"{named[name]}: Assumptions has no {name}" for name in named.keys() - fields]
    return faults + [f"Assumptions.{name}: no rule has it" for name in fields - named.keys()]


@cache
def rules_and_faults() -> tuple[list[Rule], list[str]]:
    """Return the rules of the project, and what is wrong with their file."""
    return read_rules(RULES.read_text("utf-8"))


@cache
def project_marks() -> list[Mark]:
    """Return the marks on all tests of the project."""
    found: list[Mark] = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        text = path.read_text("utf-8")
        if "mark.rule" in text and path.name != "catalogue.py":
            found += marks_in(text, path.relative_to(ROOT).as_posix())
    return found


def table(rules: Iterable[Rule], marks: Iterable[Mark]) -> str:
    """Return the page that shows each rule with its source and its tests."""
    tests: dict[tuple[str, str], list[Mark]] = {}
    for mark in marks:
        tests.setdefault((mark.rule, mark.side), []).append(mark)
    families: dict[str, list[Rule]] = {}
    for rule in rules:
        families.setdefault(rule.id.partition(".")[0], []).append(rule)
    count = sum(map(len, families.values()))
    unverified = sum(1 for group in families.values() for rule in group if rule.sides)
    lines = [*_HEAD.format(count=count, unverified=unverified).splitlines()]
    for family, group in families.items():
        lines += ["", f"## {family}", "", "| Rule | What holds | Source | Tests |"]
        lines += ["| --- | --- | --- | --- |"]
        for rule in group:
            lines.append(f"| {' | '.join(_cells(rule, tests))} |")
    return "\n".join(lines) + "\n"


_HEAD = """\
# What the embedded Telegram keeps to

<!-- Written by `python -m tests.conformance.table` out of tests/conformance/rules.toml. -->

{count} rules of Telegram, each with the test that proves it on {{mod}}`telefast.testing`.
Of {unverified} of them no source tells what Telegram does: they are switches, and both sides are \
tested.
`make test` fails if a rule has no test, or a test names a rule that is not there.
Sources are public: a page of core.telegram.org, or a file of Telethon, TDLib (`td`) or \
Telegram Desktop (`tdesktop`)."""


def _cells(rule: Rule, tests: dict[tuple[str, str], list[Mark]]) -> Iterator[str]:
    """Yield the cells of a rule's row."""
    yield f"`{rule.id}`"
    switch = f" *Not verified:* switch `{rule.switch}`." if rule.sides else ""
    yield rule.says.replace("|", r"\|") + switch
    source = rule.source
    yield f"[{_short(source)}]({source})" if source.startswith("https://") else f"`{source}`"
    shown = []
    for side in rule.sides or ("",):
        for mark in dict.fromkeys(map(str, tests.get((rule.id, side), ()))):
            path, _, name = mark.partition("::")
            place = path.removeprefix("tests/").removesuffix(".py")
            shown.append(f"{side and f'{side}: '}`{place}` `{name}`")
    yield "<br>".join(shown)


def _short(url: str) -> str:
    """Return a link's text."""
    return url.removeprefix("https://").removeprefix("core.telegram.org/")


def page() -> str:
    """Return the page as it must be."""
    return table(rules_and_faults()[0], project_marks())
