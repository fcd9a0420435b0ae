"""Text of strangers as Markdown: it reads as it was sent, and makes nothing but text of itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from telethon.tl import types

from telefast.forum.markdown import block, code, inline, link

READERS = [MarkdownIt("commonmark"), MarkdownIt("gfm-like", {"linkify": False})]
"""Both dialects; HTML is on in both."""

ALLOWED = {
    *("paragraph_open", "paragraph_close", "inline", "text", "hardbreak"),
    *("strong_open", "strong_close", "em_open", "em_close", "s_open", "s_close"),
    *("link_open", "link_close", "code_inline", "fence", "text_special"),
    *("blockquote_open", "blockquote_close"),
}

PIECES = st.sampled_from(
    [
        *("# ", "## x ##", "---", "===", "***", "___", "- ", "+ ", "* ", "1. ", "12) ", "> ", "|"),
        *("| a | b |\n| --- | --- |", "||", "~~~", "```", "`", "``", "    ", "\t", " ", "\n"),
        *("\r\n", "\r", "\u2028", "\x85", "\0", "\x1b[2J", "\ud83d", "😀", "é", "\\", "\\\n"),
        *("<script>alert(1)</script>", "<!-- ", "-->", "<b>", "</div>", "<https://x.y>", "&lt;"),
        *("&#35;", "&nbsp;", "[x](y)", "![x](y)", "[x]: http://y\n", "[^1]", "[[x]]", "$x$"),
        *(":::note", "{{ x }}", "{% x %}", "%%", "==x==", "(x)=", "% x", "+++", "!!! note", "<%"),
        *("!", "wow!", "\\!"),
        *("https://x.y/_z_", "*x*", "__x__", "~~x~~", "x", "word ", "1", ".", "-", "=", "#"),
    ]
)
TEXTS = st.lists(PIECES | st.text(st.characters(), max_size=5), max_size=14).map("".join)
PLACES = st.tuples(st.integers(-3, 40), st.integers(-3, 40))
URLS = st.sampled_from(
    ["https://x.y/a b>c", "javascript:alert(1)", "", " ", "tg://resolve?a=b&copy;", "`", "HTTP://x"]
)
ENTITIES = st.one_of(
    st.builds(
        lambda kind, place: kind(*place),
        st.sampled_from(
            [
                types.MessageEntityBold,
                types.MessageEntityItalic,
                types.MessageEntityStrike,
                types.MessageEntitySpoiler,
                types.MessageEntityUnderline,
                types.MessageEntityCode,
                types.MessageEntityUrl,
                types.MessageEntityBlockquote,
            ]
        ),
        PLACES,
    ),
    st.builds(lambda place, url: types.MessageEntityTextUrl(*place, url), PLACES, URLS),
    st.builds(lambda place: types.MessageEntityMentionName(*place, 77), PLACES),
    st.builds(
        lambda place, name: types.MessageEntityPre(*place, name),
        PLACES,
        st.sampled_from(["", "python", "{include} /etc/passwd", "x```y\n# z"]),
    ),
)


def tokens(markdown: str, reader: MarkdownIt = READERS[1]) -> list[Any]:
    """Return what a reader makes of it, blocks and what is in them."""
    found = []
    for token in reader.parse(markdown):
        found += [token, *(token.children or ())]
    return found


def shown(markdown: str) -> str:
    """Return the text that a reader shows."""
    out = []
    for token in tokens(markdown):
        if token.type in ("text", "text_special", "code_inline"):
            out.append(token.content)
        elif token.type in ("hardbreak", "softbreak"):
            out.append("\n")
        elif token.type == "paragraph_close":
            out.append("\n\n")
    return "".join(out)


def read(text: str) -> str:
    """Return what of a text is to be seen, in paragraphs."""
    text = re.sub("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", "\n", text)
    lines = [line.rstrip() for line in text.split("\n")]
    text = re.sub("\n\n+", "\n\n", "\n".join(lines).strip("\n"))
    text = re.sub(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]", "\ufffd", text
    )
    return f"{text}\n\n" if text else ""


@given(TEXTS)
@example("a\n===\nb")
@example("x\n---")
@example("| a |\n| - |")
@example("1\\. x")
def test_a_text_reads_as_it_was_sent(text: str) -> None:
    """Whatever is in it: paragraphs, line breaks and text, and that text is what was sent."""
    found = block(text)
    kinds = {token.type for token in tokens(found)}
    assert kinds <= {
        "paragraph_open",
        "paragraph_close",
        "inline",
        "text",
        "hardbreak",
        "text_special",
    }
    assert read(text) == shown(found)
    found.encode()


@given(TEXTS, st.lists(ENTITIES, max_size=6))
@example("x", [types.MessageEntityStrike(0, 1), types.MessageEntityStrike(0, 1)])
@example("1. x", [types.MessageEntityTextUrl(1, 3, "javascript:x")])
@example("ab", [types.MessageEntityCode(0, 1), types.MessageEntityCode(1, 1)])
@example("a!b", [types.MessageEntityTextUrl(2, 1, "https://x.y")])
@example("!b", [types.MessageEntityTextUrl(1, 1, "https://x.y")])
@example("\\!b.c", [types.MessageEntityUrl(2, 3)])
@example("a!b", [types.MessageEntityBold(0, 3), types.MessageEntityMentionName(2, 1, 77)])
def test_entities_make_no_more_than_they_may(text: str, entities: list[Any]) -> None:
    """Neither heading, list, table, image nor HTML, in any dialect; links lead where they may."""
    found = block(text, entities)
    assert not found.endswith("\n")
    for reader in READERS:
        for token in tokens(found, reader):
            assert token.type != "image", found
            assert token.type in ALLOWED, (token.type, found)
            if token.type == "link_open":
                assert token.attrs["href"].lower().startswith(("http", "tg://", "https"))
            if token.type == "fence":
                assert re.fullmatch(r"[A-Za-z0-9_+#.-]{0,30}", token.info)
    found.encode()


@given(TEXTS)
def test_a_name_is_one_line(text: str) -> None:
    """In a heading, a cell or a list item it is text, and its end stays."""
    found = inline(text, "default")
    assert "\n" not in found
    heading, cell = tokens(f"# {found}"), tokens(f"| {found} | b |\n| --- | --- |")
    assert ["heading_open", "inline"] == [token.type for token in heading][:2]
    assert {token.type for token in heading[2:-1]} <= {"text", "text_special"}
    assert 2 == sum(token.type == "th_open" for token in cell)
    word = "".join(token.content for token in heading if token.type.startswith("text"))
    assert word
    assert found == "default" or word == "".join(
        token.content for token in cell[4:] if token.type.startswith("text")
    ).removesuffix("b")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f]", found)


@pytest.mark.parametrize(
    ("text", "entities", "expected"),
    [
        ("# Title", [], "\\# Title"),
        ("a\nb\n\n\n\nc", [], "a\\\nb\n\nc"),
        ("2024. Was\n  so", [], "2024\\. Was\\\n&#32; so"),
        ("one two", [types.MessageEntityBold(0, 4)], "**one** two"),
        ("😀 two", [types.MessageEntityItalic(3, 3)], "😀 *two*"),
        (
            "one two three",
            [types.MessageEntityBold(0, 13), types.MessageEntityItalic(4, 3)],
            "**one *two* three**",
        ),
        (
            "one two three",
            [types.MessageEntityBold(0, 7), types.MessageEntityStrike(4, 9)],
            "**one ~~two~~** ~~three~~",
        ),
        ("a\nb", [types.MessageEntityBold(0, 3)], "**a**\\\n**b**"),
        ("under", [types.MessageEntityUnderline(0, 5)], "under"),
        ("x y", [types.MessageEntitySpoiler(2, 1)], "x ||y||"),
        ("a b", [types.MessageEntityBold(0, 1), types.MessageEntityItalic(2, 1)], "**a** *b*"),
        ("run `x`", [types.MessageEntityCode(4, 3)], "run `` `x` ``"),
        (
            "me",
            [types.MessageEntityMentionName(0, 2, 5)],
            "[me](<tg://user?id=5>)",
        ),
        (
            "a_b https://x.y/a_b",
            [types.MessageEntityUrl(4, 15)],
            "a\\_b <https://x.y/a_b>",
        ),
        ("x.y/a_b", [types.MessageEntityUrl(0, 7)], "[x.y/a\\_b](<https://x.y/a_b>)"),
        (
            "click",
            [types.MessageEntityTextUrl(0, 5, "https://x.y/?a=1&b=<>")],
            "[click](<https://x.y/?a=1&amp;b=%3C%3E>)",
        ),
        (
            "click",
            [types.MessageEntityTextUrl(0, 5, "javascript:x")],
            "\\[click\\] (`javascript:x`)",
        ),
        ("click", [types.MessageEntityTextUrl(0, 5, "")], "\\[click\\]"),
        (
            "Look!here! Wow!",
            [types.MessageEntityTextUrl(5, 5, "https://x.y")],
            "Look\\![here\\!](<https://x.y>) Wow!",
        ),
        (
            "a x```\n# y\nb",
            [types.MessageEntityPre(2, 8, "c++{x}")],
            "a\n\n````c++x\nx```\n# y\n````\n\nb",
        ),
        ("a\nb\n\nc\nd", [types.MessageEntityBlockquote(2, 4)], "a\n\n> b\n>\n> c\n\nd"),
    ],
)
def test_what_becomes_of_entities(text: str, entities: list[Any], expected: str) -> None:
    """What Markdown has a word for is said in it; what it has none for stays as text."""
    assert expected == block(text, entities)


def test_entities_that_do_not_fit() -> None:
    """What lies beyond the text is cut; what is within another block, or of blanks, is left out."""
    assert "**ab**" == block("ab", [types.MessageEntityBold(-4, 99)])
    assert "a b" == block("a b", [types.MessageEntityBold(1, 1), types.MessageEntityBold(7, 2)])
    within = [types.MessageEntityBlockquote(0, 3), types.MessageEntityPre(2, 1, "")]
    assert "> abc" == block("abc", within)
    links = [
        types.MessageEntityTextUrl(0, 3, "https://a"),
        types.MessageEntityTextUrl(1, 1, "tg://b"),
    ]
    assert "[abc](<https://a>)" == block("abc", links)
    assert "" == block("", None) == block(" \n \t", [types.MessageEntityBold(0, 2)])


def test_code_and_links() -> None:
    """Code keeps what is in it; a link leads nowhere it may not."""
    assert ("`x`", "``a`b``", "`` ` ``") == (code("x"), code("a`b"), code("`"))
    assert "[x](<https://y>)" == link("x", " https://y ")
    assert "\\[x\\] (`file:///etc`)" == link("x", "file:///etc")
