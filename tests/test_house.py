"""Is the house drawn in `docs/explanation/design.md`, and are its arrows those of the code?"""

from __future__ import annotations

from tests import house


def test_the_drawing_is_the_house() -> None:
    """The picture and the table are made of the import contracts and the code as they are."""
    page = house.PAGE.read_text("utf-8")
    assert house.drawn(page) == page, "python -m tests.house"


def test_arrows_point_down() -> None:
    """What a room uses lies below it, or beside it where the contract lets them know each other."""
    rows = house.layers()
    level = {room: number for number, layer in enumerate(rows) for room in layer}
    upward = [
        f"{room} -> {used}"
        for room in level
        for used in house.used_by(room)
        if level[used] < level[room]
    ]
    assert [] == upward
