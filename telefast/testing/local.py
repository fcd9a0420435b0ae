"""`LocalTelegram`: the embedded Telegram as users see it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from telethon.sessions.string import StringSession

from telefast.errors import ArgumentError, ClosedError
from telefast.testing.clients import Clients, as_session, forget_config, point
from telefast.testing.clock import running_clock
from telefast.testing.datacentres import (
    DataCentre,
    check_data_centres,
    check_line,
    check_rule,
)
from telefast.testing.dispatcher import Dispatcher
from telefast.testing.faults import Rule, UnusedRuleError
from telefast.testing.flood_profiles import FloodProfile, flood_profile
from telefast.testing.hosting import Host
from telefast.testing.keys import trust_test_key
from telefast.testing.ledger import Ledger
from telefast.testing.method_takeout import TakeoutSession
from telefast.testing.virtual import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from telethon import TelegramClient
    from telethon.tl.tlobject import TLObject

    from telefast.testing.account import Account
    from telefast.testing.client_faults import ClientFault
    from telefast.testing.rpc import Address
    from telefast.testing.world import World

__all__ = ["LocalTelegram"]

AnyRule = TypeVar("AnyRule", bound=Rule)


class LocalTelegram:
    """A Telegram on this machine: a real MTProto server that shows a world you made.

    The client is Telethon's own, unmodified. It connects over TCP on 127.0.0.1, exchanges keys or
    uses one that the server already knows, encrypts, and gets what Telegram would answer: the
    same pages for the same offsets, the same refusals. A request that is not embedded is refused
    loudly (`METHOD_NOT_EMBEDDED`) and named in `unknown`.

    In virtual time (`run_virtual`) its world goes by the clock of the loop, else by the machine's.

    Use it with `async with`. On leaving, clients made by `client` are disconnected, the server is
    gone, and no task, socket or process is left. If the server itself failed, leaving raises
    `EmbeddedTelegramError`, and if a rule never fired `UnusedRuleError`, since a test that passed
    over it would prove nothing.

    Args:
        world: What there is to see. In the event loop it may be changed while the server runs.
        rtt: Round trip time in seconds: each answer leaves this long after its request arrived.
            Requests in flight together wait together, as on a real line. Default 0.
        jitter: Most seconds that are added to *rtt*; each answer gets its own share, drawn from the
            seed of the world, so that answers may overtake one another. Default 0.
        bandwidth: Bytes per second that each connection carries towards its client; answers then
            leave one after the other. None means no limit.
        dc_bandwidth: Bytes per second that all connections to one data centre share, in turns. None
            means no limit.
        flood: What an account may ask for before it is told to wait, and how fast bytes come: a
            profile, or the name of one, or of several with `+` between them. Default: no limits.
            A speed of the profile counts if it is lower than *bandwidth* or *dc_bandwidth*.
        process: Whether the server runs in a process of its own, so that it costs the client's
            process no time: for benchmarks. It gets a copy of *world*, made by `World.recipe`, as
            it is on entering; call `sync` before you read `requests`, `unknown`,
            `client_faults` and `takeouts`.
        rules: Faults in force from the start, applied in this order. Not with *process*.
        gzip: Whether answers are compressed if that makes them smaller: True or `gzip`, or `zlib`
            for the other framing that `gzip_packed` may hold and that Telethon does not read.
            Telegram does so; the default is not to, because it would take most of the server's
            time.
        strict_salts: Whether a message with another server salt than ours is refused with
            `bad_server_salt`, as Telegram does. By default any salt is taken, which saves each
            new connection a round trip.
        data_centres: Those of `World.dc_ids` that differ from the others in what `DataCentre` says,
            and content delivery networks.
        sign_in: Whether a client that exchanged a key at the home of the first account has to sign
            in. By default its key belongs to the first account. At other data centres a key is
            always without a login at first, as at Telegram.

    Raises:
        WorldError: If *world* contradicts itself (see `World.check`), or a rule sends clients to a
            network that is not there.
        ArgumentError: If *rtt* or *jitter* is no time, *bandwidth* or *dc_bandwidth* not above 0,
            *flood* no profile, *gzip* none of the above, *rules* are given with *process*, or
            *data_centres* contradict the world.

    Example:
        >>> import asyncio
        >>> from telefast.testing import LocalTelegram, World
        >>> async def count() -> tuple[int, int]:
        ...     world = World(seed=1)
        ...     world.add_channel("Ships", message_count=250, username="ships")
        ...     async with LocalTelegram(world) as telegram, telegram.client() as client:
        ...         messages = [m.id async for m in client.iter_messages("ships", wait_time=0)]
        ...         return len(messages), telegram.requests["messages.getHistory"]
        >>> asyncio.run(count())
        (250, 3)
    """

    def __init__(
        self,
        world: World,
        *,
        rtt: float = 0.0,
        jitter: float = 0.0,
        bandwidth: float | None = None,
        dc_bandwidth: float | None = None,
        flood: str | FloodProfile = "unlimited",
        process: bool = False,
        rules: Sequence[Rule] = (),
        gzip: bool | Literal["gzip", "zlib"] = False,
        strict_salts: bool = False,
        data_centres: Sequence[DataCentre] = (),
        sign_in: bool = False,
    ) -> None:
        check_line(rtt, jitter, bandwidth, dc_bandwidth)
        speeds = FloodProfile(name="own", bandwidth=bandwidth, dc_bandwidth=dc_bandwidth)
        self._flood = flood_profile(flood)
        speeds |= self._flood
        if gzip not in (False, True, "gzip", "zlib"):
            raise ArgumentError("gzip", gzip, "True, False, 'gzip' or 'zlib'")
        if process and rules:
            raise ArgumentError("rules", rules, "none with process=True; leave it out to use rules")
        world.check()
        check_data_centres(world, data_centres)
        for rule in rules:
            check_rule(rule, data_centres)
        self.world = world
        options: dict[str, Any] = {
            "rtt": rtt,
            "jitter": jitter,
            "bandwidth": speeds.bandwidth,
            "dc_bandwidth": speeds.dc_bandwidth,
            "strict_salts": strict_salts,
            "sign_in": sign_in,
        }
        self._differing = tuple(data_centres)
        self._dispatcher = Dispatcher(world, rules=rules, gzip=gzip, budgets=self._flood.budgets)
        self._in_process = process
        order = {"gzip": gzip, "budgets": [budget.as_json() for budget in self._flood.budgets]}
        self._host = Host(
            world, self._dispatcher, self._differing, options, order if process else None
        )
        self._clients = Clients()

    def __repr__(self) -> str:
        """Show where it listens; no key."""
        where = ", ".join(f"{each.host}:{each.port}" for each in self._host.addresses)
        return f"<LocalTelegram {where or 'not running'}>"

    @property
    def flood(self) -> FloodProfile:
        """The flood limits in force; show `flood.describe()` wherever a result depends on them."""
        return self._flood

    @property
    def requests(self) -> Ledger:
        """What arrived and what was sent; still readable after leaving."""
        return self._dispatcher.ledger

    @property
    def unknown(self) -> list[str]:
        """Requests that the server does not know, each once, in order of appearance."""
        return self._dispatcher.unknown

    @property
    def client_faults(self) -> list[ClientFault]:
        """What clients did wrong, the oldest first.

        These are requests and messages that break Telegram's rules, and that got Telegram's error
        for it. Not among them is what happens to clients that do nothing
        wrong (flood waits, migrations, a login that is missing or was revoked, rights, references
        that expired, names and codes that users mistype), nor what a rule does. An id counts as
        wrong if nothing has it any more. The newest 1,000 are kept.
        """
        return [*self._dispatcher.ledger.client_faults]

    @property
    def takeouts(self) -> list[TakeoutSession]:
        """The takeout sessions that clients began, the oldest first, and how each ended."""
        return [*self._dispatcher.takeouts.sessions]

    @property
    def host(self) -> str:
        """IP address to connect to, that of the home of the first account."""
        return self._host.where().host

    @property
    def port(self) -> int:
        """TCP port to connect to, that of the home of the first account."""
        return self._host.where().port

    @property
    def dc_id(self) -> int:
        """Number of the data centre that is the home of the first account."""
        return self._host.where().dc_id

    @property
    def addresses(self) -> Sequence[Address]:
        """Where the data centres listen, in the order in which clients are told."""
        return self._host.addresses

    async def __aenter__(self) -> Self:
        """Start the server.

        Raises:
            EmbeddedTelegramError: If its process could not start.
            ClosedError: If it was started before.
            ArgumentError: If it is to have a process of its own in virtual time (`run_virtual`).
        """
        if self._host.server is not None:
            raise ClosedError("a LocalTelegram starts once; make a new one")
        if self._in_process and isinstance(asyncio.get_running_loop(), VirtualLoop):
            raise ArgumentError("process", True, "False in virtual time, which ends at a process")
        self._dispatcher.clock = running_clock().time
        await self._host.start()
        forget_config()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disconnect the clients and stop the server.

        Raises:
            EmbeddedTelegramError: If the server failed and the body of the `async with` did not.
            UnusedRuleError: If the body ended well, but a rule that is not `optional` never fired.
        """
        try:
            await self._clients.aclose()
        finally:
            failure = await self._host.stop()
        if failure is None:
            unused = self._dispatcher.rules.unused()
            if unused and error is None:
                raise UnusedRuleError(unused)
            return
        if error is None:
            raise failure from failure.__cause__
        error.add_note(f"The embedded Telegram failed, too: {failure}")

    def client(
        self,
        *,
        account: Account | None = None,
        key_exchange: bool = False,
        session: Any = None,
        **options: Any,
    ) -> TelegramClient:
        """Return a client of this Telegram, logged in and not yet connected.

        It is Telethon's own, of a class of this server that differs from `TelegramClient` in
        nothing, so that clients of several servers do not share where their data centres are.
        Where keys have to be exchanged (with *key_exchange*, or since there are several data
        centres) this makes Telethon trust the test key in the whole process: see
        `telefast.testing.keys`.

        Args:
            account: Who is logged in: one of `World.accounts`. Default: the first, `World.me`.
            key_exchange: Whether the client has no authorization key yet, and exchanges one when
                it connects (takes a moment). By default it uses a key that the server knows. Only
                for the first account.
            session: Where the client keeps its session: one of Telethon's sessions, or the path
                of a file. It is pointed at this server. Default: in memory.
            **options: Handed to `telethon.TelegramClient` as they are.

        Raises:
            ArgumentError: If *account* is none of the world that the server shows, or not the first
                with *key_exchange*.
            ClosedError: If the server is not running.
        """
        if key_exchange and account not in {None, self.world.account}:
            raise ArgumentError("account", account, "the first one with key_exchange=True")
        key = self._host.key_of(account)
        session = as_session(session)
        point(session, self._host.where(account), None if key_exchange else key)
        if key_exchange or len(self._host.addresses) > 1:
            trust_test_key()
        return self._clients.new(session, options)

    def session_string(self, account: Account | None = None) -> str:
        """Return a session for a client in another process.

        That one connects with `TelegramClient(StringSession(string), api_id, api_hash)`, with any
        api_id and api_hash. The string holds the key: keep it out of logs.

        Args:
            account: Who is logged in: one of `World.accounts`. Default: the first, `World.me`.

        Raises:
            ArgumentError: If *account* is none of the world that the server shows.
            ClosedError: If the server is not running.
        """
        session: Any = StringSession("")
        point(session, self._host.where(account), self._host.key_of(account))
        string: str = session.save()
        return string

    async def sync(self) -> Ledger:
        """Bring what the server tells (`requests`, `unknown`, …) up to date; return `requests`.

        In the event loop they always are.

        Raises:
            EmbeddedTelegramError: If the server's process is gone.
        """
        await self._host.sync()
        return self.requests

    async def warm(self) -> None:
        """Make all messages now, so that a benchmark measures the client and not their making.

        The first reader of a seeded chat waits some 3 ms of the server's time for each page of 100
        messages, later ones 0.2 ms. About 120,000 messages are kept (`Channel.warm`). In the
        event loop this blocks the loop.

        Raises:
            EmbeddedTelegramError: If the server's process is gone.
        """
        await self._host.warm()

    def add(self, rule: AnyRule) -> AnyRule:
        """Put one more fault in force, after those there are, and return it.

        Raises:
            ArgumentError: If the server runs in its own process.
            WorldError: If it sends clients to a network that is not there.
        """
        if self._in_process:
            raise ArgumentError("rule", rule, "none with process=True; leave it out to use rules")
        check_rule(rule, self._differing)
        self._dispatcher.add(rule)
        return rule

    def push(self, updates: TLObject | bytes, account: Account | None = None) -> int:
        """Push updates to connected clients, as Telegram does by itself; return to how many.

        Sessions get them from the home of their account, unless their last request came in
        `invokeWithoutUpdates`. A client that does not read gets none.

        Args:
            updates: An `Updates` object, such as `UpdateShort`, or its TL bytes.
            account: Whom to tell; None means all accounts.

        Raises:
            ArgumentError: If the server runs in its own process.
            ClosedError: If the server is not running.
        """
        if self._in_process:
            raise ArgumentError("updates", updates, "none with process=True; leave it out")
        self._host.where()
        body = updates if isinstance(updates, bytes) else bytes(updates)
        number = None if account is None else account.index
        return sum(line.push(body, number) for line in tuple(self._dispatcher.lines))

    async def drop_connections(self) -> None:
        """Cut all TCP connections without a word; clients may connect again at once.

        Raises:
            ClosedError: If the server is not running.
        """
        await self._host.drop_connections()
