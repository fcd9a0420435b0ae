"""Keeping messages: bytes for each, and the time to write and to read them again."""

from __future__ import annotations

import asyncio
import gc
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any, Self

import msgpack

from benchmarks import pickled
from benchmarks.history import fitting
from benchmarks.records import ratio_text
from benchmarks.scenes import chat_world
from telefast import Batch, BatchedHistory, Chunk, ChunkCodec
from telefast.cli.race import RaceError
from telefast.testing import LocalTelegram

if TYPE_CHECKING:
    from benchmarks.history import Plan
    from telefast.cli.view import View

__all__ = ["CodecRecord", "run"]

BLOCKS = (100, 1_000)
"""Messages in one chunk: a page, and what the documentation says."""
HEADS = ["bytes/message", "encode us", "decode us", "to objects us", "to full", "to pickle"]
"""The last two are of bytes, of time to encode, and of time to read: to objects, where it can."""


@dataclass(frozen=True, slots=True)
class CodecRecord:
    """One way to keep messages; times are medians of the rounds, in microseconds of CPU a message.

    Attributes:
        bench: The benchmark.
        size: Messages of the chat.
        block: Messages kept together.
        contender: How they are kept.
        rounds: How often it ran.
        bytes: Bytes of the file for each message, with the users and chats that came with it.
        encode_us: To write them.
        encode_min: In the fastest round.
        encode_max: In the slowest round.
        decode_us: To have ids and data again.
        objects_us: To have Telethon's objects again; None where nothing gives them.
        to_full: Bytes over those of `ChunkCodec()`; None where that did not run.
        to_pickle: Bytes over those of pickle and zlib; likewise.
        encode_to_full: The same of the time to encode.
        encode_to_pickle: Likewise.
        read_to_full: The same of the time to read: to Telethon's objects, or, of what has none, to
            its own.
        read_to_pickle: Likewise.
    """

    bench: str
    size: int
    block: int
    contender: str
    rounds: int
    bytes: float
    encode_us: float
    encode_min: float
    encode_max: float
    decode_us: float
    objects_us: float | None
    to_full: float | None
    to_pickle: float | None
    encode_to_full: float | None
    encode_to_pickle: float | None
    read_to_full: float | None
    read_to_pickle: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the fields, rounded to what they mean."""
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Contender:
    """How messages are kept.

    Attributes:
        name: What it is called.
        prepare: From a batch to what is timed: objects as a program would have them.
        encode: To bytes.
        decode: Back.
        to_objects: From that to Telethon's objects, None if it cannot.
        to_texts: From that to ids and texts, where there are no such objects.
    """

    name: str
    prepare: Callable[[Batch], Any]
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    to_objects: Callable[[Any], list[Any]] | None
    to_texts: Callable[[Any], list[tuple[int, str]]] = list


def _objects(batch: Batch) -> list[list[Any]]:
    """Return messages, users and chats as they were decoded, bound to no client."""
    chunk = ChunkCodec().decode(ChunkCodec().encode(batch))
    return [chunk.messages, chunk.users, chunk.chats]


def _dicts(objects: list[list[Any]]) -> bytes:
    found = [[each.to_dict() for each in kind] for kind in objects]
    packed: bytes = msgpack.packb(found, default=_seconds)
    return zlib.compress(packed, 6)


def _seconds(value: Any) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(type(value).__name__)


def _decode_all(chunk: Chunk) -> list[Any]:
    """Decode everything, and return the messages."""
    messages, _, _ = chunk.messages, chunk.users, chunk.chats
    return messages


def _telefast(**options: Any) -> Contender:
    codec = ChunkCodec(**options)
    name = f"telefast, {options.get('compression', 'zstd')}"
    return Contender(name, lambda batch: batch, codec.encode, codec.decode, _decode_all)


def _small(schema: Any) -> Contender:
    codec = ChunkCodec(schema=schema)
    return Contender(
        f"telefast, {schema}",
        lambda batch: batch,
        codec.encode,
        codec.decode,
        None,
        lambda chunk: [(message.id, message.text) for message in chunk.messages],
    )


FULL = _telefast()
PICKLE = Contender("pickle, zlib 6", _objects, pickled.dump, pickled.load, lambda found: found[0])
CONTENDERS = (
    FULL,
    _small("light"),
    _small("minimal"),
    _telefast(compression="zlib", level=6),
    _telefast(compression="none"),
    PICKLE,
    Contender(
        "dicts in msgpack, zlib 6",
        _objects,
        _dicts,
        lambda data: msgpack.unpackb(zlib.decompress(data), strict_map_key=False),
        None,
        lambda found: [(message["id"], message.get("message") or "") for message in found[0]],
    ),
)


async def run(plan: Plan, view: View) -> list[CodecRecord]:
    """Compare what comes back, then time; returns one record for each contender and block.

    Raises:
        RaceError: If something comes back otherwise than it went in.
    """
    records = []
    for size in fitting(plan):
        for block in BLOCKS:
            batches = await _read(size, block)
            found = await asyncio.to_thread(_measure, size, block, batches, plan)
            title = f"codec, {size:,} messages in blocks of {block:,}"
            view.table(title, HEADS, [_row(record) for record in found], has_long_rows=True)
            records += found
    return records


async def _read(size: int, block: int) -> list[Batch]:
    world, channel = chat_world(size)
    async with LocalTelegram(world, process=True) as telegram, telegram.client() as client:
        history = BatchedHistory(client, channel.input_peer(), concurrency=16, batch_size=block)
        async with history:
            return [batch async for batch in history.batches()]


def _measure(size: int, block: int, batches: Sequence[Batch], plan: Plan) -> list[CodecRecord]:
    takers = [each for each in CONTENDERS if plan.takes(each.name)]
    inputs = {each: [each.prepare(batch) for batch in batches] for each in takers}
    encoded = {each: [each.encode(item) for item in inputs[each]] for each in takers}
    for each in takers:
        _verify(each, batches, encoded[each])
    times: dict[Contender, list[tuple[float, float, float]]] = {each: [] for each in takers}
    # A program that writes as it reads holds few objects; the garbage collector must not look
    # through all that are held here.
    gc.collect()
    gc.freeze()
    try:
        for number in range(plan.rounds):
            turn = number % len(takers)
            for each in (*takers[turn:], *takers[:turn]):
                times[each].append(_time(each, inputs[each], encoded[each], size))
    finally:
        gc.unfreeze()
    found = {each: _Figures.of(sum(map(len, encoded[each])) / size, times[each]) for each in takers}
    full, pickle = found.get(FULL), found.get(PICKLE)
    return [
        CodecRecord(
            bench="codec",
            size=size,
            block=block,
            contender=each.name,
            rounds=plan.rounds,
            bytes=own.bytes,
            encode_us=own.encode,
            encode_min=min(one for one, _, _ in times[each]),
            encode_max=max(one for one, _, _ in times[each]),
            decode_us=own.decode,
            objects_us=None if each.to_objects is None else own.read,
            to_full=own.bytes / full.bytes if full else None,
            to_pickle=own.bytes / pickle.bytes if pickle else None,
            encode_to_full=own.encode / full.encode if full else None,
            encode_to_pickle=own.encode / pickle.encode if pickle else None,
            read_to_full=own.read / full.read if full else None,
            read_to_pickle=own.read / pickle.read if pickle else None,
        )
        for each, own in found.items()
    ]


@dataclass(frozen=True, slots=True)
class _Figures:
    """Bytes a message, and medians of the times."""

    bytes: float
    encode: float
    decode: float
    read: float

    @classmethod
    def of(cls, size: float, times: Sequence[tuple[float, float, float]]) -> Self:
        encode, decode, read = (median(each) for each in zip(*times, strict=True))
        return cls(size, encode, decode, read)


def _verify(each: Contender, batches: Sequence[Batch], encoded: Sequence[bytes]) -> None:
    """Check that every message comes back: its bytes, or, without objects, its id and text."""
    found: list[Any] = []
    expected: list[Any] = []
    for batch, data in zip(batches, encoded, strict=True):
        decoded = each.decode(data)
        if each.to_objects is None:
            found += each.to_texts(decoded)
            expected += [(message.id, message.message or "") for message in batch.messages]
        else:
            found += map(bytes, each.to_objects(decoded))
            expected += map(bytes, batch.messages)
    if expected != found:
        raise RaceError(f"{each.name}: other messages come back than were kept")


def _time(
    each: Contender, inputs: Sequence[Any], encoded: Sequence[bytes], size: int
) -> tuple[float, float, float]:
    """Return microseconds of CPU a message to encode, to decode, and to decode to objects."""
    encode = decode = objects = 0.0
    for item, data in zip(inputs, encoded, strict=True):
        start = time.thread_time()
        each.encode(item)
        mid = time.thread_time()
        decoded = each.decode(data)
        end = time.thread_time()
        if each.to_objects is not None:
            each.to_objects(decoded)
        encode += mid - start
        decode += end - mid
        objects += time.thread_time() - mid
    scale = 1e6 / size
    return encode * scale, decode * scale, objects * scale


def _row(record: CodecRecord) -> tuple[str, list[str]]:
    return (
        record.contender,
        [
            f"{record.bytes:.1f}",
            f"{record.encode_us:.2f}",
            f"{record.decode_us:.2f}",
            "-" if record.objects_us is None else f"{record.objects_us:.2f}",
            _ratios(record.to_full, record.encode_to_full, record.read_to_full),
            _ratios(record.to_pickle, record.encode_to_pickle, record.read_to_pickle),
        ],
    )


def _ratios(*ratios: float | None) -> str:
    return " ".join(map(ratio_text, ratios))
