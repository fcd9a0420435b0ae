"""The examples in docstrings, run as written."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import telefast

ROOT = Path(__file__).parent.parent

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(telefast.__path__, "telefast.")
    if not name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example gives what its docstring says, from the root of the repository."""
    monkeypatch.chdir(ROOT)
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0
