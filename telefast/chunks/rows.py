"""The body of a chunk of the schemas `light` and `minimal`: columns in a msgpack map.

Its keys, in any order; unknown ones are skipped:

* `schema`, `layer`: as in the header, so that a damaged header is seen.
* `version`: version of the schema, 1.
* `account`: id of the account that received the messages, or nil.
* `count`: messages.
* The fields of `LightMessage` or `MinimalMessage`, all of them byte strings, as `columns` has them:
  `text`, `text#`, `media.name`, `media.name?` and so on.

Ids, chat and dates of the chunk are those of its messages.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import msgpack

from telefast.chunks.columns import Table
from telefast.chunks.frames import SCHEMAS
from telefast.chunks.light import LIGHT, MINIMAL
from telefast.chunks.schema import (
    MAX_RECORDS,
    UINT32,
    Body,
    Reader,
    check_range,
    read_bytes,
    read_integer,
    read_integer_or_nil,
    read_map,
)
from telefast.chunks.values import Columns, TooManyObjectsError
from telefast.errors import ArgumentError, ChunkTooLargeError, TelefastError

__all__ = [
    "ROWS_VERSION",
    "LaterVersionError",
    "body_of",
    "pack_rows",
    "read_columns",
    "unpack_rows",
]

ROWS_VERSION = 1
"""Version of both schemas; see `telefast.chunks.light` for what it promises."""
_TABLES: dict[str, Table] = {"light": LIGHT, "minimal": MINIMAL}
_MOST_KEYS = 1000
_HEAD: dict[str, Reader] = {
    "schema": read_integer,
    "version": read_integer,
    "layer": read_integer,
    "account": read_integer_or_nil,
    "count": read_integer,
}
_READERS: dict[str, dict[str, Reader]] = {
    schema: {
        **{name + part: read_bytes for name in table.names() for part in ("", "?", "#", "$", "$#")},
        **_HEAD,
    }
    for schema, table in _TABLES.items()
}


class LaterVersionError(ValueError):
    """A later version of a schema, which this release cannot read."""


def body_of(schema: str, layer: int, account: int | None, rows: list[Any]) -> Body:
    """Return the body of these messages of the schema `light` or `minimal`."""
    dates = [row.date for row in rows if row.date is not None]
    chats = {row.chat_id for row in rows} - {None}
    return Body(
        layer=layer,
        account=account,
        chat=chats.pop() if len(chats) == 1 else None,
        peer=None,
        ids=[row.id for row in rows],
        oldest=_seconds(min(dates)) if dates else None,
        newest=_seconds(max(dates)) if dates else None,
        messages=[],
        users=[],
        chats=[],
        schema=schema,
        rows=rows,
    )


def pack_rows(body: Body) -> bytes:
    """Return *body* as msgpack.

    Raises:
        ArgumentError: If some message has what its type does not allow.
        ChunkTooLargeError: If there are more rows within rows, or values, than a reader takes.
    """
    fields = Columns(
        schema=SCHEMAS[body.schema],
        version=ROWS_VERSION,
        layer=body.layer,
        account=body.account,
        count=len(body.rows),
    )
    try:
        _TABLES[body.schema].write(fields, body.rows)
        packed: bytes = msgpack.packb(dict(fields))
    except TelefastError:
        raise
    except TooManyObjectsError as error:
        raise ChunkTooLargeError("objects per chunk", error.limit, error.size) from None
    except Exception as error:  # noqa: BLE001 - whatever values of other types run into
        expected = f"messages as Telegram sends them (they raised {type(error).__name__})"
        raise ArgumentError("messages", f"{len(body.rows)} messages", expected) from None
    return packed


def read_columns(raw: bytes | memoryview, schema: str) -> Columns:
    """Return what `pack_rows` has packed, to be given to `unpack_rows`.

    Raises:
        ValueError: If *raw* is no map; it says what is wrong.
    """
    return Columns(read_map(raw, _READERS[schema].get, _MOST_KEYS))


def unpack_rows(fields: Columns, schema: str) -> Body:
    """Return what `pack_rows` was given.

    Raises:
        LaterVersionError: If it is of a later version.
        ValueError: If it is anything else; it says what is wrong.
    """
    if fields["schema"] != SCHEMAS[schema]:
        raise ValueError("another schema than its header says")
    if fields["version"] > ROWS_VERSION:
        raise LaterVersionError(f"version {fields['version']} of the schema {schema}")
    count = check_range("count", fields["count"], range(MAX_RECORDS + 1))
    layer = check_range("layer", fields["layer"], UINT32)
    rows = _TABLES[schema].read(fields, count)
    return body_of(schema, layer, fields["account"], rows)


def _seconds(date: datetime) -> int:
    return math.floor(date.timestamp())
