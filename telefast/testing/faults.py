"""Faults: small rules that make the embedded Telegram misbehave as the real one does.

Each rule does one thing and rules add up: `LocalTelegram(world, rules=[ShortPage(every=3),
ErrorOn("upload.getFile", 420, "FLOOD_WAIT_30", nth=5, dc=4)])`. They apply in the order given.
`fired` says how often a rule changed something. A rule that never did proves nothing: leaving
`LocalTelegram` then raises `UnusedRuleError`, unless the rule is `optional`.

What a rule can do it does in the hooks of `Rule`; the server asks only rules that have one. Here
is that base; each family of rules has a module of its own, `fault_*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, Self, Unpack

from telefast.errors import WorldError
from telefast.testing.fault_select import Selector
from telefast.testing.process import EmbeddedTelegramError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from telefast.testing.fault_select import Methods, Numbers, Where
    from telefast.testing.rpc import Call, Empty

__all__ = [
    "HISTORY",
    "Line",
    "LineRule",
    "Rule",
    "RuleBook",
    "Timed",
    "UnusedRuleError",
]

HISTORY = "messages.getHistory"


class Line(Protocol):
    """One TCP connection, as rules see it.

    Attributes:
        number: 1 for the first connection that the server accepted, of all data centres.
        dc_id: The data centre that it came to.
        now: The server's time in seconds since the epoch, skewed by no rule.
        open_here: How many connections of this data centre are open, this one included.
        answering: The request whose answer is on its way out alone, if it is: see `Rule.outgoing`.
    """

    number: int
    answering: Call | None

    @property
    def dc_id(self) -> int:
        """The data centre that it came to."""

    @property
    def now(self) -> float:
        """The server's time in seconds since the epoch, skewed by no rule."""

    @property
    def open_here(self) -> int:
        """How many connections of this data centre are open, this one included."""

    def abort(self) -> None:
        """Cut the connection at once; what waits to be sent is lost."""

    def close(self) -> None:
        """Send what was written, then cut the connection; nothing more is written."""

    def refuse(self, code: int) -> None:
        """Send an error of the transport, such as -404 or -429, then cut the connection."""

    def later(self, delay: float, action: Callable[[], None]) -> None:
        """Do something after *delay* seconds, if the connection is still open then."""

    def send(
        self, body: bytes, *, age: float = 0.0, repeat: bool = False, wrong_session: bool = False
    ) -> None:
        """Send a message of the server's own at once, to the session that spoke last.

        Args:
            body: One TL object.
            age: Seconds by which the message id is too old; below 0, too new.
            repeat: Whether the message gets the id of the last one once more.
            wrong_session: Whether it names a session that is not the client's.
        """

    def new_salt(self) -> None:
        """Change the server salt of this connection."""

    def forget_keys(self, account: int | None, dcs: Collection[int] | None = None) -> None:
        """Forget all authorization keys of an account: what comes under them is -404.

        Args:
            account: Number of the account; None means keys without a login.
            dcs: At which data centres; None means all.
        """

    def push(self, updates: bytes, account: int | None = None) -> int:
        """Push updates to the sessions of this connection that want them; return to how many.

        Args:
            updates: An `Updates` object.
            account: Number of the account to tell; None means any.
        """

    def broadcast(self, updates: bytes, account: int | None = None) -> int:
        """Push updates to all connected sessions that want them; return to how many.

        Args:
            updates: An `Updates` object.
            account: Number of the account to tell; None means all.
        """


