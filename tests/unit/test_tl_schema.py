"""The fields of constructors, as Telethon's own reading methods have them."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pytest
from telethon.tl import types
from telethon.tl.alltlobjects import tlobjects

from telefast.transport import sources
from telefast.transport.schema import Field, definition, layout_of
from telefast.transport.sources import source_of
from tests.unit import odd_readers

_NUMBER = 7
"""No constructor of Telegram has it."""


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    layout_of.cache_clear()
    sources._lines.cache_clear()


def layout_with(monkeypatch: pytest.MonkeyPatch, cls: Any) -> Any:
    """Return the layout of a class that Telethon does not have."""
    layout_of.cache_clear()
    monkeypatch.setitem(tlobjects, _NUMBER, cls)
    return layout_of(_NUMBER)


def test_a_field_of_each_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word of flags, a flag that is a field, one that rules another, a vector."""
    layout = layout_with(monkeypatch, odd_readers.Plain)
    assert layout is not None
    assert layout.fields == (
        Field("flags", "flags"),
        Field("open", "true", word="flags", mask=4),
        Field("name", "string", word="flags", mask=1),
        Field("ids", "long", is_vector=True),
    )
    assert (layout.words, layout.leading, layout.cls) == (("flags",), 1, odd_readers.Plain)


def test_kinds_of_numbers() -> None:
    """Of what size a number is, Telethon's method says."""
    kinds = {}
    for cls in (
        types.ResPQ,
        types.PQInnerData,
        types.Document,
        types.GeoPoint,
        types.InputMediaDice,
    ):
        layout = layout_of(cls.CONSTRUCTOR_ID)
        assert layout is not None
        kinds |= {field.name: field.kind for field in layout.fields}
    wanted = {"nonce": "int128", "new_nonce": "int256", "size": "long", "lat": "double"}
    wanted |= {"pq": "bytes", "date": "date", "mime_type": "string", "dc_id": "int"}
    assert wanted == {name: kinds[name] for name in wanted}


def test_words_that_do_not_come_first() -> None:
    """A second word right behind the first one leads as well; one behind a field does not."""
    message, poll = layout_of(types.Message.CONSTRUCTOR_ID), layout_of(types.Poll.CONSTRUCTOR_ID)
    assert message is not None
    assert poll is not None
    assert (message.words, message.leading) == (("flags", "flags2"), 2)
    assert [field.name for field in poll.fields[:2]] == ["id", "flags"]
    assert (poll.words, poll.leading) == (("flags",), 0)


def test_the_class_is_the_one_that_telethon_makes() -> None:
    """A message is the object with methods, not the bare one."""
    layout = layout_of(types.Message.CONSTRUCTOR_ID)
    assert layout is not None
    assert layout.cls is types.Message
    assert hasattr(layout.cls, "download_media")


@pytest.mark.parametrize(
    "cls",
    [
        odd_readers.OtherElse,
        odd_readers.OtherList,
        odd_readers.OtherItems,
        odd_readers.OtherCall,
        odd_readers.OtherWord,
        odd_readers.OtherArgument,
        odd_readers.Twice,
        odd_readers.More,
        odd_readers.Static,
        odd_readers.Nothing,
        odd_readers.Value,
        odd_readers.Outside,
    ],
)
def test_other_methods_have_no_layout(monkeypatch: pytest.MonkeyPatch, cls: Any) -> None:
    """What is not written as Telethon writes it is not guessed."""
    assert layout_with(monkeypatch, cls) is None


def test_unknown_constructors_have_no_layout() -> None:
    """Nor has the vector, which is no object."""
    assert layout_of(0xDEADBEEF) is None
    assert layout_of(0x1CB5C415) is None


def test_without_sources_there_is_no_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen application has none; a loader may have no way to ask, or fail."""

    class Silent:
        def get_source(self, module: str) -> str | None:
            raise OSError(module)

    for loader in (None, object(), Silent()):
        sources._lines.cache_clear()
        layout_of.cache_clear()
        monkeypatch.setattr(types.__spec__, "loader", loader)
        assert layout_of(types.PeerUser.CONSTRUCTOR_ID) is None


def test_a_source_that_was_changed_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file says is believed only if it is what runs."""
    reader = definition(types.PeerUser, "from_reader")
    assert reader is not None
    source = source_of(reader)
    assert source is not None
    assert source.startswith("@classmethod\ndef from_reader(cls, reader):\n    _user_id")
    text = "".join(linecache.getlines(types.__file__))

    class Other:
        def __init__(self, text: str) -> None:
            self.text = text

        def get_source(self, module: str) -> str:
            return self.text

    changed = text.replace("        _user_id = reader.read_long()", "        _user_id = 1")
    broken = text.replace("        _user_id = reader.read_long()", "        _user_id = = 1")
    shifted = text.replace("\n    @classmethod", "\n\n    @classmethod")
    for other in (changed, broken, shifted, "\n" * len(text.splitlines()), ""):
        sources._lines.cache_clear()
        monkeypatch.setattr(types.__spec__, "loader", Other(other))
        assert source_of(reader) is None


def test_nested_functions_are_compared_too() -> None:
    """Constants and inner functions belong to what a function does."""
    method = odd_readers.Nested.from_reader
    assert isinstance(method, FunctionType)
    assert source_of(method) is not None
