"""The names of settings, and what is wrong with them, in the words of who made them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Literal, get_args, get_origin

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo

from telefast.errors import SettingsError

__all__ = ["PREFIX", "check_names", "explain", "names"]

PREFIX = "TELEFAST_"


def names(field: str, *bare: str) -> AliasChoices:
    """Return the names of the variables of *field*, the one that wins first."""
    return AliasChoices(f"{PREFIX}{field.upper()}", *bare)


def check_names(environ: Mapping[str, str], known: list[str]) -> None:
    """Refuse a `TELEFAST_` variable that no field has: a typing error would go unseen."""
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            raise SettingsError(f"{name} is not a setting of telefast; {_nearest(name, known)}")


def _nearest(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


def explain(error: ValidationError, cls: type[BaseModel], origins: Mapping[str, str]) -> str:
    """Say what is wrong, in the caller's names: a variable where the value came from one."""
    problems = []
    for problem in error.errors():
        field = str(problem["loc"][0]) if problem["loc"] else ""
        if not field:  # a rule over several fields
            problems.append(str(problem["ctx"]["error"]))
        elif field not in cls.model_fields:
            known = cls.model_fields
            problems.append(f"{field} is not a setting of telefast; {_nearest(field, known)}")
        else:
            shown = f"{origins.get(field, field)}={problem['input']!r:.80}"
            problems.append(f"{shown}: expected {_legal(cls.model_fields[field])}")
    return "; ".join(dict.fromkeys(problems))  # a union tells each of its failures


def _legal(info: FieldInfo) -> str:
    """Say which values a field takes."""
    if info.annotation is bool:
        return "True or False"
    if bool in get_args(info.annotation):
        return 'True, False or "auto"'
    if info.examples:
        return "one of " + ", ".join(map(str, info.examples))
    if get_origin(info.annotation) is Literal:
        return "one of " + ", ".join(get_args(info.annotation))
    bounds = {
        side: getattr(rule, side)
        for rule in info.metadata
        for side in ("ge", "le")
        if hasattr(rule, side)
    }
    kind = "a whole number" if "int" in str(info.annotation) else "a number of seconds"
    if "le" in bounds:
        return f"{kind}, {bounds['ge']} to {bounds['le']}"
    return f"{kind}, at least {bounds['ge']}"
