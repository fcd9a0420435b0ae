r"""Text of strangers as Markdown: what it says stays, what it could do does not.

Whatever text goes in, what comes out holds no heading, list, table, HTML, comment or directive, so
nobody's message can look like the frame around it. In CommonMark (https://spec.commonmark.org/0.31.2)
it reads as it was sent; the marks that other programs give a meaning (tables and `~~` of GitHub's
dialect, `$` for formulas, directives, comments of several programs) are taken away as well.

* `&`, `<` and `>` become character references, which every dialect knows; other marks get a
  backslash, those that mean something only where a line begins there alone. So does `!` before an
  entity: directly before a link it would make an image, which programs load without being asked.
* A line break stays one, by a backslash at its end. Blank lines part paragraphs, several as one.
* A blank at the beginning of a line becomes a reference, so that no line is code by its indent.
* What is no character, and controls other than tab, become U+FFFD.
* Entities become Markdown where it has a word for them: bold, italic, strike, spoiler (`||`), code,
  blocks of code, quotes, links. What it has none for (underline, custom emoji) stays as text.

Entities count in UTF-16 units (https://core.telegram.org/api/entities#entity-length); those that do
not fit the text are cut or left out.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from telethon.tl import types

from telefast.filenames import without_controls

__all__ = ["block", "code", "inline", "link"]

_NEWLINE: Final = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
"""Line endings of CommonMark, and what editors take for one."""
_NO_TEXT: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_MARK: Final = r"[&<>\\`*_{}\[\]~|$]|%(?=%)|=(?==)"
_FIRST: Final = r"\A(?:[#+\-=:%(!?/]|[0-9]{1,9}[.)](?!\S))"
"""What means something where a line begins: its last character gets the backslash."""
_WITHIN: Final = re.compile(_MARK)
_AT_FIRST: Final = re.compile(f"{_FIRST}|{_MARK}")
_IN_TITLES: Final = re.compile(f"{_FIRST}|{_MARK}|#")
"""At the end of a title `#` would be taken away."""
_REFERENCES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SCHEME: Final = re.compile(r"(https?|tg|ton|mailto|tel):", re.IGNORECASE)
"""What links may lead to; a `javascript:` or `file:` is shown and leads nowhere (our choice)."""
_PLAIN_URL: Final = re.compile(r"https?://[A-Za-z0-9./?=_~:#@!$'()*+,;%-]+")
_NO_LANGUAGE: Final = re.compile(r"[^A-Za-z0-9_+#.-]")

_MARKERS: Final = {
    types.MessageEntityBold: "**",
    types.MessageEntityItalic: "*",
    types.MessageEntityStrike: "~~",
    types.MessageEntitySpoiler: "||",
}
_PEOPLE: Final = (types.MessageEntityMentionName, types.InputMessageEntityMentionName)
_WHOLE: Final = (types.MessageEntityCode, types.MessageEntityUrl)
"""What no other entity cuts, since nothing within is Markdown."""
_BLOCKS: Final = (types.MessageEntityPre, types.MessageEntityBlockquote)
_KNOWN: Final = (*_MARKERS, *_PEOPLE, *_WHOLE, *_BLOCKS, types.MessageEntityTextUrl)


class _Span(NamedTuple):
    """An entity, in characters of the text."""

    start: int
    end: int
    entity: Any


class _Style(NamedTuple):
    """What stands before and behind a part of a line."""

    before: str
    behind: str


class _Segment(NamedTuple):
    """A part of a line in one style; what kind of entity it is, if none may cut it."""

    text: str
    styles: list[_Style]
    whole: type | None


def inline(text: str, default: str = "") -> str:
    r"""Return a name or title as one line, for any place in a line or cell.

    Args:
        text: The name.
        default: What to return if there is nothing to see.

    Example:
        >>> from telefast.forum.markdown import inline
        >>> print(inline("# Ships | <b>old</b> & *new*"))
        \# Ships \| &lt;b&gt;old&lt;/b&gt; &amp; \*new\*
    """
    text = " ".join(without_controls(_NEWLINE.sub(" ", text)).split())
    return _escape(text, _IN_TITLES) or default


def code(text: str) -> str:
    """Return a text as code within a line; it must have more than blanks."""
    text = _clean(_NEWLINE.sub(" ", text))
    fence = "`" * (_longest_run(text) + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def link(label: str, url: str) -> str:
    """Return a link; of one that must not be followed its label and, as code, where it leads.

    Args:
        label: The text, as Markdown already.
        url: Where it leads; any text.
    """
    style = _link_style(url)
    return f"{style.before}{label}{style.behind}"


def block(text: str, entities: Iterable[Any] | None = None) -> str:
    """Return a text of any number of lines as paragraphs, without a line break at the end.

    Args:
        text: As it was sent.
        entities: Its entities, in any order.
    """
    spans = _spans(text, entities or ())
    parts = []
    at = 0
    for span in spans:
        if not isinstance(span.entity, _BLOCKS) or span.start < at:
            continue  # blocks within others there are none at Telegram
        parts.append(_paragraphs(text, at, span.start, spans))
        if isinstance(span.entity, types.MessageEntityPre):
            parts.append(_fenced(text[span.start : span.end], span.entity.language or ""))
        else:
            lines = _paragraphs(text, span.start, span.end, spans).split("\n")
            parts.append("\n".join(f"> {line}".rstrip() for line in lines))
        at = span.end
    parts.append(_paragraphs(text, at, len(text), spans))
    return "\n\n".join(part for part in parts if part)


def _spans(text: str, entities: Iterable[Any]) -> list[_Span]:
    """Return the entities in characters, outer ones first; what lies beyond the text is cut."""
    found: list[Any] = [each for each in entities if isinstance(each, _KNOWN)]
    if not found:
        return []
    units = [0]
    for character in text:
        units.append(units[-1] + (2 if character > "\uffff" else 1))
    spans = []
    for each in found:
        start = bisect_left(units, each.offset)
        end = min(bisect_left(units, each.offset + each.length), len(text))
        if text[start:end].strip():
            spans.append(_Span(start, end, each))
    return sorted(spans, key=lambda span: (span.start, -span.end))


def _paragraphs(text: str, start: int, end: int, spans: Sequence[_Span]) -> str:
    """Return a part of the text as paragraphs of lines."""
    lines: list[str] = []
    at = start
    for found in [*_NEWLINE.finditer(text, start, end), None]:
        line = _line(text, at, end if found is None else found.start(), spans)
        if line or (lines and lines[-1]):
            lines.append(line)
        at = end if found is None else found.end()
    while lines and not lines[-1]:
        lines.pop()
    broken = [f"{line}\\" if line and following else line for line, following in pairwise(lines)]
    return "\n".join([*broken, *lines[-1:]])


def _line(text: str, start: int, end: int, spans: Sequence[_Span]) -> str:
    """Return one line; an empty one if there is nothing to see."""
    end = start + len(text[start:end].rstrip())
    out: list[str] = []
    is_open: list[_Style] = []
    blank = ""  # held back: no marker may stand beside it
    segments = [*_segments(text, start, end, spans)]
    for segment, following in zip(segments, [*segments[1:], None], strict=False):
        content = segment.text.strip()
        left, _, right = segment.text.partition(content) if content else (segment.text, "", "")
        is_first = not out and not blank
        blank += _reference(left) if left and is_first else left
        if not content:
            continue
        styles = segment.styles
        common = 0
        while common < min(len(is_open), len(styles)) and is_open[common] == styles[common]:
            common += 1
        out += [style.behind for style in reversed(is_open[common:])]
        out += [blank, *(style.before for style in styles[common:])]
        is_open = styles
        if segment.whole is types.MessageEntityCode:
            out.append(code(content))
        elif segment.whole is types.MessageEntityUrl:
            out.append(_autolink(content))
        else:
            tail = "!" if following and segment.text.endswith("!") else ""
            marks = _AT_FIRST if is_first and not left else _WITHIN
            out.append(_escape(content.removesuffix(tail), marks) + (tail and f"\\{tail}"))
        blank = right
    out += [style.behind for style in reversed(is_open)]
    return "".join(out)


def _segments(text: str, start: int, end: int, spans: Sequence[_Span]) -> Iterator[_Segment]:
    """Cut a line where its style changes."""
    here = [
        _Span(max(span.start, start), min(span.end, end), span.entity)
        for span in spans
        if span.start < end and span.end > start and not isinstance(span.entity, _BLOCKS)
    ]
    whole: list[_Span] = []
    styled: list[tuple[_Span, _Style]] = []
    for span in here:
        if not isinstance(span.entity, _WHOLE):
            styled.append((span, _style_of(span.entity)))
        elif whole and span.start <= whole[-1].end:  # two codes side by side would be none
            whole[-1] = whole[-1]._replace(end=max(whole[-1].end, span.end))
        else:
            whole.append(span)
    cuts = {cut for span, _ in styled for cut in span[:2]}
    cuts -= {cut for cut in cuts for span in whole if span.start < cut < span.end}
    ordered = sorted({start, end, *cuts, *(cut for span in whole for cut in span[:2])})
    for at, until in pairwise(ordered):
        yield _Segment(
            text[at:until],
            _nested(style for span, style in styled if span.start <= at < span.end),
            next((type(span.entity) for span in whole if span.start <= at < span.end), None),
        )


def _nested(styles: Iterable[_Style]) -> list[_Style]:
    """Return styles as they may stand within each other: each once, and one link."""
    found: list[_Style] = []
    for style in styles:
        is_link = "[" in style.before
        if style not in found and not (is_link and any("[" in each.before for each in found)):
            found.append(style)
    return found


def _style_of(entity: Any) -> _Style:
    if isinstance(entity, types.MessageEntityTextUrl):
        return _link_style(entity.url)
    if isinstance(entity, _PEOPLE):
        return _link_style(f"tg://user?id={getattr(entity.user_id, 'user_id', entity.user_id)}")
    marker = _MARKERS[type(entity)]
    return _Style(marker, marker)


def _link_style(url: str) -> _Style:
    url = url.strip()
    if not _SCHEME.match(url):
        return _Style("\\[", f"\\] ({code(url)})" if url else "\\]")
    safe = quote(url, safe="%/:=&?~#+!$,;'@()*[]-._", errors="replace")
    return _Style("[", f"](<{safe.replace('&', '&amp;')}>)")


def _autolink(text: str) -> str:
    if _PLAIN_URL.fullmatch(text):
        return f"<{text}>"
    return link(_escape(text, _AT_FIRST), text if "://" in text else f"https://{text}")


def _fenced(text: str, language: str) -> str:
    text = _clean(_NEWLINE.sub("\n", text)).strip("\n")
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{_NO_LANGUAGE.sub('', language)[:30]}\n{text}\n{fence}"


def _escape(text: str, marks: re.Pattern[str]) -> str:
    return marks.sub(_marked, _clean(text))


def _marked(found: re.Match[str]) -> str:
    return _REFERENCES.get(found[0]) or f"{found[0][:-1]}\\{found[0][-1]}"


def _reference(text: str) -> str:
    """Return blanks that begin a line, and are no indent."""
    return f"&#{ord(text[0])};{text[1:]}"


def _clean(text: str) -> str:
    return _NO_TEXT.sub("\ufffd", text)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