class Rule:
    """Base of all faults: changes nothing. Override the hooks that a fault needs.

    Hooks are plain functions (`reply` aside) and must be quick. A rule whose hook changes
    something adds one to `fired`.

    Attributes:
        fired: How often the rule changed something so far.
        optional: Whether it is no error if the rule never fires. Default: False.
    """

    fired: int = 0
    optional: bool = False

    def __repr__(self) -> str:
        """Show the name and how often it fired."""
        return f"<{type(self).__name__} fired={self.fired}>"

    def maybe(self) -> Self:
        """Make the rule optional, and return it."""
        self.optional = True
        return self

    # API requests, in the order in which the hooks are asked.

    def arrived(self, line: Line, call: Call) -> None:
        """Look at a request that arrived; may cut the line or raise `BadMessageError`.

        Then the request is not carried out.
        """

    def before(self, call: Call) -> None:
        """Look at a request before it is answered; may raise `RpcFault` or change the world."""

    def page(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Return what a history page shows instead of *page*, newest first."""
        return page

    def by_ids(self, call: Call, page: list[int | Empty]) -> list[int | Empty]:
        """Return what an answer to getMessages shows instead of *page*, in request order."""
        return page

    def result(self, call: Call, body: bytes) -> bytes:
        """Return what is answered instead of *body*, the bytes of a result; no error comes here."""
        return body

    def answered(self, line: Line, call: Call, body: bytes) -> bytes:
        """Return what is sent instead of *body*: a result, compressed if at all, or an error.

        The request has been carried out. If the line is cut here, the client cannot know that.
        """
        return body

    def holds(self, call: Call) -> bool:
        """Return whether `reply` shall be asked about this request, which costs a task."""
        return True

    async def reply(self, call: Call) -> bool:
        """Wait as long as the answer shall be held back; return False to never send it."""
        return True

    def sent(self, line: Line, call: Call) -> None:
        """Look at a request whose answer was just handed to the socket."""

    # Connections.

    def accept(self, line: Line) -> bool:
        """Return whether a client may connect; if not, it is cut off at once."""
        return True

    def key_exchange(self, line: Line, step: int, answer: bytes) -> bytes:
        """Return what is answered in a key exchange instead of *answer*; may cut the line.

        Args:
            line: The connection.
            step: 1 for `resPQ`, 2 for `server_DH_params_ok`, 3 for `dh_gen_ok`.
            answer: The answer's TL bytes.
        """
        return answer

    def packet(self, line: Line) -> None:
        """Look at a packet that arrived, before it is read; may cut the line or refuse."""

    def service(self, line: Line, name: str) -> float | None:
        """Return by how many seconds the answer to a service message is late; None for never.

        Args:
            line: The connection.
            name: Such as `ping` or `msgs_ack`.
        """
        return 0.0

    def clock(self, line: Line, now: float) -> float:
        """Return what time it is for the protocol instead of *now*: message ids, key exchange."""
        return now

    def packing(self, line: Line) -> int | None:
        """Return how many answers go into one packet, no more and no less; None for as usual."""
        return None

    def outgoing(self, line: Line, data: bytes) -> bytes:
        """Return what goes on the wire instead of *data*, one whole packet; may close the line."""
        return data


class RuleBook(list[Rule]):
    """All rules in force, in order, and for each hook of connections those that have it."""

    _HOOKS: Final = (
        "arrived",
        "result",
        "answered",
        "reply",
        "sent",
        "accept",
        "key_exchange",
        "packet",
        "service",
        "clock",
        "packing",
        "outgoing",
    )

    def __init__(self) -> None:
        super().__init__()
        self.arrived: list[Rule] = []
        self.result: list[Rule] = []
        self.answered: list[Rule] = []
        self.reply: list[Rule] = []
        self.sent: list[Rule] = []
        self.accept: list[Rule] = []
        self.key_exchange: list[Rule] = []
        self.packet: list[Rule] = []
        self.service: list[Rule] = []
        self.clock: list[Rule] = []
        self.packing: list[Rule] = []
        self.outgoing: list[Rule] = []

    def add(self, rule: Rule) -> None:
        """Put one more rule in force, after those there are."""
        self.append(rule)
        for hook in self._HOOKS:
            if getattr(type(rule), hook) is not getattr(Rule, hook):
                getattr(self, hook).append(rule)

    def unused(self) -> list[Rule]:
        """Return the rules that never fired although they should have."""
        return [rule for rule in self if not rule.fired and not rule.optional]


class UnusedRuleError(EmbeddedTelegramError):
    """Rules never fired: the test did not prove what it was written for.

    Let the program ask for what the rule is about, or make the rule `optional` (`Rule.maybe`).

    Args:
        rules: Those that never fired.

    Attributes:
        rules: Those that never fired.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        names = ", ".join(map(repr, rules))
        super().__init__(f"rules that never fired: {names}; use rule.maybe() if that is fine")
        self.rules = list(rules)


class Timed(Rule):
    """A fault of certain requests.

    Args:
        method: Telegram's name of the method, several, a family such as `upload.*`, or None for
            all.
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`.

    Raises:
        WorldError: If the rule could never fire.
    """

    def __init__(
        self,
        method: Methods,
        nth: Numbers = None,
        every: int | None = None,
        **where: Unpack[Where],
    ) -> None:
        self._selector = Selector(type(self).__name__, method, nth, every, where)
        self._last: tuple[Call | None, bool] = (None, False)

    def __repr__(self) -> str:
        """Show what it is about and how often it fired."""
        return f"<{type(self).__name__} {self._selector} fired={self.fired}>"

    def arrived(self, line: Line, call: Call) -> None:
        """Count the request, even if another rule refuses it."""
        self.due(call)

    def due(self, call: Call) -> bool:
        """Return whether the fault applies to *call*, the newest request."""
        if call is not self._last[0]:
            self._last = (call, self._selector.picks(call))
        return self._last[1]


class LineRule(Rule):
    """A fault of certain connections or packets, counted as they come.

    Args:
        nth: Which of those that match, 1 for the first: a number or several.
        every: Those whose number is a multiple of this.
        **where: What else must hold, see `Where`; `account` and `from_request` do not apply.

    Raises:
        WorldError: If the rule could never fire.
    """

    def __init__(
        self, nth: Numbers = None, every: int | None = None, **where: Unpack[Where]
    ) -> None:
        name = type(self).__name__
        for part in ("account", "from_request"):
            if where.get(part) is not None:
                raise WorldError(f"{name}: {part}= is for rules of requests")
        self._selector = Selector(name, None, nth, every, where)

    def __repr__(self) -> str:
        """Show what it is about and how often it fired."""
        return f"<{type(self).__name__} {self._selector} fired={self.fired}>"

    def due_on(self, line: Line) -> bool:
        """Return whether the fault applies to what happens on *line* now; ask once."""
        return self._selector.picks_line(line.dc_id, line.number, line.now)


def apply_page(rules: Sequence[Rule], call: Call, page: list[int | Empty]) -> list[int | Empty]:
    """Return what a history page shows after all rules."""
    for rule in rules:
        page = rule.page(call, page)
    return page


def apply_by_ids(rules: Sequence[Rule], call: Call, page: list[int | Empty]) -> list[int | Empty]:
    """Return what an answer to getMessages shows after all rules."""
    for rule in rules:
        page = rule.by_ids(call, page)
    return page
