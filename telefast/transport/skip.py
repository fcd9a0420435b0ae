"""Where TL objects end, and where their fields lie, without building anything.

TL has no lengths: only who walks through an object knows where it ends. The walks here are
generated from the layout of each constructor (`telefast.transport.schema`), one for each pattern of
flags that is met often, so that a message costs a few microseconds instead of many dozens.

They believe what they walk through. Only what leaves the data, and what they have no layout for,
is an error; whoever then needs to know more decodes the object.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import Any, Final

from telefast.transport.schema import SIZES, Field, Layout, layout_of

__all__ = ["UnknownObjectError", "Walks", "end_of", "places", "walks_of"]

Walk = Callable[[bytes, int], Any]

_MOST_PATTERNS: Final = 256
"""Patterns of flags that a constructor gets walks for, our choice: real chats show a few dozen of
messages. Then one walk looks at each flag; a server that varies them costs nothing else."""

_WORTH: Final = 16
"""Objects with one pattern before it gets a walk of its own, our choice: to generate one takes half
a millisecond and saves some microseconds each time."""

_PEERS: Final = ("from_id", "peer_id")
_PEER_SIZE: Final = 12
"""Bytes of a `Peer`, whichever: a constructor and an id. Fields of these names are taken for one,
so that what follows lies at certain places; where that does not hold, the walk begins anew."""


class UnknownObjectError(ValueError):
    """There is an object whose layout is not known, so nothing behind it can be found."""


def end_of(data: bytes, start: int) -> int:
    """Return where the object ends that begins at *start*; it may be behind the data.

    Raises:
        UnknownObjectError: If it, or a part of it, has a constructor without a layout.
        IndexError, struct.error: If the data end within it.
    """
    found = _ENDS[data[start : start + 4]]
    end: int = start + found if found.__class__ is int else found(data, start)
    return end


def places(data: bytes, start: int, *names: str) -> tuple[int, ...]:
    """Return where these fields of the object at *start* lie, -1 for one that is not there.

    Raises:
        UnknownObjectError: If its constructor, or that of a part before them, has no layout.
        KeyError: If it has no such field.
        IndexError, struct.error: If the data end before them.
    """
    found = walks_of(data[start : start + 4], names).walk(data, start)
    return tuple(start + at if at >= 0 else -1 for at in found)


class _Ends(dict[bytes, Any]):
    """By constructor, as it is on the wire: the size of its objects, or what walks through one."""

    def __missing__(self, number: bytes) -> Any:
        layout = _layout(number)
        found: Any = 4 + sum(SIZES.get(field.kind, 0) for field in layout.fields)
        if any(f.kind not in SIZES or f.word or f.is_vector for f in layout.fields):
            found = Walks(layout).walk
        self[number] = found
        return found


_ENDS: Final = _Ends()


def _layout(number: bytes) -> Layout:
    layout = layout_of(int.from_bytes(number, "little")) if len(number) == 4 else None
    if layout is None:
        raise UnknownObjectError(f"no layout for constructor {number[::-1].hex()}")
    return layout


@cache  # names come from code, not from the wire
def walks_of(number: bytes, names: tuple[str, ...], *, to_end: bool = False) -> Walks:
    """Return the walks through a constructor, by its number as it is on the wire.

    Raises:
        UnknownObjectError: If it has no layout.
        KeyError: If it has no such field.
    """
    return Walks(_layout(number), names, to_end=to_end)


class Walks:
    """The walks through one constructor, by what its leading words of flags are.

    Args:
        layout: Of the constructor.
        wanted: The fields whose places the walks return, as a tuple, counted from the start of the
            object; -1 for one that is not there. None: they return where the object ends.
        to_end: Whether they return both: the end, and the tuple.

    Attributes:
        walk: Walks through any object of the constructor.
        head: Bytes of constructor and leading words of flags, which say which walk is the one.
    """

    def __init__(
        self, layout: Layout, wanted: tuple[str, ...] | None = None, *, to_end: bool = False
    ) -> None:
        for name in wanted or ():
            if all(field.name != name for field in layout.fields):
                raise KeyError(name)
        self._layout = layout
        self._wanted = wanted
        self._to_end = to_end or wanted is None
        self._general: Walk | None = None
        self._seen: dict[bytes, int] = {}
        self.head = end = 4 + 4 * layout.leading
        self.walks = walks = dict[bytes, Walk]()
        self.walk: Walk
        if not layout.leading:
            self.walk = self._compile({})
            return
        learn = self.learn

        def walk(data: bytes, start: int) -> Any:
            found = walks.get(data[start : start + end])
            return found(data, start) if found else learn(data[start : start + end])(data, start)

        self.walk = walk

    def learn(self, head: bytes) -> Walk:
        """Return the walk through objects with this head, and keep it if they come often."""
        flags, words = head[4:], self._layout.leading
        seen = self._seen[head] = self._seen.get(head, 0) + 1
        if seen < _WORTH or len(self.walks) >= _MOST_PATTERNS or len(flags) < 4 * words:
            if len(self._seen) > _MOST_PATTERNS:
                self._seen.clear()
            return self._slow
        del self._seen[head]
        values = [int.from_bytes(flags[i : i + 4], "little") for i in range(0, len(flags), 4)]
        known = dict(zip(self._layout.words, values, strict=False))
        self.walks[head] = self._compile(known)
        return self.walks[head]

    def _slow(self, data: bytes, start: int) -> Any:
        if self._general is None:
            self._general = self._compile({})
        return self._general(data, start)

    def _compile(self, known: dict[str, int]) -> Walk:
        """Return the walk through objects with these words of flags; with any, if none is known."""
        writer = _Writer(known, self._wanted, to_end=self._to_end)
        for field in self._layout.fields:
            if writer.is_complete:
                break
            writer.field(field)
        scope: dict[str, Any] = {"ends": _ENDS, "int_at": Struct("<i").unpack_from}
        if known:
            scope["other"] = self._slow
        exec(writer.source(), scope)  # noqa: S102 - made of the layout's own numbers
        walk: Walk = scope["walk"]
        return walk


class _Writer:
    """Write the Python of one walk.

    `p` is the place; what is certain is added to it late, and as long as all is certain, places
    are numbers.
    """

    def __init__(
        self, known: dict[str, int], wanted: tuple[str, ...] | None, *, to_end: bool
    ) -> None:
        self._known = known
        self._wanted = wanted
        self._to_end = to_end
        self._found: dict[str, str] = {}
        self._left = set(wanted or ())
        self._lines: list[str] = []
        self._ahead = 4
        self._passed: int | None = 0  # what `p` is ahead of the start, if that is certain
        self._indent = "    "

    @property
    def is_complete(self) -> bool:
        """Whether all that is wanted is found, so that the rest need not be walked through."""
        return not (self._to_end or self._left)

    def source(self) -> str:
        """Return the walk."""
        result = self._place()
        if self._wanted is not None:
            names = [self._found.get(name, "-1") for name in self._wanted]
            result = f"({''.join(f'{name}, ' for name in names)})"
            if self._to_end:
                result = f"{self._place()}, {result}"
        first = "" if self._passed is not None else "    s = p\n"
        lines = "".join(f"{line}\n" for line in self._lines)
        return f"def walk(d, p):\n{first}{lines}    return {result}\n"

    def field(self, field: Field) -> None:
        """Walk over the next field."""
        self._left.discard(field.name)
        if field.kind == "true":
            return
        if field.kind == "flags" and field.name not in self._known:
            self._write(f"{field.name}, = int_at(d, {self._place()})")
        if not field.word:
            self._step(field)
        elif field.word in self._known:
            if self._known[field.word] & field.mask:
                self._step(field)
        else:
            self._settle()
            self._passed = None
            if field.name in (self._wanted or ()):
                self._write(f"at_{field.name} = -1")
            self._write(f"if {field.word} & {field.mask}:")
            self._indent = "        "
            self._write("pass")
            self._step(field)
            self._settle()
            self._indent = "    "

    def _step(self, field: Field) -> None:
        if field.name in (self._wanted or ()):
            if self._passed is not None:
                self._found[field.name] = str(self._passed + self._ahead)
            else:
                self._found[field.name] = f"at_{field.name}"
                self._write(f"at_{field.name} = {self._place()} - s")
            if self.is_complete:
                return
        if field.is_vector:
            self._vector(field)
        else:
            self._item(field)

    def _item(self, field: Field) -> None:
        if field.kind in SIZES:
            self._ahead += SIZES[field.kind]
            return
        if field.name in _PEERS and self._known and self._passed is not None:
            at = f"p + {self._ahead}:p + {self._ahead + 4}"
            self._write(f"if ends[d[{at}]] != {_PEER_SIZE}: return other(d, p - {self._passed})")
            self._ahead += _PEER_SIZE
            return
        self._settle()
        self._passed = None
        if field.kind == "object":
            self._write("e = ends[d[p:p + 4]]")
            self._write("p = p + e if e.__class__ is int else e(d, p)")
            return
        self._write("n = d[p]")
        long = "int.from_bytes(d[p + 1:p + 4], 'little') + 7"
        self._write(f"p += n + 4 & -4 if n != 254 else {long} & -4")

    def _vector(self, field: Field) -> None:
        self._ahead += 8
        self._settle()
        self._passed = None
        self._write("c, = int_at(d, p - 4)")
        if field.kind in SIZES:
            self._write(f"if c > 0: p += c * {SIZES[field.kind]}")
            return
        self._write("for _ in range(c):")
        indent, self._indent = self._indent, self._indent + "    "
        self._item(field)
        self._indent = indent

    def _place(self) -> str:
        return f"p + {self._ahead}" if self._ahead else "p"

    def _settle(self) -> None:
        if self._ahead:
            self._write(f"p += {self._ahead}")
            if self._passed is not None:
                self._passed += self._ahead
            self._ahead = 0

    def _write(self, line: str) -> None:
        self._lines.append(self._indent + line)
