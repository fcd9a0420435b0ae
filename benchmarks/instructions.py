"""Counting what Python executes: the same on every machine, however busy it is.

A gate on time flakes, so the gate on speed counts bytecode instructions. Counters of the processor
(`perf`) are not there in many virtual machines and containers, and `valgrind` is on few machines;
what both count also depends on how Python and its libraries were built. This count needs nothing
but Python, and is the same in every run of one minor version of Python with one release of
Telethon, whose code is counted as ours is. It does not see what one call into C costs (zstd,
`struct`): the benchmark `codec` measures that.
"""

from __future__ import annotations

import gc
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from types import CodeType, FrameType
from typing import Any

__all__ = ["count_instructions", "edition"]


def edition() -> str:
    """Return what the counts depend on: this Python without its patch release, and Telethon."""
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{platform.python_implementation()} {python}, Telethon {version('telethon')}"


def count_instructions(work: Callable[[], object]) -> int:
    """Return how many bytecode instructions *work* executes in this thread.

    Call *work* once before, so that nothing is counted that is imported or made only once. The
    garbage collector is off meanwhile. A debugger or coverage that traces this thread is put
    aside, and back at the end.
    """
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        return _monitored(work) if sys.version_info >= (3, 12) else _traced(work)
    finally:
        if was_enabled:
            gc.enable()


def _traced(work: Callable[[], object]) -> int:
    count = 0

    def on_instruction(_frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal count
        count += event == "opcode"
        return on_instruction

    def on_call(frame: FrameType, _event: str, _arg: object) -> Any:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return on_instruction

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


if sys.version_info >= (3, 12):

    def _monitored(work: Callable[[], object]) -> int:
        count = 0

        def on_instruction(_code: CodeType, _offset: int) -> None:
            nonlocal count
            count += 1

        monitoring = sys.monitoring
        tool = next(number for number in range(6) if monitoring.get_tool(number) is None)
        event = monitoring.events.INSTRUCTION
        monitoring.use_tool_id(tool, "telefast benchmarks")
        monitoring.register_callback(tool, event, on_instruction)
        monitoring.set_events(tool, event)
        try:
            work()
        finally:
            monitoring.set_events(tool, 0)
            monitoring.register_callback(tool, event, None)
            monitoring.free_tool_id(tool)
        return count

else:
    _monitored = _traced
