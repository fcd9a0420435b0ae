"""The demo's second table: what the messages take on the disk, kept in three ways.

The chunks are files, written and read back by a contender of their own. The pickles, which
telefast never writes, are made in memory from what these chunks hold, block by block, and only
measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from telefast.chunks.store import ChunkStore
from telefast.cli import contenders
from telefast.cli.pickled import pickled_size
from telefast.cli.race import Entry, RaceError
from telefast.cli.view import size_text
from telefast.tasks import in_thread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from telefast.chunks.codec import Chunk
    from telefast.cli.race import Outcome
    from telefast.cli.view import Rows, View

__all__ = ["Kept", "chunk_entry", "find_store_obstacle", "measure", "put_in_place", "show_kept"]

BLOCK: Final = 1_000
"""Messages of one chunk, and of one pickle: what the guide on chunks says."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One way to keep the messages.

    Attributes:
        name: How they are kept.
        messages: How many.
        size: Bytes.
        is_written: Whether there is a file; if not, it was made in memory only.
    """

    name: str
    messages: int
    size: int
    is_written: bool = True

    @property
    def each(self) -> float:
        """Bytes for each message."""
        return self.size / self.messages if self.messages else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return a record for the results."""
        return {
            "kept": self.name,
            "messages": self.messages,
            "disk_bytes": self.size,
            "bytes_per_message": round(self.each, 1),
            "written": self.is_written,
        }


def chunk_entry(path: Path, concurrency: int) -> Entry:
    """Return the contender that writes the store at *path* and reads it back."""
    return Entry(
        "chunks",
        f"{contenders.__name__}.chunks",
        {"path": str(path), "concurrency": concurrency, "batch_size": BLOCK},
        "written and read back",
        in_flight=concurrency,
    )


async def measure(store_path: Path, lines: Outcome, name: str) -> list[Kept]:
    """Return what the ways take, for the messages of a store.

    Args:
        store_path: The store's folder.
        lines: How the same messages were written as lines of JSON.
        name: What the file of these lines is called.

    Raises:
        ChunkError: If a chunk cannot be read.
    """
    pickles = 0
    async with ChunkStore(store_path, read_only=True) as store:
        async for chunk in store:
            pickles += await in_thread(_pickled, chunk)
        stats = store.stats()
    return [
        Kept(name, lines.messages, lines.size),
        Kept("chunks (telefast, zstd)", stats.messages, stats.bytes),
        Kept("pickle, zlib 6 (not written)", stats.messages, pickles, is_written=False),
    ]


def _pickled(chunk: Chunk) -> int:
    # What a chunk holds, so that the same is compared.
    return pickled_size([chunk.messages, chunk.users, chunk.chats])


def show_kept(kept: Sequence[Kept], spoilt: str | None, view: View) -> None:
    """Show the table, and whether the chunks hold what the lines hold.

    Args:
        kept: The ways; the first is what the chunks were compared with, the last what the sizes
            are compared to.
        spoilt: Where the chunks differ, in words; None if they do not.
        view: Where to show it.
    """
    base, lines = kept[-1].size or 1, kept[0]
    rows: Rows = [
        (way.name, [size_text(way.size), f"{way.each:.1f}", f"{way.size / base:.2f}x"])
        for way in kept
    ]
    heads = ["on disk", "bytes/message", "to pickle"]
    title = f"{lines.messages:,} messages kept, chunks and pickles of {BLOCK:,}"
    view.say()
    view.table(title, heads, rows, has_long_rows=True)
    if spoilt:
        view.say(f"The chunks DIFFER from {lines.name}, and are not kept:", style="bold red")
        view.say(f"  {spoilt}")
    else:
        view.say(f"Read back, the chunks give {lines.name}, byte for byte.")


def find_store_obstacle(path: Path, neighbour: Path) -> str | None:
    """Return why the store of an earlier run at *path* cannot be replaced; None if it can.

    Only what an earlier run has written is ever removed: a folder with the files of a store and
    nothing else, next to the *neighbour* that each run writes.

    Raises:
        OSError: If that cannot be told.
    """
    if not path.exists() and not path.is_symlink():
        return None
    if path.is_symlink() or not path.is_dir():
        return f"{path}: is in the place of a folder that is to be written"
    entries = list(path.iterdir())
    is_store = all(each.suffix == ".tfc" or each.name == "lock" for each in entries)
    if entries and not (is_store and neighbour.is_file()):
        return f"{path}: is a folder that no earlier run has written"
    return None


def put_in_place(new: Path, path: Path, old: Path, neighbour: Path) -> None:
    """Give the store *new* its name; that of an earlier run becomes *old*.

    Raises:
        RaceError: If something is in the way that no earlier run has written.
        OSError: If it cannot be renamed; then that of the earlier run is where it was.
    """
    obstacle = find_store_obstacle(path, neighbour)
    if obstacle is not None:
        raise RaceError(obstacle)
    has_old = path.exists()
    if has_old:
        path.rename(old)
    try:
        new.rename(path)
    except OSError:
        if has_old:
            old.rename(path)
        raise
