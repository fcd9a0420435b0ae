"""Random chats, random arguments and random faults, and what telefast owes for them.

A case is made from its seed alone. What is owed is said by the model of `tests/unit` on the ids
that fit, and those are picked by looking at each message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any

from telethon import types, utils

from telefast.history.query import Query
from telefast.testing import (
    ChangeWorld,
    ClampAddOffset,
    ErrorOn,
    OnlyEmpty,
    RepeatLastId,
    Restricted,
    Rule,
    ShortPage,
    World,
)
from telefast.testing.index import kinds_of, thread_of
from tests.unit.history_model import oracle

__all__ = ["ARGUMENTS", "Case"]

METHODS = ["messages.getHistory", "messages.search", "messages.getReplies"]
ARGUMENTS = [
    *("limit", "min_id", "max_id", "offset_id", "add_offset", "offset_date", "reverse"),
    *("wait_time", "ids", "search", "filter", "from_user", "reply_to"),
]
_IN_LISTS = ("search", "filter", "from_user", "reply_to")
_FILTERS: dict[Any, tuple[str, ...]] = {
    types.InputMessagesFilterPhotos: ("photo",),
    types.InputMessagesFilterUrl: ("url",),
    types.InputMessagesFilterDocument: ("document",),
}


@dataclass
class Case:
    """One chat, one set of arguments, one fault at most.

    Attributes:
        seed: What the case is made from.
        kind: Of the chat: supergroup, private or group.
        arguments: Keyword arguments of `iter_messages`.
        fault: Its name, "" for none.
    """

    seed: int
    kind: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    fault: str = ""

    def __post_init__(self) -> None:
        self.rng = rng = Random(self.seed)
        self.kind = rng.choices(["supergroup", "private", "group"], [6, 2, 2])[0]
        self.world = World(seed=rng.randrange(2**32), user_count=12)
        count = rng.randint(201, 1500) if rng.random() < 0.55 else rng.choice([0, 1, 100, 101, 200])
        self._make_chat(count, rng.choice([0, 0, 0.05, 0.4, 0.8]))
        self.before = list(self.chat.ids)
        self.sender = 0
        self.hidden: set[int] = set()
        self._draw_arguments()
        if rng.random() < 0.74:
            self._draw_fault()

    def _make_chat(self, count: int, holes: float) -> None:
        world = self.world
        if self.kind == "supergroup":
            self.chat: Any = world.add_channel(
                "Club", message_count=count, holes=holes, username="club"
            )
        else:
            world.add_group("Neighbours", message_count=count // 2)
            if self.kind == "group":
                self.chat = world.add_group("Crew", message_count=count)
            else:
                self.chat = world.add_private_chat(
                    next(u for u in world.users.values() if not u.is_self), message_count=count
                )
            gone = [i for i in self.chat.ids if self.rng.random() < holes]
            self.chat.delete(*gone)

    def _draw_arguments(self) -> None:
        rng, draw = self.rng, self.arguments
        top = max(self.before, default=10) + 10

        def maybe(name: str, value: Any, share: float = 0.3) -> None:
            if rng.random() < share:
                draw[name] = value

        if rng.random() < 0.25:
            wanted = [*self.before, *range(top - 20, top + 200)]
            draw["ids"] = [rng.choice(wanted) for _ in range(rng.choice([1, 60, 450]))]
            maybe("reverse", True, 0.5)
            maybe("wait_time", 1e-6, 0.25)
            return
        maybe("limit", rng.choice([1, 5, 99, 100, 101, 150, 250, 500]), 0.42)
        maybe("min_id", rng.randint(1, max(top // 3, 1)))
        maybe("max_id", rng.randint(max(top // 2, 1), top))
        maybe("offset_id", rng.randint(1, top))
        maybe("add_offset", rng.choice([1, 10, 99, 100, 250]) * rng.choice([1, -1]), 0.45)
        maybe("reverse", True, 0.5)
        maybe("wait_time", 1e-6, 0.3)
        if self.before:
            seconds = self.chat.timestamp(rng.choice(self.before)) + rng.randint(-1, 1)
            maybe("offset_date", datetime.fromtimestamp(seconds, UTC), 0.35)
        if self.before and rng.random() < 0.65:
            self._draw_list(maybe)

    def _draw_list(self, maybe: Callable[..., None]) -> None:
        """Draw what makes a list of some of the messages."""
        rng = self.rng
        one = self.chat.message(rng.choice(self.before))
        maybe("search", rng.choice(["a", "e", "the"]), 0.62)
        maybe("filter", rng.choice([*_FILTERS])(), 0.55)
        sender = self._sender(one)
        self.sender = sender if sender in self.world.users else self.world.me.id
        user = self.world.users[self.sender]
        maybe("from_user", types.InputPeerUser(user.id, user.access_hash or 0), 0.6)
        if self.kind == "supergroup":
            thread = thread_of(one) or one.id
            maybe("reply_to", thread if self.chat.has(thread) else one.id, 0.84)
        if "from_user" in self.arguments and ({"reply_to"} & {*self.arguments} or self._is_private):
            # Filtered by the client: a shift counts what the server lists.
            self.arguments.pop("add_offset", None)

    @property
    def _is_private(self) -> bool:
        return self.kind == "private"

    def _draw_fault(self) -> None:
        rng = self.rng
        often = rng.randint(2, 9)
        low = rng.choice(self.before) if self.before else 1
        run = range(low, low + rng.randint(1, 300))
        faults: dict[str, Callable[[], Rule]] = {
            "short pages": lambda: ShortPage(every=often, drop=rng.randint(1, 99), method=METHODS),
            "repeated ids": lambda: RepeatLastId(every=often, method=METHODS),
            "an id twice": lambda: RepeatLastId(every=often, inside=True, method=METHODS),
            "a page of empties": lambda: OnlyEmpty(nth=rng.randint(1, 6), method=METHODS),
            "clamped": lambda: ClampAddOffset(rng.randint(100, 500)),
            "500": lambda: ErrorOn(METHODS, 500, "INTERNAL", every=often),
            "floods": lambda: ErrorOn(METHODS, 420, "FLOOD_WAIT_7", every=often),
            "deletions": lambda: ChangeWorld(METHODS, rng.randint(1, 9), self._delete(run)),
            "posts": lambda: ChangeWorld(METHODS, rng.sample(range(1, 9), 3), self._post),
        }
        if not self.arguments.keys() & {*_IN_LISTS, "ids"} and self.kind == "supergroup":
            faults["hidden run"] = lambda: Restricted(run)
        self.fault = rng.choice([*faults])
        if self.fault in ("deletions", "posts", "hidden run"):
            # What a limit or a shift owes depends on the moment then.
            self.arguments.pop("limit", None)
            self.arguments.pop("add_offset", None)
        if self.fault == "hidden run":
            self.hidden = set(run)
        self._make = faults[self.fault]

    def rules(self) -> list[Rule]:
        """Return the case's rules, new ones."""
        return [self._make().maybe()] if self.fault else []

    def _delete(self, run: range) -> Callable[[World], None]:
        # Without its root there is no thread: Telegram answers MSG_ID_INVALID then.
        root = self.arguments.get("reply_to")
        return lambda _: self.chat.delete(*(i for i in run if self.chat.has(i) and i != root))

    def _post(self, _: World) -> None:
        self.chat.post(self.rng.randint(1, 90))

    # What is owed

    @property
    def changes(self) -> bool:
        """Whether the chat changes while it is read."""
        return self.fault in ("deletions", "posts")

    @property
    def harms_stock(self) -> bool:
        """Whether stock would sleep for seconds under the fault."""
        return self.fault in ("500", "floods")

    def fits(self, message_id: int) -> bool:
        """Tell whether a message belongs to the list that is asked for."""
        message = self.chat.message(message_id)
        asked = self.arguments
        if "reply_to" in asked:
            if thread_of(message) != asked["reply_to"]:
                return False
        else:
            text = getattr(message, "message", "") or ""
            if asked.get("search", "").lower() not in text.lower():
                return False
            wanted = _FILTERS.get(type(asked.get("filter")))
            if wanted and not set(wanted) & set(kinds_of(message)):
                return False
        return "from_user" not in asked or self._sender(message) == self.sender

    def _sender(self, message: Any) -> int:
        if message.from_id is not None:
            return int(utils.get_peer_id(message.from_id))
        return self.world.me.id if message.out else int(utils.get_peer_id(message.peer_id))

    @property
    def query(self) -> Query:
        """The arguments as a query, the date turned into an id."""
        asked = self.arguments
        names = ("limit", "min_id", "max_id", "offset_id", "add_offset", "reverse")
        query = Query(**{name: asked[name] for name in names if name in asked})
        has_start = query.offset_id or (query.min_id if query.reverse else query.max_id)
        if "offset_date" not in asked or has_start:
            return query
        when = asked["offset_date"].timestamp()
        newest = max((i for i in self.before if self.chat.timestamp(i) < when), default=0)
        if not query.reverse and newest == 0:
            return replace(query, limit=0)
        return replace(query, offset_id=newest if query.reverse else newest + 1)

    def problem(self, got: list[int | None]) -> str:
        """Say what is wrong with the ids of a whole walk, "" if nothing is."""
        if "ids" in self.arguments:
            there = set(self.before)
            wanted = self.arguments["ids"]
            if self.arguments.get("reverse"):
                wanted = wanted[::-1]
            expected = [i if i in there else None for i in wanted]
            if self.changes:
                ok = len(got) == len(expected)
                ok = ok and all(
                    g in (e, None) or g == w for g, e, w in zip(got, expected, wanted, strict=True)
                )
                return "" if ok else "other ids than asked for"
            return "" if got == expected else "other ids than asked for"
        found = [i for i in got if i is not None]
        query = self.query
        if not self.changes:
            owed = oracle([i for i in self.before if i not in self.hidden and self.fits(i)], query)
            return "" if owed == found else _difference(owed, found)
        owed = oracle([i for i in self.before if self.chat.has(i) and self.fits(i)], query)
        if sorted(set(found), reverse=not query.reverse) != found:
            return "not in order, each once"
        if lost := set(owed) - set(found):
            return f"{len(lost)} lost: {sorted(lost)[:5]}"
        if any(not query.keeps(i) for i in found):
            return "ids out of bounds"
        return ""

    def __repr__(self) -> str:
        shown = {name: value for name, value in self.arguments.items() if name != "ids"}
        return f"Case({self.seed}) {self.kind} {len(self.before)} {self.fault!r} {shown}"


def _difference(owed: list[int], found: list[int]) -> str:
    lost = sorted(set(owed) - set(found))
    extra = sorted(set(found) - set(owed))
    twice = [i for i, times in Counter(found).items() if times > 1]
    return (
        f"owed {len(owed)}, got {len(found)}; lost {lost[:5]}, extra {extra[:5]}, twice {twice[:5]}"
    )
