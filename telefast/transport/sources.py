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
    first = code.co_firstlineno - 1
    method = _METHOD.match(text, starts[first]) if first < len(starts) else None
    if method is None:
        return None
    source = textwrap.dedent(method[0])
    return source if _does_the_same(source, code) else None


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


def _does_the_same(source: str, code: CodeType) -> bool:
    try:
        # No inherited __future__: the functions are those of another package.
        module = compile(source, "<source>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    found = next((each for each in module.co_consts if isinstance(each, CodeType)), None)
    return found is not None and _facts(found) == _facts(code)


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
