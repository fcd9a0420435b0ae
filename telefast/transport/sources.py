"""The source text of functions of an installed package, only where it is what really runs.

`inspect.getsource` reads 53,000 lines to find one method, and believes the file. Here a file is
read once, a method is cut out by its line number and compiled, and its instructions are compared
with those of the function: a file that was changed, or that belongs to another build, is no source.
"""

from __future__ import annotations

import re
import sys
import textwrap
from array import array
from functools import cache
from types import CodeType, FunctionType

__all__ = ["source_of"]

_METHOD = re.compile(
    r"(?:    @.*\n)*"
    r"    def .*\n"
    r"(?:(?: {5}.*| {4}\).*|[ \t]*)\n)*"  # `)` ends a long list of arguments
)


def source_of(function: FunctionType) -> str | None:
    """Return the source of a method, without its indentation, decorators included.

    Args:
        function: A function in the body of a class that stands at the left margin of its module.

    Returns:
        None if there is no source that compiles to what the function does.
    """
    text, starts = _lines(function.__module__)
    code = function.__code__
    known = function.__globals__
    # What calls a method of an imported name depends on that it is imported (`is_import_originated`
    # in CPython's compiler).
    imported = [
        name
        for name in code.co_names
        if name in known and getattr(known[name], "__module__", "") != function.__module__
    ]
    first = code.co_firstlineno - 1
    method = _METHOD.match(text, starts[first]) if first < len(starts) else None
    if method is None:
        return None
    return textwrap.dedent(method[0]) if _does_the_same(method[0], imported, code) else None


@cache
def _lines(module: str) -> tuple[str, array[int]]:
    """Return the text of a module and where its lines begin; no lines if there is no text."""
    loader = getattr(getattr(sys.modules.get(module), "__spec__", None), "loader", None)
    try:
        text = loader.get_source(module) if loader is not None else None
    except (AttributeError, ImportError, OSError, SyntaxError):
        text = None  # a frozen application, a package without sources, another encoding
    if text is None:
        return "", array("I")
    return text, array("I", [0, *(found.end() for found in re.finditer("\n", text))])


def _does_the_same(method: str, imported: list[str], code: CodeType) -> bool:
    head = f"import {', '.join(imported)}\n" if imported else ""
    try:
        # No inherited __future__: the functions are those of another package.
        body = compile(f"{head}class _:\n{method}", "<source>", "exec", dont_inherit=True)
        for _ in range(2):  # the class, the function
            body = next(each for each in body.co_consts if isinstance(each, CodeType))
    except (SyntaxError, ValueError, StopIteration):
        return False
    return _facts(body) == _facts(code)


def _facts(code: CodeType) -> tuple[object, ...]:
    return (
        code.co_name,
        code.co_code,
        code.co_names,
        code.co_varnames,
        code.co_argcount,
        code.co_kwonlyargcount,
        [_facts(x) if isinstance(x, CodeType) else (type(x), x) for x in code.co_consts],
    )
