"""Writing the Python that reads one kind of TL object.

The text of a function `read(d, p, m)`, which takes the bytes, the place behind the constructor's
number and what can be shared of the answer so far, and returns the object and the place behind it:

- fields of fixed size that follow each other are read at one go by a `struct`, together with the
  number of the object, or the length of the vector, that comes next;
- an object is read by the function that `R[number]` holds;
- a peer or a reaction is looked up in `m` by its bytes: messages of an answer have the same few;
- an object with many attributes is a copy of a template, a dictionary that holds all but what is
  read: Python copies one in a tenth of the time that it takes to fill it.

Nothing here looks where the bytes end. A number beyond the end is an error of `struct`, a string
beyond it is short, and whatever is read behind that is beyond the end as well: who calls has to
compare the place with the length once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import groupby
from operator import or_
from struct import calcsize

from telefast.transport.making import ARGUMENT, LOCAL, Recipe
from telefast.transport.schema import SIZES, Field, Layout

__all__ = ["KEY", "SHARED", "Writer"]

_FORMATS = {
    "flags": "i",
    "int": "i",
    "uint": "I",
    "long": "q",
    "double": "d",
    "int128": "16s",
    "int256": "32s",
    "bool": "I",
    "date": "i",
}
_VALUES = {
    "int128": "from_bytes({}, 'little', signed=True)",
    "int256": "from_bytes({}, 'little', signed=True)",
    "bool": "BOOLS[{}]",
    "date": "EPOCH + SECOND * {}",
}
"""What becomes of a number that was read; else it is the value."""

SHARED = 12
"""Bytes of a peer, and of most reactions: constructor, and an id or a short string."""
_SHARED = ("from_id", "peer_id", "reaction")
"""Fields that hold one as a rule."""
FEW = 24
"""Attributes of an object that are set one by one. Python keeps up to 30 in a compact form that
instances share; beyond that, it makes a dictionary of them anyway."""
TOGETHER = 4
"""Fields that may be there, and seldom are, with one question before them, at most: our choice."""
KEY = 20
"""Bytes that begin a user or a channel: constructor, two words of flags, id."""


class Writer:
    """Writes the functions of one constructor.

    Args:
        layout: What is on the wire.
        recipe: What the object is made of; None calls its class with the arguments.

    Attributes:
        structs: The formats of the structs that the functions use, by their names in them.
        has_template: Whether they use a template.
    """

    def __init__(self, layout: Layout, recipe: Recipe | None) -> None:
        names = {field.name for field in layout.fields if field.kind != "flags"}
        if recipe is not None and not recipe.takes(names):
            recipe = None
        self.structs: dict[str, str] = {}
        self._layout = layout
        self._recipe = recipe
        # What is no variable in the function: flags, and what is never there.
        self._known = dict.fromkeys(recipe.arguments - names if recipe is not None else (), "None")
        for field in layout.fields:
            if field.kind == "true":
                self._known[field.name] = f"(({field.word} & {field.mask}) != 0)"
        # The attributes that are set in the end, and those that are just one field, by its name.
        self._late: dict[str, str] = {}
        self._plain: dict[str, list[str]] = {}
        attributes = recipe.attributes if recipe is not None else {}
        self.has_template = len(attributes) > FEW and layout.leading == len(layout.words)
        for name, value in attributes.items():
            found = ARGUMENT.fullmatch(value)
            if not self.has_template:
                self._late[name] = value
            elif not self._is_known(value):
                if found:
                    self._plain.setdefault(found[1], []).append(name)
                else:
                    self._late[name] = value
        before = recipe.before if recipe is not None else ""
        self._needed = set(ARGUMENT.findall("\n".join([before, *self._late.values()])))
        if recipe is None:
            self._needed = names

    def _begin(self) -> None:
        self._lines: list[str] = []
        self._depth = 0
        self._ahead = 0  # bytes behind p that were read
        # Format, name and kind of what is read at one go.
        self._run: list[tuple[str, str, str]] = []
        self._has_started = False

    def _is_known(self, value: str) -> bool:
        """Whether a value depends on nothing but words of flags."""
        return not LOCAL.search(value) and self._known.keys() >= set(ARGUMENT.findall(value))

    def _value(self, value: str) -> str:
        return ARGUMENT.sub(lambda found: self._known.get(found[1], found[0]), value)

    def template(self) -> str:
        """Return a function of the words of flags, which makes a template."""
        self._begin()
        self._line(f"def template({', '.join(self._layout.words)}):")
        attributes = self._recipe.attributes if self._recipe is not None else {}
        self._line("    return {")
        for name, value in attributes.items():
            text = self._value(value) if self._is_known(value) else "None"
            self._line(f"        {name!r}: {text},")
        self._line("    }")
        return "\n".join(self._lines)

    def read(self, *, notes: bool = False) -> str:
        """Return the function that reads.

        Args:
            notes: Whether it takes `spans` and `known` as well, and notes where the objects in it
                lie.
        """
        self._begin()
        self._line("def read(d, p, m, spans, known):" if notes else "def read(d, p, m):")
        self._depth = 1
        fields = [field for field in self._layout.fields if field.kind != "true"]
        leading = self._layout.leading
        for field in fields[:leading]:
            self._fixed(field)
        if not fields[:leading]:
            self._start()
        for word, group in groupby(fields[leading:], lambda field: field.word):
            if word:
                self._optional(word, list(group), notes=notes)
            else:
                for field in group:
                    self._field(field, notes=notes)
        self._flush()
        self._finish()
        return "\n".join(self._lines)

    def _optional(self, word: str, fields: list[Field], *, notes: bool) -> None:
        """Read fields that flags of one word rule, with one question for several of them."""
        groups = [list(group) for _, group in groupby(fields, lambda field: field.mask)]
        for few in _batched(groups):
            self._settle()
            if len(few) == 1:
                self._branch(word, few[0], notes=notes)
                continue
            self._line(f"if {word} & {reduce(or_, (group[0].mask for group in few))}:")
            self._depth += 1
            for group in few:
                self._branch(word, group, notes=notes)
            self._depth -= 1
            self._otherwise([field for group in few for field in group])

    def _branch(self, word: str, group: list[Field], *, notes: bool) -> None:
        self._line(f"if {word} & {group[0].mask}:")
        self._depth += 1
        for field in group:
            self._field(field, notes=notes)
        self._settle()
        self._depth -= 1
        self._otherwise(group)

    def _otherwise(self, fields: list[Field]) -> None:
        needed = [field.name for field in fields if field.name in self._needed]
        if needed:
            self._line("else:")
            self._line("    " + " = ".join(f"v_{name}" for name in needed) + " = None")

    def _start(self) -> None:
        """Have the template, once the words of flags are read."""
        if self.has_template and not self._has_started:
            words = ", ".join(self._layout.words) or "()"
            self._line(f"t = TEMPLATES[{words}].copy()")
        self._has_started = True

    def _field(self, field: Field, *, notes: bool) -> None:
        target = self._target(field)
        if field.is_vector:
            target = f"v_{field.name}"
            self._vector(field, notes=notes)
        elif field.kind == "object":
            if field.name in _SHARED and not notes:
                target = f"v_{field.name}"
                self._shared(target)
            else:
                self._object(target, notes=notes)
        elif field.kind in ("string", "bytes"):
            self._text(target, field.kind)
        else:
            self._fixed(field)
            return  # stored when its run is read
        self._store(target)

    def _target(self, field: Field) -> str:
        """Return where a value goes: at once to its attribute, if there is one and nothing else."""
        places = self._plain.get(field.name, [])
        is_final = self._has_started and len(places) == 1 and field.kind not in _VALUES
        return (
            f"t[{places[0]!r}]"
            if is_final and field.name not in self._needed
            else f"v_{field.name}"
        )

    def _fixed(self, field: Field) -> None:
        target = field.name if field.kind == "flags" else self._target(field)
        self._run.append((_FORMATS[field.kind], target, field.kind))

    def _flush(self) -> None:
        """Read what has gathered, at one go."""
        run, self._run = self._run, []
        if not run:
            return
        form = "<" + "".join(form for form, _, _ in run)
        name = f"s{len(self.structs)}"
        self.structs[name] = form
        targets = "".join(f"{target}, " for _, target, _ in run)
        self._line(f"{targets}= {name}(d, {self._at()})")
        self._ahead += calcsize(form)
        self._start()
        for _, target, kind in run:
            if kind in _VALUES:
                self._line(f"{target} = {_VALUES[kind].format(target)}")
            if kind != "flags":
                self._store(target)

    def _shared(self, target: str) -> None:
        self._flush()
        self._line(f"{target} = m.get(d[{self._at()} : {self._at(SHARED)}])")
        self._line(f"if {target} is None:")
        self._line(f"    {target}, p = SHARE(d, {self._at()}, m)")
        self._line("else:")
        self._line(f"    p = {self._at(SHARED)}")
        self._ahead = 0

    def _object(self, target: str, *, notes: bool) -> None:
        self._run.append(("I", "c", ""))
        self._flush()
        place = self._at()
        if notes:
            self._line(f"b = {self._at(-4)}")
            place = "b + 4"
        self._line(f"{target}, p = R[c](d, {place}, m)")
        self._ahead = 0
        if notes:
            self._line(f"spans[id({target})] = (b, p)")

    def _text(self, target: str, kind: str) -> None:
        self._flush()
        text = ".decode('utf-8', 'replace')" if kind == "string" else ""
        self._line(f"n = d[{self._at()}]")
        self._line("if n != 254:")
        self._line(f"    {target} = d[{self._at(1)} : {self._at(1)} + n]{text}")
        self._line(f"    p = {self._at()} + (n + 4 & -4)")
        self._line("else:")
        self._line(f"    {target}, p = LONG(d, {self._at()})")
        if text:
            self._line(f"    {target} = {target}{text}")
        self._ahead = 0

    def _vector(self, field: Field, *, notes: bool) -> None:
        target = f"v_{field.name}"
        self._run.append(("4xi", "n", ""))
        self._flush()
        if field.kind in ("int", "long"):
            form = _FORMATS[field.kind]
            self._line(f"{target}, p = NUMBERS(d, {self._at()}, n, {form!r}, {SIZES[field.kind]})")
            self._ahead = 0
            return
        self._settle()
        self._line(f"{target} = []")
        self._line("for _ in range(n):")
        self._depth += 1
        if notes and field.kind == "object" and field.name in ("users", "chats"):
            self._remembered()
        elif field.kind == "object":
            self._object("v_", notes=notes)
        else:
            self._text("v_", field.kind)
        self._line(f"{target}.append(v_)")
        self._depth -= 1

    def _remembered(self) -> None:
        """Take a user or chat that has the very bytes of one that was read before."""
        self._line("b = p")
        self._line(f"k = known.get(d[p : p + {KEY}])")
        self._line("if k is not None and d.startswith(k[0], p):")
        self._line("    p += len(k[0])")
        self._line("    v_ = k[1]")
        self._line("    spans[id(v_)] = (b, p)")
        self._line("else:")
        self._depth += 1
        self._object("v_", notes=True)
        self._line("KEEP(known, d, b, p, v_)")
        self._depth -= 1

    def _store(self, target: str) -> None:
        for attribute in self._plain.get(target.removeprefix("v_"), ()):
            self._line(f"t[{attribute!r}] = {target}")

    def _finish(self) -> None:
        recipe = self._recipe
        if recipe is None:
            names = [field.name for field in self._layout.fields if field.kind != "flags"]
            given = (f"{name}={self._known.get(name, f'v_{name}')}" for name in names)
            self._line(f"o = CLS({', '.join(given)})")
        else:
            for line in recipe.before.splitlines():
                self._line(self._value(line))
            self._line("o = NEW(CLS)")
            for name, value in self._late.items():
                target = f"t[{name!r}]" if self.has_template else f"o.{name}"
                self._line(f"{target} = {self._value(value)}")
            if self.has_template:
                self._line("o.__dict__ = t")
        self._line(f"return o, {self._at()}")

    def _at(self, more: int = 0) -> str:
        ahead = self._ahead + more
        return f"p + {ahead}" if ahead else "p"

    def _settle(self) -> None:
        """Have all that was read lie before p."""
        self._flush()
        if self._ahead:
            self._line(f"p += {self._ahead}")
            self._ahead = 0

    def _line(self, text: str) -> None:
        self._lines.append("    " * self._depth + text)


def _batched(groups: list[list[Field]]) -> Iterator[list[list[Field]]]:
    for first in range(0, len(groups), TOGETHER):
        yield groups[first : first + TOGETHER]
