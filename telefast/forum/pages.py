"""The Markdown files of a forum: a page for each topic, and one that lists them.

A page is a frame that nobody who writes in a topic can draw: headings and list items are ours
alone, since `telefast.forum.markdown` takes them out of all texts. In the heading of a message its
id and date come first, so that no name can hold another's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal
from urllib.parse import quote

from telefast.filenames import LONGEST, clean_name
from telefast.forum.describe import (
    Names,
    action_line,
    forward_line,
    media_line,
    name_of,
    peer_name,
    poll_lines,
    reply_line,
    written,
)
from telefast.forum.markdown import block, inline
from telefast.forum.record import Home, Page, TopicState
from telefast.forum.topics import GENERAL
from telefast.forum.types import TopicInfo
from telefast.reactions.summary import ReactionSummary

__all__ = [
    "TOPICS",
    "NameStyle",
    "index_page",
    "message_block",
    "metrics_file",
    "topic_file_name",
    "topic_header",
]

NameStyle = Literal["id", "title_id"]

TOPICS: Final = "topics"
"""The folder of the pages, in that of the forum."""

VERSION: Final = 1
"""Version of the file of metrics. Names may be added to it, none is taken away or changed."""


def topic_file_name(topic: TopicInfo, style: NameStyle) -> str:
    """Return the name of a topic's page; no other topic of the forum has it, on any disk.

    Example:
        >>> from telefast.forum.pages import topic_file_name
        >>> topic_file_name(TopicInfo(5, "../Ships?"), "title_id")
        'topic__Ships__5.md'
    """
    tail = f"_{topic.id}.md"
    head = clean_name(topic.title, LONGEST - len("topic_") - len(tail)) if style != "id" else ""
    return f"topic_{head}{tail}" if head else f"topic{tail}"


def topic_header(topic: TopicInfo, home: Home, state: TopicState, names: Names) -> str:
    """Return how a page begins."""
    created = written(topic.date)
    if topic.creator_id is not None:
        created += f", by {state.creator or peer_name(topic.creator_id, names)}"
    metrics = state.metrics.to_json()
    last = f"#{state.last_id}, {_last(metrics)}" if state.last_id else "none"
    lines = [
        f"# {_title(topic)}\n",
        f"- Forum: {inline(home.title, str(home.id))}",
        f"- Topic: {topic.id}",
        f"- Created: {created}",
        f"- State: {_state(topic)}",
        f"- Messages: {metrics['messages']}",
        f"- Last message: {last}",
        f"- Link: <{home.url(topic.id)}>",
    ]
    return "\n".join(lines) + "\n"


def message_block(message: Any, names: Names) -> str:
    """Return a message, with a blank line before it."""
    lines = [f"\n### #{message.id}, {written(message.date)}, {name_of(message, names)}\n"]
    lines += [
        f"- {line}"
        for line in (
            reply_line(message),
            forward_line(message, names),
            action_line(message, names),
            media_line(message),
            _edited(message),
        )
        if line
    ]
    for number, line in enumerate(poll_lines(message)):
        lines.append(f"  - {line}" if number else f"- {line}")
    text = block(getattr(message, "message", None) or "", getattr(message, "entities", None))
    if text:
        lines.append(f"\n{text}\n" if len(lines) > 1 else f"{text}\n")
    reactions = inline(ReactionSummary.of(message).format())
    if reactions:
        lines.append(f"- Reactions: {reactions}")
    return "\n".join(lines).rstrip("\n") + "\n"


def index_page(home: Home, pages: Iterable[Page]) -> str:
    """Return the page that lists all others, General first, the rest as they were made."""
    ordered = sorted(pages, key=lambda page: page.topic.id)
    lines = [
        f"# {inline(home.title, str(home.id))}\n",
        f"- Topics: {len(ordered)}",
        f"- Messages: {sum(page.metrics['messages'] for page in ordered)}",
        f"- Link: <{home.url(GENERAL)}>\n",
        "| Topic | Messages | Last message | State | File |",
        "| --- | ---: | --- | --- | --- |",
    ]
    for page in ordered:
        path = f"{TOPICS}/{quote(page.name)}"
        cells = (
            _title(page.topic),
            page.metrics["messages"],
            _last(page.metrics),
            _state(page.topic),
            f"[{inline(page.name)}](<{path}>)",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def metrics_file(home: Home, pages: Iterable[Page]) -> str:
    """Return what the topics of a forum add up to, as JSON."""
    topics = [
        {"id": page.topic.id, "title": page.topic.title, "file": f"{TOPICS}/{page.name}"}
        | page.metrics
        for page in sorted(pages, key=lambda page: page.topic.id)
    ]
    data = {"version": VERSION, "forum": {"id": home.id, "title": home.title}, "topics": topics}
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _title(topic: TopicInfo) -> str:
    return inline(topic.title, f"Topic {topic.id}")


def _last(metrics: dict[str, Any]) -> str:
    """Return when the latest message was sent."""
    if not metrics["messages"]:
        return "none"
    date = metrics["last_date"]
    return written(None if date is None else datetime.fromisoformat(date))


def _state(topic: TopicInfo) -> str:
    if topic.deleted:
        return "deleted"
    if not topic.title and not topic.is_general:
        return "not listed"
    flags = [name for name in ("pinned", "closed", "hidden") if getattr(topic, name)]
    return ", ".join(flags) or "open"


def _edited(message: Any) -> str | None:
    date = getattr(message, "edit_date", None)
    is_shown = date is not None and not getattr(message, "edit_hide", None)
    return f"Edited: {written(date)}" if is_shown else None
