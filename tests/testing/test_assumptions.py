"""Are the switches of what is believed of Telegram checked, and do they travel?"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest

from telefast.errors import ArgumentError
from telefast.testing import Assumptions, World


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((field.name, "perhaps") for field in fields(Assumptions)),
        ("inexact_counts", 1),
        ("container_messages", 0),
        ("container_messages", True),
    ],
)
def test_what_is_no_side_is_refused(name: str, value: Any) -> None:
    """A value that is no side of its switch dies at once, with the name."""
    with pytest.raises(ArgumentError, match=rf"^{name}="):
        Assumptions(**{name: value})


def test_a_recipe_carries_them() -> None:
    """Another process believes the same."""
    assumed = Assumptions(page_above_top="shift", inexact_counts=True, container_messages=None)
    world = World(seed=1, user_count=2, assume=assumed)
    assert assumed == World.from_recipe(json.loads(json.dumps(world.recipe()))).assume
    assert Assumptions() == World(seed=1, user_count=2).assume
