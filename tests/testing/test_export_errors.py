"""Is every broken export refused with a message that says where it is broken?"""

from __future__ import annotations

import copy
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telefast.errors import ArgumentError, WorldError
from telefast.testing.export import world_from_export
from telefast.testing.export_json import parse_json, read_export

EXPORTS = Path(__file__).parent.parent / "data" / "exports"
GOOD = {"id": 1, "type": "message", "date_unixtime": "1600000000", "text": "secret words"}


def refused(folder: Path, data: object) -> str:
    """Return the message with which an export is refused, behind the path of the file."""
    path = folder / "result.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), "utf-8")
    with pytest.raises(WorldError) as caught:
        world_from_export(path)
    said = str(caught.value)
    assert "secret words" not in said
    assert said.startswith(f"{path}: ")
    assert 1 == said.count(str(path))
    return said.removeprefix(f"{path}: ")


def one_chat(*messages: object, **chat: object) -> dict[str, object]:
    """Return an export of one chat."""
    return {"name": "Test", "type": "private_group", "id": 77, "messages": [*messages], **chat}


# The file.


def test_no_file(tmp_path: Path) -> None:
    """A missing file, an empty folder and what is no file are each named as such."""
    for path, said in (
        (tmp_path / "none.json", "no such file"),
        (tmp_path, r"no result\.json in this folder"),
        ("nul\0", "cannot be opened|no such file"),
        (tmp_path / ("x" * 5000), "cannot be opened|no such file"),
    ):
        with pytest.raises(WorldError, match=said):
            world_from_export(path)
    with pytest.raises(ArgumentError, match=r"^path="):
        world_from_export(5)  # type: ignore[arg-type]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no devices among files")
def test_a_device_is_not_read() -> None:
    """What is no regular file is not opened, so that nothing waits for ever."""
    with pytest.raises(WorldError, match="not a regular file"):
        world_from_export("/dev/zero")


@pytest.mark.parametrize("name", ["messages.html", "export_results.html"])
def test_an_html_export(tmp_path: Path, name: str) -> None:
    """An export as HTML, file or folder, is told apart, with what to choose instead."""
    (tmp_path / name).write_text("<html>", "utf-8")
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(WorldError, match="Machine-readable JSON"):
            world_from_export(path)


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the disk becomes an error of the world, with its reason."""

    def fail(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "result.json"
    path.write_text("{}", "utf-8")
    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(WorldError, match=r"cannot be read \(Permission denied\)"):
        read_export(path)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1 column 1"),
        ('{"messages": [\n {"id": 1,}\n]}', "line 2 column 11"),
        ('{\n "a": "\\x07\\x1B" "b"}', "line 2 column 18"),
        ('{\n "a": "\\\\x07 \\y"}', "line 2 column 14"),
        ('{"a": "\\x0G"}', "line 1 column 8"),
        ('{"messages": [', "line 1 column 15"),
        ('{"name": "cut', "line 1 column 10"),
    ],
)
def test_syntax_errors_have_line_and_column(tmp_path: Path, text: str, place: str) -> None:
    r"""The place is that in the file as it is, also behind repaired `\xHH` escapes."""
    said = refused(tmp_path, text)
    assert said.startswith(f"{place}: ")


def test_what_is_not_utf8_has_line_and_column(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are refused with their place."""
    path = tmp_path / "result.json"
    path.write_bytes(b'{\n "name": "\xff"}')
    with pytest.raises(WorldError, match="line 2 column 11: not UTF-8"):
        world_from_export(path)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    """An editor may have put a byte order mark in front."""
    path = tmp_path / "result.json"
    path.write_text(json.dumps(one_chat(GOOD)), "utf-8-sig")
    assert len(world_from_export(path).main.ids) == 1


@pytest.mark.parametrize("text", ["[" * 200_000, '{"id": ' + "9" * 5000 + "}"])
def test_hostile_json(tmp_path: Path, text: str) -> None:
    """What Python's reader gives up on is refused, too."""
    assert refused(tmp_path, text)


