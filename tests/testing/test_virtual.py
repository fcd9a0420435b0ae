"""Does virtual time jump when all wait for it, and only then?"""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telefast import BatchedHistory
from telefast.errors import ArgumentError, UsageError
from telefast.testing import (
    Call,
    ErrorOn,
    LocalTelegram,
    Rule,
    VirtualClock,
    VirtualDeadlockError,
    VirtualLoop,
    World,
    run_virtual,
    virtual_loop,
    virtual_time,
    virtual_wires,
)
from telefast.testing.clock import EPOCH, RealClock, running_clock
from telefast.testing.virtual_wires import Wires

HOUR = 3600.0


def ships(count: int = 250) -> World:
    """Return a world with one channel."""
    world = World(seed=5)
    world.add_channel("Ships", message_count=count, username="ships")
    return world


# The clock.


@given(st.lists(st.floats(-1e9, 1e9), max_size=5), st.floats(0, 1e9))
def test_a_moved_wall_clock_leaves_waits_alone(moves: list[float], elapsed: float) -> None:
    """The wall clock goes with the loop's time plus all moves; the monotonic one never moves."""
    clock = VirtualClock(lambda: elapsed, epoch=0.0)
    for seconds in moves:
        clock.move(seconds)
    assert elapsed == clock.monotonic()
    assert clock.time() == pytest.approx(sum(moves) + elapsed)


def test_bad_clocks_are_refused() -> None:
    """A moment or a move that is no number is an error that names it."""
    with pytest.raises(ArgumentError, match="epoch"):
        VirtualClock(float, epoch=float("nan"))
    with pytest.raises(ArgumentError, match="seconds"):
        VirtualClock(float).move(float("inf"))
    with pytest.raises(ArgumentError, match="patience"):
        VirtualLoop(patience=0)


def test_the_running_clock_is_the_loops_or_the_machines() -> None:
    """Outside a virtual loop the machine's clock counts."""

    async def ask() -> Any:
        return running_clock()

    assert isinstance(running_clock(), RealClock)
    assert isinstance(asyncio.run(ask()), RealClock)
    assert isinstance(run_virtual(ask), VirtualClock)
    assert running_clock().monotonic() <= time.monotonic()
    assert running_clock().time() <= time.time()


# Jumps.


@virtual_time
async def test_timers_ring_in_order_at_their_very_times() -> None:
    """Sleeps end when they should, to the nanosecond, however long they are."""
    rung: list[tuple[str, float]] = []

    async def ring(name: str, after: float) -> None:
        await asyncio.sleep(after)
        rung.append((name, virtual_loop().time()))

    waits = {"month": 30 * 24 * HOUR, "tick": 0.001, "hour": HOUR, "minute": 60.1, "at once": 0.0}
    async with asyncio.TaskGroup() as group:
        for name, after in waits.items():
            group.create_task(ring(name, after))
    assert sorted(waits, key=lambda name: waits[name]) == [name for name, _ in rung]
    assert [waits[name] for name, _ in rung] == [pytest.approx(at, abs=1e-8) for _, at in rung]


@virtual_time
async def test_computing_takes_no_virtual_time() -> None:
    """Time stands still between two waits."""
    await asyncio.sleep(1)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert virtual_loop().time() == 1.0
    assert virtual_loop().jumps == 1


@virtual_time
async def test_nested_timeouts_end_the_right_one() -> None:
    """The nearest deadline ends its own block, at its own time."""
    loop = virtual_loop()
    ended: list[float] = []

    async def inner() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.sleep(2 * HOUR)
        ended.append(loop.time())
        with suppress(TimeoutError):
            await asyncio.wait_for(loop.create_future(), 10)
        ended.append(loop.time())
        await asyncio.sleep(2 * HOUR)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(inner(), HOUR)
    assert [60, 70, HOUR] == [pytest.approx(time) for time in (*ended, loop.time())]


