"""Bytes that are not shown are bytes in every other way."""

from __future__ import annotations

import io

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from telefast.transport.unshown import Unshown


@given(st.binary(), st.integers(-20, 20), st.integers(-20, 20))
def test_they_are_equal_and_slices_are_not_shown(data: bytes, start: int, end: int) -> None:
    """Equality, hash, slices, readers and packers see the bytes; `repr` and `str` do not."""
    hidden = Unshown(data)
    assert (hidden, hash(hidden), len(hidden)) == (data, hash(data), len(data))
    assert data[start:end] == hidden[start:end]
    assert list(data) == [hidden[at] for at in range(len(data))]
    assert data == io.BytesIO(hidden).read() == msgpack.unpackb(msgpack.packb(hidden))
    for shown in (hidden, hidden[start:end]):
        assert f"<{len(shown)} bytes>" == repr(shown) == str(shown) == f"{shown}"
    assert type(bytes(hidden)) is bytes
