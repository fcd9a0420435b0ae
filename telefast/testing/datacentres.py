"""The data centres of the embedded Telegram: a listener and keys for each, one world for all."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from telefast.errors import ArgumentError, WorldError
from telefast.testing.keys import ServerKey
from telefast.testing.link import SharedLine
from telefast.testing.method_cdn import CdnRedirect
from telefast.testing.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from telefast.testing.dispatcher import Dispatcher
    from telefast.testing.faults import Rule
    from telefast.testing.rpc import Address
    from telefast.testing.world import World

__all__ = ["DataCentre", "DataCentres", "as_data", "check_data_centres", "check_line", "check_rule"]


@dataclass(frozen=True, slots=True)
class DataCentre:
    """How one data centre of an embedded Telegram differs from the others.

    What is None is as `LocalTelegram` says for all.

    Attributes:
        dc_id: Its number, one of `World.dc_ids`; or, for a content delivery network, one that is
            not among them.
        rtt: Round trip time in seconds.
        jitter: Most seconds that are added to it.
        bandwidth: Bytes per second of each connection towards its client.
        dc_bandwidth: Bytes per second that all its connections share.
        media_only: Whether there is one more listener, of which clients are told that it is for
            files only. It shares the keys of the data centre.
        cdn: Whether it is a content delivery network: it knows `upload.getCdnFile` and no account.
        networks: IP addresses of clients whose network belongs to it: who wants to sign up from
            there is sent to it (NETWORK_MIGRATE_X). On loopback, clients come from another address
            with Telethon's `local_addr="127.0.0.2"`.

    Raises:
        ArgumentError: If a number is out of range.

    Example:
        >>> far = DataCentre(4, rtt=0.2)
    """

    dc_id: int
    rtt: float | None = None
    jitter: float | None = None
    bandwidth: float | None = None
    dc_bandwidth: float | None = None
    media_only: bool = False
    cdn: bool = False
    networks: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 1 <= self.dc_id <= 1000:
            raise ArgumentError("dc_id", self.dc_id, "a number from 1 to 1000")
        if self.cdn and self.media_only:
            raise ArgumentError("media_only", True, "False for a CDN")
        check_line(self.rtt or 0.0, self.jitter or 0.0, self.bandwidth, self.dc_bandwidth)


def check_line(
    rtt: float, jitter: float, bandwidth: float | None, dc_bandwidth: float | None
) -> None:
    """Refuse what is no line.

    Raises:
        ArgumentError: If *rtt* or *jitter* is no time, or a bandwidth not above 0.
    """
    for name, value in (("rtt", rtt), ("jitter", jitter)):
        if not _is_time(value):
            raise ArgumentError(name, value, "seconds, 0 or more")
    for name, speed in (("bandwidth", bandwidth), ("dc_bandwidth", dc_bandwidth)):
        if speed is not None and not (_is_time(speed) and speed):
            raise ArgumentError(name, speed, "bytes per second, above 0, or None")


class DataCentres:
    """All servers of an embedded Telegram, one per data centre, in the running event loop.

    Args:
        dispatcher: What answers API requests, of all of them.
        keys: The authorization key of each account, known at its home.
        differing: Data centres that differ from *options*.
        options: What all servers have in common: `rtt`, `jitter`, `bandwidth`, `dc_bandwidth`,
            `strict_salts` and `sign_in` (whether a key that a client exchanged at the home of the
            first account is logged in only after a sign-in).

    Attributes:
        servers: The servers in the order in which clients are told of them: the home of the first
            account is the first.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        keys: Sequence[ServerKey],
        *,
        differing: Iterable[DataCentre] = (),
        options: Mapping[str, Any],
    ) -> None:
        self.servers: list[Server] = []
        self._dispatcher = dispatcher
        common = dict(options)
        sign_in = common.pop("sign_in")
        dc_bandwidth = common.pop("dc_bandwidth")
        others = {each.dc_id: each for each in differing}
        world = dispatcher.world
        for dc_id in dict.fromkeys((*world.dc_ids, *others)):
            own = others.get(dc_id, DataCentre(dc_id))
            line: dict[str, Any] = {
                name: value
                for name in ("rtt", "jitter", "bandwidth")
                if (value := getattr(own, name)) is not None
            }
            shared = own.dc_bandwidth or dc_bandwidth
            line["line"] = None if shared is None else SharedLine(shared)
            stored = dispatcher.keys[dc_id] = {}
            for media_only in (False, True)[: 1 + own.media_only]:
                server = Server(
                    dispatcher,
                    stored,
                    dc_id=dc_id,
                    media_only=media_only,
                    cdn=own.cdn,
                    networks=own.networks,
                    sign_in=sign_in or dc_id != world.dc_ids[0],
                    **(common | line),
                )
                self.servers.append(server)
        for key in keys:
            self.learn(key)

    async def start(self) -> list[Address]:
        """Listen; return the addresses, the home of the first account first."""
        for server in self.servers:
            self._dispatcher.addresses.append(await server.start())
        return list(self._dispatcher.addresses)

    def learn(self, key: ServerKey) -> None:
        """Let the home of an account know its key."""
        home = self._dispatcher.world.accounts[key.account or 0].dc_id
        self._dispatcher.keys[home][key.key_id] = key

    async def drop_connections(self) -> None:
        """Cut all connections of all data centres without a word, and wait until they are gone."""
        for server in self.servers:
            await server.drop_connections()

    async def aclose(self) -> None:
        """Stop listening and cut all connections; no task and no socket is left."""
        for server in self.servers:
            await server.aclose()


def check_data_centres(world: World, data_centres: Sequence[DataCentre]) -> None:
    """Refuse data centres that contradict the world or one another.

    Raises:
        ArgumentError: Names those that do.
    """
    ids = [each.dc_id for each in data_centres]
    if len(set(ids)) < len(ids):
        raise ArgumentError("data_centres", ids, "each dc_id once")
    for each in data_centres:
        if each.cdn == (each.dc_id in world.dc_ids):
            expected = "none of" if each.cdn else "one of"
            raise ArgumentError(
                "data_centres", each, f"a dc_id that is {expected} World.dc_ids {world.dc_ids}"
            )


def check_rule(rule: Rule, data_centres: Sequence[DataCentre]) -> None:
    """Refuse a rule that sends clients to a network that is not there.

    Raises:
        WorldError: Names the rule.
    """
    networks = [each.dc_id for each in data_centres if each.cdn]
    if isinstance(rule, CdnRedirect) and rule.network not in networks:
        raise WorldError(
            f"{rule!r}: network={rule.network}: expected a DataCentre({rule.network}, cdn=True), "
            f"there are {networks}"
        )


def as_data(data_centre: DataCentre) -> dict[str, Any]:
    """Return a data centre as JSON-able data."""
    return asdict(data_centre)


def _is_time(value: object) -> bool:
    """Return whether *value* is a number of seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < math.inf