@virtual_time
async def test_a_cancelled_wait_costs_no_time() -> None:
    """Cancellation comes at once, and the timer left behind does not pull the clock along."""
    task = asyncio.create_task(asyncio.sleep(HOUR))
    await asyncio.sleep(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert virtual_loop().time() == 5.0
    await asyncio.sleep(1)
    assert virtual_loop().time() == 6.0


def test_results_arguments_and_errors_pass_through() -> None:
    """`run_virtual` hands over arguments, returns what came out, and raises what was raised."""

    async def divide(one: int, other: int) -> float:
        await asyncio.sleep(HOUR)
        return one / other

    assert run_virtual(divide, 3, 2) == 1.5
    with pytest.raises(ZeroDivisionError):
        run_virtual(divide, 3, 0)


def test_only_coroutine_functions_are_run() -> None:
    """A coroutine that was called already, or a plain function, is refused with a reason."""

    async def nap() -> None:
        await asyncio.sleep(0)

    with pytest.raises(ArgumentError, match="main"):
        run_virtual(nap())  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="coroutine function"):
        virtual_time(lambda: None)  # type: ignore[arg-type, return-value]


@virtual_time(epoch=1000.0)
async def test_the_wall_clock_begins_where_told_and_can_be_moved(tmp_path: Path) -> None:
    """Fixtures reach a decorated test; the wall clock starts at its epoch and jumps when moved."""
    assert tmp_path.name.startswith("test_the_wall_clock")
    clock = virtual_loop().clock
    assert (clock.time(), clock.monotonic()) == (1000.0, 0.0)
    await asyncio.sleep(10)
    clock.move(-2 * HOUR)
    assert (clock.time(), clock.monotonic()) == (1010.0 - 2 * HOUR, 10.0)
    async with asyncio.timeout(5):
        await asyncio.sleep(4)
    clock.move(3 * HOUR)
    assert clock.time() == 1014.0 + HOUR


def test_every_run_begins_at_the_same_moment() -> None:
    """Without an epoch of its own a run shows the same dates as the last."""

    async def ask() -> tuple[float, float]:
        return virtual_loop().time(), virtual_loop().clock.time()

    assert (0.0, EPOCH) == run_virtual(ask) == run_virtual(ask)


def test_there_is_no_virtual_loop_elsewhere() -> None:
    """Asking for it in real time is an error, not a guess."""

    async def ask() -> None:
        virtual_loop()

    with pytest.raises(UsageError, match="run_virtual"):
        asyncio.run(ask())
    with pytest.raises(UsageError, match="run_virtual"):
        virtual_loop()


# What is under way.


@virtual_time
async def test_time_stands_still_while_bytes_are_under_way() -> None:
    """Two hundred exchanges of all sizes over TCP, with a timer pending: no time passes."""
    loop = virtual_loop()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    alarm = loop.call_later(0.001, lambda: None)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    for number in range(200):
        sent = bytes([number]) * (1 + number * 4001)
        writer.write(sent)
        assert sent == await reader.readexactly(len(sent))
        assert loop.time() == 0.0
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    assert loop.time() == 0.0
    alarm.cancel()


@virtual_time
async def test_no_time_passes_in_round_trips_of_a_client() -> None:
    """Two hundred requests of the real client over a link of no length cost no virtual time."""
    async with LocalTelegram(ships()) as telegram, telegram.client() as client:
        loop = virtual_loop()
        loop.call_later(0.001, lambda: None)
        began = loop.time()
        for _ in range(200):
            assert await client.get_messages("ships", 3)
        assert began == loop.time()
        assert telegram.requests["messages.getHistory"] == 200


@virtual_time
async def test_a_reader_that_does_not_read_does_not_stop_time() -> None:
    """Bytes that wait in a sender for a slow reader are not under way."""
    loop = virtual_loop()
    taken: asyncio.Future[int] = loop.create_future()

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(HOUR)
        size = len(await reader.read())
        writer.close()
        await writer.wait_closed()
        taken.set_result(size)

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(bytes(20_000_000))
    writer.write_eof()
    assert await taken == 20_000_000
    assert loop.time() == pytest.approx(HOUR)
    writer.close()
    await writer.wait_closed()
    server.close()


