"""A world with something of everything, and the client that speaks by hand."""

from __future__ import annotations

import pytest

from telefast.testing import World
from tests.testing.conftest import raw_client

__all__ = ["raw_client"]


@pytest.fixture(scope="session")
def world() -> World:
    """Every kind of chat; no test changes it."""
    world = World(seed=71)
    club = world.add_channel("Club", message_count=450, holes=0.2, username="club_seventy")
    world.add_channel("News", message_count=130, megagroup=False)
    world.add_private_chat("Grace Hopper", message_count=300, holes=0.1)
    world.add_group("Crew", message_count=260)
    world.add_private_chat(message_count=30)
    club.post(130, reply_to=club.ids[100])
    return world
