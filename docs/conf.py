"""Sphinx configuration: Markdown pages, reference from docstrings, no network."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.pycode import ModuleAnalyzer

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "telefast"
author = "telefast contributors"
project_copyright = f"2026, {author}"
release = version = version_of("telefast")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]
templates_path: list[str] = []

html_theme = "furo"
html_title = f"telefast {release}"

# --- text ---------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
default_role = "code"  # `name` in a docstring is code, as in Markdown

# --- reference ----------------------------------------------------------------------------------

autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes of a dataclass belong to its description
maximum_signature_line_length = 90

# One signature with all arguments, not the overloads that type checkers need.
_analyzer = ModuleAnalyzer.for_module("telefast.history.stream")
_analyzer.analyze()
_analyzer.overloads.clear()

# --- examples -----------------------------------------------------------------------------------

doctest_test_doctest_blocks = "default"
doctest_global_setup = f"""
import os
os.chdir({str(Path(__file__).parent.parent)!r})
from telefast import *
from telefast.testing import *
"""

# --- links --------------------------------------------------------------------------------------

nitpicky = True
# From files made by docs/_inventories/make.py: the build needs no network.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3/", "_inventories/python.inv"),
    "telethon": ("https://docs.telethon.dev/en/stable/", "_inventories/telethon.inv"),
}

nitpick_ignore_regex = [
    # Telegram's own types: https://tl.telethon.dev has them, and no inventory.
    ("py:class", r"(telethon\.tl\.|types\.)(patched\.|types\.)?[A-Z]\w+|TLRequest|TLObject"),
    ("py:class", r"(pyroaring\.)?BitMap"),  # pyroaring has no online documentation
    ("py:class", r"telefast\.testing\.(local\.AnyRule|rpc\.Shared)|P|T"),  # type variables
    ("py:class", r"(telefast\.client\.iterators\.)?[ST]"),
    ("py:class", r"(telefast\.history\.typed\.)?M"),
    ("py:class", r"telefast\.ordered\.(R|T|_Work)"),  # more of them, and what a map does inside
    # What a queue of downloads does inside.
    ("py:class", r"(telefast\.media\.queue_\w+\.)?(Stream|Work)"),
    # What lazy messages read from.
    ("py:class", r"telefast\.transport\.lazy\.Source"),
    # What a chunk is made of inside.
    ("py:class", r"telefast\.chunks\.schema\.Body"),
    # Parts of the embedded server that only its own handlers meet.
    (
        "py:class",
        r"(telefast\.testing\.\w+\.)?(Address|Blob|ChatReport|Entry|FileKey|Kind|Made|Methods|Numbers|Origin|Place|ServerKey|Unread)",
    ),
]

PUBLIC = {
    name: f"{module}.{name}"
    for module in ("telefast.testing", "telefast")
    for name in import_module(module).__all__
} | {"Page": "telefast.transport.messages.Page"}
"""Each public name, as users import it and as the reference has it."""

ELSEWHERE = {
    "Message": "telethon.tl.custom.message.Message",
    "Path": "pathlib.Path",
    "_asyncio.Future": "asyncio.Future",
    "date": "datetime.date",
    "datetime": "datetime.datetime",
    "TelegramClient": "telethon.client.telegramclient.TelegramClient",
    "telethon.TelegramClient": "telethon.client.telegramclient.TelegramClient",
    "RPCError": "telethon.errors.rpcbaseerrors.RPCError",
}
"""Names as we write them, and as the documentation of Python or Telethon has them."""


def resolve(
    app: Sphinx, env: BuildEnvironment, node: Any, contnode: nodes.Element
) -> nodes.reference | None:
    """Find names that code and docstrings write otherwise than the page that has them."""
    target = node.get("reftarget", "")
    name = target.rpartition(".")[2]
    if name in PUBLIC and (target == name or target.startswith("telefast.")):
        python = env.get_domain("py")
        target = PUBLIC[name]
        found = python.resolve_xref(env, node["refdoc"], app.builder, "obj", target, node, contnode)
        return found if isinstance(found, nodes.reference) else None
    if target in ELSEWHERE:
        from sphinx.ext.intersphinx import resolve_reference_any_inventory

        node["reftarget"] = ELSEWHERE[target]
        found = resolve_reference_any_inventory(env, False, node, contnode)
        return found if isinstance(found, nodes.reference) else None
    return None


def fences_to_blocks(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Turn fenced code in a docstring, which reads better in the source, into code blocks."""
    text = "\n".join(lines)

    def block(match: re.Match[str]) -> str:
        code = re.sub(r"^", "    ", match["code"], flags=re.MULTILINE)
        return f".. code-block:: {match['language']}\n\n{code}\n"

    text = re.sub(r"^```(?P<language>\w+)\n(?P<code>.*?)\n```$", block, text, flags=re.M | re.S)
    lines[:] = text.split("\n")


def setup(app: Sphinx) -> None:
    """Connect the two."""
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-docstring", fences_to_blocks)