@virtual_time
async def test_time_stands_still_while_a_job_runs_in_an_executor() -> None:
    """A thread's work takes no virtual time, so no deadline overtakes it."""
    loop = virtual_loop()
    release = threading.Event()
    loop.call_later(1.0, release.set)  # would come first if time passed

    def work() -> bool:
        return release.wait(0.05)

    async with asyncio.timeout(0.5):
        assert not await asyncio.to_thread(work)
        assert not await loop.run_in_executor(None, work)
        assert await loop.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    assert loop.time() == 0.0
    await asyncio.sleep(2)
    assert await asyncio.to_thread(work)


@virtual_time
async def test_a_job_that_nobody_waits_for_does_not_stop_time() -> None:
    """After a cancelled wait the clock goes on, though the thread still works."""
    release = threading.Event()
    task = asyncio.create_task(asyncio.to_thread(release.wait, 10))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(HOUR)
    assert virtual_loop().time() == pytest.approx(HOUR)
    release.set()


@virtual_time
async def test_time_stands_still_while_a_child_process_runs() -> None:
    """A deadline of a second does not overtake a child that needs longer to start and answer."""
    loop = virtual_loop()
    async with asyncio.timeout(0.001):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-S", "-c", "print(6 * 7)", stdout=asyncio.subprocess.PIPE
        )
        out, _ = await child.communicate()
    assert (b"42", 0, 0.0) == (out.strip(), child.returncode, loop.time())
    shell = await asyncio.create_subprocess_shell("exit 3")
    assert await shell.wait() == 3
    await asyncio.sleep(HOUR)
    assert loop.time() == pytest.approx(HOUR)


@virtual_time
async def test_a_thread_of_ones_own_can_hold_the_clock() -> None:
    """While `hold` lasts, time stands still and the thread may wake the loop."""
    loop = virtual_loop()
    answer: asyncio.Future[int] = loop.create_future()
    go = threading.Event()

    def work() -> None:
        go.wait(1)
        loop.call_soon_threadsafe(answer.set_result, 7)

    thread = threading.Thread(target=work)
    thread.start()
    with loop.hold("my thread"):
        loop.call_soon(go.set)
        assert await asyncio.wait_for(answer, 1e-6) == 7
    thread.join()
    assert loop.time() == 0.0


# What will never happen.


def test_a_deadlock_is_an_error_that_names_who_waits() -> None:
    """With no timer and nothing under way the loop says which tasks wait where."""

    async def wait_for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        task = asyncio.create_task(wait_for_ever(), name="patient")
        await asyncio.sleep(60)
        await task

    with pytest.raises(VirtualDeadlockError) as caught:
        run_virtual(main)
    text = str(caught.value)
    assert "at virtual time 60: no timer is set" in text
    assert "- patient: " in text
    assert "wait_for_ever" in text
    assert Path(__file__).name in text


def test_a_job_that_never_ends_is_an_error_that_names_it() -> None:
    """A job may not hold the clock for ever; here one waits for a timer of the stopped loop."""
    release = threading.Event()

    def stubborn() -> None:
        release.wait(30)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        job = loop.run_in_executor(None, stubborn)
        loop.call_later(HOUR, release.set)
        try:
            await job
        finally:
            release.set()

    with pytest.raises(VirtualDeadlockError, match=r"executor job .*stubborn"):
        run_virtual(main, patience=0.05)


# With a Telegram.


@virtual_time
async def test_six_idle_hours_of_a_connected_client() -> None:
    """Its pings are sent and answered every minute, nothing is dropped, and it still works."""
    async with LocalTelegram(ships(), rtt=0.25) as telegram, telegram.client() as client:
        await asyncio.sleep(6 * HOUR)
        requests = telegram.requests
        assert requests["ping"] >= 359
        assert requests["updates.getDifference"] >= 23  # after 15 minutes without an update
        assert requests.connections == 1
        assert len(await client.get_messages("ships", 250)) == 250
        assert not telegram.unknown


@virtual_time
async def test_a_client_reconnects_in_virtual_time() -> None:
    """A cut connection is made again, and what was asked meanwhile is answered."""
    async with LocalTelegram(ships(), rtt=1.0) as telegram, telegram.client() as client:
        await asyncio.sleep(HOUR)
        await telegram.drop_connections()
        assert len(await client.get_messages("ships", 250)) == 250
        assert telegram.requests.connections == 2