@given(st.text(alphabet=st.sampled_from('\\x071Ff\x01\x1f"\n é🌊')))
def test_escapes_come_back(text: str) -> None:
    r"""Whatever a text holds, written with `\xHH` as Telegram Desktop does, comes back."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    written = "".join(f"\\x{ord(c):02X}" if ord(c) < 32 else c for c in escaped)
    assert parse_json(f'"{written}"', "example") == text


# The shape.


@pytest.mark.parametrize("data", [[], "text", 5, None, {}, {"about": "x"}, {"list": []}])
def test_not_an_export(tmp_path: Path, data: object) -> None:
    """JSON that is no export is told apart, with what was expected."""
    assert "no Telegram Desktop export" in refused(tmp_path, json.dumps(data))


@pytest.mark.parametrize("chats", [{}, {"list": []}, None])
def test_no_chats(tmp_path: Path, chats: object) -> None:
    """An account export without chats is refused."""
    assert "no chats" in refused(tmp_path, {"chats": chats})


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("private_channel", "two channels have the id 5"),
        ("private_group", "two basic groups have the id 5"),
        ("personal_chat", "two private chats have the id 5"),
    ],
)
def test_two_chats_with_one_id(tmp_path: Path, kind: str, said: str) -> None:
    """Two channels, groups or private chats cannot have the same id."""
    chats = [{"name": n, "type": kind, "id": 5, "messages": []} for n in "ab"]
    assert refused(tmp_path, {"chats": {"list": chats}}).endswith(f"chats.list[0].id: {said}")


def test_two_chats_of_an_account_with_one_message_id(tmp_path: Path) -> None:
    """Private chats and basic groups share their ids: a clash is named by path and id."""
    message = {"id": 7, "type": "message", "date_unixtime": "1600000000", "text": ""}
    kinds = ("personal_chat", "private_supergroup", "private_group")
    chats = [{"name": kind, "type": kind, "id": 5, "messages": [message]} for kind in kinds]
    said = refused(tmp_path, {"chats": {"list": chats}})
    assert "chats.list[2].messages[0].id (message 7): private chat 5 has a message of" in said


# Fields.


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("date_unixtime", "abc", ".date_unixtime (message 1): expected a number of seconds, got"),
        ("date_unixtime", "-5", "expected a number of seconds between 0 and 2147483647, got '-5'"),
        ("date_unixtime", None, ".date_unixtime (message 1): expected a number of seconds, got no"),
        ("date_unixtime", 2**31, "between 0 and 2147483647"),
        ("edited", "yesterday", ".edited (message 1): expected a date such as 2024"),
        ("edited", "2040-01-01T00:00:00", "between 1970 and 2037"),
        ("edited", 5, ".edited (message 1): expected a date"),
        ("type", "hologram", ".type (message 1): expected message, service or unsupported, got 'h"),
        ("type", None, "expected message, service or unsupported, got nothing"),
        ("text", 5, ".text (message 1): expected a text or a list of pieces, got 5"),
        ("text", [5], ".text[0] (message 1): expected an object, got 5"),
        (
            "text",
            [{"type": "bold", "text": []}],
            ".text[0].text (message 1): expected a text, got a",
        ),
        ("text", "\ud800", ".text (message 1): half of a surrogate pair"),
        ("text", "x" * 4_000_001, ".text (message 1): longer than 4,000,000 characters"),
        (
            "text",
            [{"type": "mention_name", "text": "a", "user_id": "x"}],
            ".user_id (message 1): exp",
        ),
        ("text_entities", {}, ".text_entities (message 1): expected a list, got an object"),
        ("from_id", "nobody", ".from_id (message 1): expected user…, chat… or channel… with a num"),
        ("from_id", "user9999999999999999", "expected user…"),
        ("from_id", [], "expected user…, chat… or channel… with a number, got a list"),
        ("reply_to_message_id", "x", ".reply_to_message_id (message 1): expected a whole number"),
        ("reply_to_message_id", 1.5, "expected a whole number, got 1.5"),
        ("reply_to_message_id", True, "expected a whole number, got True"),
        ("reply_to_message_id", 2**40, "between -2147483648 and 2147483647"),
        ("photo", 5, ".photo (message 1): expected a text, got 5"),
        (
            "reactions",
            [{"count": "x", "type": "emoji"}],
            ".reactions[0].count (message 1): expected",
        ),
        (
            "inline_bot_buttons",
            [5],
            ".inline_bot_buttons[0] (message 1): expected a list of buttons",
        ),
        ("inline_bot_buttons", [[5]], ".inline_bot_buttons[0][0] (message 1): expected an object"),
        (
            "inline_bot_buttons",
            [[{"type": "callback", "dataBase64": "é"}]],
            ".dataBase64 (message 1): expected base64",
        ),
        ("location_information", {"latitude": "x"}, ".latitude (message 1): expected a number"),
        (
            "location_information",
            {"latitude": 1},
            "latitude and longitude (message 1): expected two",
        ),
        ("poll", {"closed": "maybe"}, ".closed (message 1): expected true or false, got 'maybe'"),
        ("poll", {"closed": []}, ".closed (message 1): expected true or false, got a list"),
        ("invoice_information", "{", ".invoice_information (message 1): line 1 column 2"),
        ("author", 10**40, ".author (message 1): expected a text, got a huge number"),
    ],
)
def test_field_errors_have_a_path_and_a_message_id(
    tmp_path: Path, field: str, value: object, said: str
) -> None:
    """A field that does not hold what it must is named by JSON path and message id."""
    message = {**GOOD, field: value}
    found = refused(tmp_path, one_chat({**GOOD, "id": 2}, message))
    assert found.startswith("messages[1]")
    assert said in found
    assert len(found) < 300
    found = refused(tmp_path, {"chats": {"list": [one_chat(message)]}})
    assert found.startswith("chats.list[0].messages[0]")


@pytest.mark.parametrize("message_id", [0, 2**31, None, "x", 1.5, True, []])
def test_ids_that_are_none(tmp_path: Path, message_id: object) -> None:
    """An id is a number from 1 to 2**31 - 1; a negative one is not an error."""
    found = refused(tmp_path, one_chat({**GOOD, "id": message_id}))
    assert found.startswith("messages[0].id: expected a")


def test_two_messages_with_one_id(tmp_path: Path) -> None:
    """The same message twice is counted and kept once; two different ones contradict."""
    found = refused(tmp_path, one_chat(GOOD, {**GOOD, "id": 2}, {**GOOD, "text": "other"}))
    assert found == "messages[2] (message 1): differs from messages[0], which has the same id"
    path = tmp_path / "result.json"
    path.write_text(json.dumps(one_chat(GOOD, GOOD)), "utf-8")
    report = world_from_export(path).report
    assert report.chats[0].messages == 1
    assert report.unmapped["message that stands twice in the file"] == 1


@pytest.mark.parametrize(
    ("chat", "said"),
    [
        ({"id": 0}, "id: expected a whole number between 1 and"),
        ({"id": None}, "id: expected the id of a chat, got nothing"),
        ({"id": -5}, "id: expected a whole number between 1 and"),
        ({"id": 10**12}, "id: expected a whole number between 1 and"),
        ({"name": 5}, "name: expected a text, got 5"),
        ({"type": []}, "type: expected a text, got a list"),
        ({"messages": {}}, "messages: expected a list, got an object"),
        ({"messages": [5]}, "messages[0]: expected an object, got 5"),
    ],
)
def test_broken_chats(tmp_path: Path, chat: dict[str, object], said: str) -> None:
    """A chat without a legal id, name or list of messages is refused."""
    assert refused(tmp_path, one_chat(**chat)).startswith(said)


# Anything.

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=9)
    | st.sampled_from(["user1", "channel2", "1600000000", "bold", "message", "service", "emoji"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "id", "count", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@cache
def samples() -> list[str]:
    """Return the exports of the test data as JSON, without the escapes that are none."""
    found = (read_export(path) for path in sorted(EXPORTS.glob("*.json")))
    return [json.dumps(data) for data in found]


def places(node: Any) -> list[tuple[Any, Any]]:
    """Return each place in a tree of lists and objects, as the container and the key."""
    found: list[tuple[Any, Any]] = []
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        found.append((node, key))
        if isinstance(value, dict | list):
            found.extend(places(value))
    return found


@given(st.data())
def test_any_change_gives_a_world_or_an_error_of_the_world(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """However an export is mangled, it loads or is refused; nothing else is raised."""
    tree = json.loads(data.draw(st.sampled_from(samples())))
    spots = places(tree)
    for _ in range(data.draw(st.integers(1, 3))):
        node, key = spots[data.draw(st.integers(0, len(spots) - 1))]
        if isinstance(node, dict) and data.draw(st.booleans()):
            node.pop(key, None)
        elif isinstance(node, dict) or key < len(node):
            source, name = spots[data.draw(st.integers(0, len(spots) - 1))]
            elsewhere = source.get(name) if isinstance(source, dict) else None
            node[key] = data.draw(ANYTHING | st.just(copy.deepcopy(elsewhere)))
    path = tmp_path_factory.getbasetemp() / "mangled.json"
    path.write_text(json.dumps(tree), "utf-8")
    try:
        world = world_from_export(path)
    except WorldError:
        return
    for chat in world.account.chats():
        for message_id in chat.ids:
            assert bytes(chat.message(message_id)) == chat.message_bytes(message_id)
    assert list(world.report.lines())


@settings(max_examples=settings.default.max_examples // 3)
@given(st.data())
def test_any_cut_or_flip_gives_a_world_or_an_error_of_the_world(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A file that was cut or has wrong bytes loads or is refused; nothing else is raised."""
    raw = bytearray((EXPORTS / "club.json").read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(len(raw) // 2, 2 * len(raw))) :]
    path = tmp_path_factory.getbasetemp() / "cut.json"
    path.write_bytes(raw)
    try:
        world_from_export(path)
    except WorldError as error:
        assert str(error)
