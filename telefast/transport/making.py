"""How Telethon makes an object of what was read: which attribute gets what.

Nearly all of its classes assign each argument to the attribute of the same name. Messages do more:
they convert, compute and call the `__init__` of two bases. Whatever an `__init__` says is taken
over statement by statement, and what is not understood is called as it is: see `recipe_of`.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final, cast

from telethon.tl import types
from telethon.utils import get_peer_id

from telefast.transport.schema import definition
from telefast.transport.sources import source_of

__all__ = ["ARGUMENT", "LOCAL", "Recipe", "recipe_of"]

ARGUMENT: Final = re.compile(r"\bv_(\w+)")
LOCAL: Final = re.compile(r"\bl_\w+")
"""Names in a recipe."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the `__init__` of a class does, as Python expressions.

    Arguments are named `v_NAME` in them, local variables `l_NAME`, and what the function finds in
    its module `g_N`.

    Attributes:
        before: Statements to run first, as source text.
        attributes: Each attribute, in order, and its value.
        arguments: What the `__init__` takes.
        optional: Those of them that need not be given; they are None then.
        names: What the names `g_N` stand for.
    """

    before: str
    attributes: dict[str, str]
    arguments: frozenset[str]
    optional: frozenset[str]
    names: dict[str, Any]

    def takes(self, given: set[str]) -> bool:
        """Whether the `__init__` can be called with these arguments."""
        return self.arguments - self.optional <= given <= self.arguments


class _UnknownError(Exception):
    """An `__init__` does something that is not understood."""


def recipe_of(cls: Any) -> Recipe | None:
    """Return what the `__init__` of a class does.

    Returns:
        None if it does anything but assign attributes, compute values in local variables, or call
        the `__init__` of other classes that assign only; or if there is no source.
    """
    if cls.__new__ is not object.__new__:
        return None
    maker = _Maker()
    if cls.__init__ is object.__init__:
        return maker.recipe()
    function = definition(cls, "__init__")
    if function is None:
        return None
    try:
        maker.follow(function, None)
        return maker.recipe(_arguments(function), _optional(function))
    except _UnknownError:
        return None


class _Maker:
    """Collects what one `__init__` does, and those that it calls."""

    def __init__(self) -> None:
        self._before: list[str] = []
        self._attributes: dict[str, str] = {}
        self._names: dict[str, Any] = {}

    def recipe(self, arguments: Iterable[str] = (), optional: Iterable[str] = ()) -> Recipe:
        before = "\n".join(self._before)
        known = frozenset(arguments), frozenset(optional)
        return Recipe(before, self._attributes, *known, self._names)

    def follow(self, function: FunctionType, given: dict[str, ast.expr] | None) -> None:
        """Add what a function does.

        Args:
            function: An `__init__`.
            given: Its arguments, None for those of the object.
        """
        source = source_of(function)
        if source is None:
            raise _UnknownError
        [node] = ast.parse(source).body
        if not isinstance(node, ast.FunctionDef) or node.args.vararg or node.args.kwarg:
            raise _UnknownError
        reader = _Reader(self._names, function, given)
        for statement in node.body:
            match statement:
                case ast.Expr(ast.Constant()):
                    pass  # the docstring
                case ast.Expr(ast.Call()) if given is None:
                    self.follow(*reader.call(statement.value))
                case ast.Assign([ast.Attribute(ast.Name("self"), attr=name)], value=value):
                    self._attributes[name] = ast.unparse(reader.expression(value))
                case ast.Assign() | ast.If() if given is None and not self._has_used_locals():
                    self._before.append(ast.unparse(reader.statement(statement)))
                case _:
                    raise _UnknownError

    def _has_used_locals(self) -> bool:
        return any(LOCAL.search(value) for value in self._attributes.values())


class _Reader(ast.NodeTransformer):
    """Renames what the code of one function refers to."""

    def __init__(
        self,
        names: dict[str, Any],
        function: FunctionType,
        given: dict[str, ast.expr] | None,
    ) -> None:
        self._names = names
        self._globals = function.__globals__
        arguments = _arguments(function)
        self._given = {name: _name(f"v_{name}") for name in arguments} if given is None else given
        self._locals = set(function.__code__.co_varnames) - {"self", *arguments}

    def expression(self, node: ast.expr) -> ast.expr:
        found: ast.expr = self.visit(node)
        return found

    def statement(self, node: ast.stmt) -> ast.stmt:
        found: ast.stmt = self.visit(node)
        return found

    def call(self, node: ast.expr) -> tuple[FunctionType, dict[str, ast.expr]]:
        """Return the `__init__` of another class that is called, and what it is given."""
        match node:
            case ast.Call(
                ast.Attribute(ast.Name(name), attr="__init__"), [ast.Name("self"), *given], keywords
            ):
                function = definition(self._globals.get(name), "__init__")
            case _:
                raise _UnknownError
        if function is None:
            raise _UnknownError
        names = _arguments(function)
        values: dict[str, ast.expr] = dict.fromkeys(_optional(function), ast.Constant(None))
        values |= zip(names, map(self.expression, given), strict=False)
        values |= {each.arg or "": self.expression(each.value) for each in keywords}
        if values.keys() != set(names):
            raise _UnknownError
        return function, values

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Ask for the marked id of a user, which most senders are, on the spot."""
        found = self.generic_visit(node)
        match found:
            case ast.Call(ast.Name(name), [ast.Name() as peer], []) if (
                self._names.get(name) is _peer_key
            ):
                text = f"{peer.id}.user_id if type({peer.id}) is PU else {name}({peer.id})"
                self._names |= {"type": type, "PU": types.PeerUser}
                return ast.parse(text, mode="eval").body
        return cast("ast.expr", found)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Look up what a module has, such as `types.PeerUser`, once and for all."""
        match node.value:
            case ast.Name(name) if name in self._globals and not self._is_own(name):
                return self._constant(getattr(self._globals[name], node.attr, None))
        raise _UnknownError  # of a value, or of the object itself

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self._given:
            if isinstance(node.ctx, ast.Store):
                raise _UnknownError
            return self._given[node.id]
        if node.id in self._locals:
            return ast.Name(f"l_{node.id}", node.ctx)
        found = self._globals.get(node.id, getattr(builtins, node.id, None))
        return self._constant(found)

    def _is_own(self, name: str) -> bool:
        return name in self._given or name in self._locals

    def _constant(self, found: Any) -> ast.expr:
        if found is None:
            raise _UnknownError
        name = f"g_{len(self._names)}"
        self._names[name] = _peer_key if found is get_peer_id else found
        return _name(name)


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _arguments(function: FunctionType) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]


def _optional(function: FunctionType) -> frozenset[str]:
    """Return the arguments whose default is None.

    Raises:
        _UnknownError: If one has another default.
    """
    code, positional = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(positional) : code.co_argcount]
    found = dict(zip(names, positional, strict=True)) | (function.__kwdefaults__ or {})
    if any(value is not None for value in found.values()):
        raise _UnknownError
    return frozenset(found)


_MAX_BARE = 9_999_999_999
_CHANNEL_MARK = 10**12
"""Both as `telethon.utils.get_peer_id` has them."""


def _peer_key(peer: Any) -> Any:
    """Return what `telethon.utils.get_peer_id` does, sooner for what comes often."""
    if type(peer) is types.PeerChannel and 0 < peer.channel_id <= _MAX_BARE:
        return -(_CHANNEL_MARK + peer.channel_id)
    return get_peer_id(peer)