@virtual_time
async def test_a_flood_wait_of_an_hour_is_sat_out() -> None:
    """A stream waits what Telegram asks for, in virtual time, and is exact."""
    loop = virtual_loop()
    flood = ErrorOn("messages.getHistory", 420, "FLOOD_WAIT_3600", nth=3)
    async with (
        LocalTelegram(ships(2000), rules=[flood]) as telegram,
        telegram.client() as client,
    ):
        ids = [message.id async for message in BatchedHistory(client, "ships", by_ids=False)]
        assert list(range(2000, 0, -1)) == ids
        assert flood.fired == 1
        assert HOUR <= loop.time() < HOUR + 2


@virtual_time
async def test_telethon_itself_sits_out_a_flood() -> None:
    """Telethon sleeps in virtual time when its threshold allows."""
    flood = ErrorOn("messages.getHistory", 420, "FLOOD_WAIT_50", nth=1)
    async with LocalTelegram(ships(), rules=[flood]) as telegram, telegram.client() as client:
        assert len(await client.get_messages("ships", 100)) == 100
        assert virtual_loop().time() == pytest.approx(50)


def test_the_example_in_the_guide_holds() -> None:
    """The test that the guide shows passes."""
    guide = Path(__file__).parents[2] / "docs" / "howto" / "testing-time.md"
    [snippet] = re.findall(r"^```python\n(.*?)^```$", guide.read_text("utf-8"), re.M | re.S)
    names: dict[str, Any] = {}
    exec(snippet, names)  # noqa: S102 - our own documentation
    names["test_a_flood_wait_is_sat_out"]()


def scenario(seed: int) -> list[tuple[float, str, str]]:
    """Return what a server saw and sent, and when, during eight concurrent readers."""
    seen: list[tuple[float, str, str]] = []

    async def main() -> None:
        loop = virtual_loop()
        world = World(seed=seed)
        world.add_channel("Ships", message_count=900, username="ships")
        async with (
            LocalTelegram(world, rtt=0.05, jitter=0.4, bandwidth=100_000) as telegram,
            telegram.client() as client,
        ):
            ledger = telegram.requests
            on_request, on_answer = ledger.on_request, ledger.on_answer

            def asked(method: str, request: Any = None) -> int:
                seen.append((loop.time(), "asked", f"{method} {getattr(request, 'offset_id', 0)}"))
                return on_request(method, request)

            def answered(method: str, error: str | None = None) -> None:
                seen.append((loop.time(), "answered", method))
                on_answer(method, error)

            ledger.on_request, ledger.on_answer = asked, answered  # type: ignore[method-assign]
            entity = await client.get_input_entity("ships")

            async def read(number: int) -> None:
                for step in range(4):
                    top = 900 - 100 * number - 10 * step
                    page = await client.get_messages(entity, 20, offset_id=top)
                    seen.append((loop.time(), f"reader {number}", f"{page[0].id}"))
                    await asyncio.sleep(number * 7)

            async with asyncio.TaskGroup() as group:
                for number in range(8):
                    group.create_task(read(number))

    run_virtual(main)
    return seen


def test_the_same_seed_gives_the_same_order_and_times() -> None:
    """Jitter, bandwidth and eight readers at once: all events alike, to the last bit of time."""
    first = scenario(3)
    assert len(first) == 2 + 8 * 4 * 3
    assert first == scenario(3)
    assert first != scenario(4)


