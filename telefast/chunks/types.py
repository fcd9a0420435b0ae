"""What a store hands out besides chunks: its figures."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["StoreStats"]


@dataclass(frozen=True, slots=True)
class StoreStats:
    """Figures of a store, at one moment.

    Attributes:
        files: Files that hold something.
        chunks: Chunks in them.
        messages: Messages in these, as their headers say.
        bytes: Bytes of the files.
        torn_bytes: Bytes that a write had left which was cut short, when the store was opened;
            cut off, unless it is read-only.
        chunks_encoded: Chunks written since the store was opened.
        chunks_decoded: Chunks read.
        chunk_raw_bytes: Bytes of the chunks written, before compression.
        chunk_compressed_bytes: The same after it.
        compressed_chunks_saved_bytes: The difference.
        chunk_corrupt: Damaged places found so far.
    """

    files: int = 0
    chunks: int = 0
    messages: int = 0
    bytes: int = 0
    torn_bytes: int = 0
    chunks_encoded: int = 0
    chunks_decoded: int = 0
    chunk_raw_bytes: int = 0
    chunk_compressed_bytes: int = 0
    compressed_chunks_saved_bytes: int = 0
    chunk_corrupt: int = 0