class Watch(Rule):
    """Note when calls came, by the server's clock."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def before(self, call: Call) -> None:
        """Note it."""
        self.fired += 1
        self.times.append(call.now)


@virtual_time(epoch=1000.0)
async def test_the_server_goes_by_the_virtual_clock() -> None:
    """Its time jumps with the loop, and with a wall clock that is moved."""
    clock = virtual_loop().clock
    async with LocalTelegram(ships()) as telegram, telegram.client() as client:
        watch = telegram.add(Watch())
        await client.get_messages("ships", 1)
        assert {1000.0} == set(watch.times)
        await asyncio.sleep(HOUR / 60)
        clock.move(-500)
        await client.get_messages("ships", 1)
        assert watch.times[-1] == 560.0


@virtual_time
async def test_a_server_process_is_refused() -> None:
    """A process has a clock of its own, so it is refused before it starts."""
    telegram = LocalTelegram(ships(), process=True)
    with pytest.raises(ArgumentError, match="virtual time"):
        await telegram.__aenter__()


# What is asked of the kernel.


ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing tells")


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    with near, far:
        yield near, far


def watched(ends: tuple[socket.socket, socket.socket]) -> Wires:
    """Return what watches the two ends, with some bytes read and some unread."""
    wires = Wires()
    for one in ends:
        wires.watch(one.fileno())
    wires.settle()
    for text in (b"first", b"second"):
        ends[0].sendall(text)
        assert text == ends[1].recv(100)
    ends[0].sendall(b"unread")
    return wires


@ON_LINUX
def test_what_arrived_is_not_under_way_though_it_is_unread(ends: Any) -> None:
    """Bytes that wait in a receiver for its reader, or for their acknowledgement, have arrived."""
    wires = watched(ends)
    wires.settle()
    assert not any(wires._is_busy(wire) for wire in wires._wires.values())


@ON_LINUX
def test_what_did_not_arrive_is_waited_for_once(ends: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that counts less than was sent stops the clock, but not for ever."""
    monkeypatch.setattr(virtual_wires, "_PATIENCE", 0.0)
    monkeypatch.setattr(virtual_wires, "_TRIES", 3)
    wires = watched(ends)
    near = wires._wires[ends[0].fileno()]
    monkeypatch.setattr(virtual_wires, "_queued", lambda _: 1)
    monkeypatch.setattr(virtual_wires, "_RECEIVED_AT", 208)  # bytes sent again: none
    assert wires._under_way(near) == len(b"firstsecondunread")
    wires.settle()
    assert wires._under_way(near) == 0
    ends[0].sendall(b"!")
    assert wires._under_way(near) == 1
    for one in ends:
        one.close()
    wires.settle()
    assert not wires._is_open(near)


@ON_LINUX
def test_an_old_kernel_is_known_by_its_short_answer(
    ends: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel does not count sent bytes, nothing is taken to be proven."""
    monkeypatch.setattr(virtual_wires, "_TCP_INFO_SIZE", 1000)
    assert not watched(ends).is_exact


def test_wires_pass_over_what_is_no_connection() -> None:
    """Files, listeners, datagrams and sockets that are closed by now are no reason to wait."""
    wires = Wires()
    here, there = socket.socketpair()
    listener = socket.create_server(("127.0.0.1", 0))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    near = socket.create_connection(listener.getsockname())
    far, _ = listener.accept()
    with Path(__file__).open("rb") as file:
        for one in (here, there, listener, datagrams, near, far, near, file):
            wires.watch(one.fileno())
    near.sendall(b"unread")
    wires.settle()
    assert far.recv(100) == b"unread"
    for one in (here, there, listener, datagrams, near, far):
        one.close()
    wires.settle()
    fresh = socket.create_server(("127.0.0.1", 0))
    wires.settle()
    fresh.close()


@ON_LINUX
def test_wires_give_up_on_a_connect_that_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is never made is waited for once, and then no more."""
    monkeypatch.setattr(virtual_wires, "_PATIENCE", 0.0)
    monkeypatch.setattr(virtual_wires, "_TRIES", 3)
    wires = Wires()
    # A listener whose queue is full lets further connects hang: Linux drops their SYN.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        hanging = [socket.socket() for _ in range(4)]
        for one in hanging:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
            wires.watch(one.fileno())
        assert any(wires._is_busy(wire) for wire in wires._wires.values())
        wires.settle()
        assert not any(wires._is_busy(wire) for wire in wires._wires.values())
        for one in hanging:
            one.close()


def test_where_nothing_tells_a_moment_is_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the kernel's help each jump waits a moment first, and all goes as well."""

    async def main() -> float:
        async with LocalTelegram(ships(), rtt=0.5) as telegram, telegram.client() as client:
            assert len(await client.get_messages("ships", 250)) == 250
            return virtual_loop().time()

    monkeypatch.setattr(virtual_wires, "sys", SimpleNamespace(platform="other"))
    slept = run_virtual(main)
    monkeypatch.undo()
    assert slept == run_virtual(main)
