"""The files that list the settings: `.env.example`, and the table in the guide.

`python -m tests.settings_files` writes both; tests/unit/test_settings.py compares them.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from telefast import Settings

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / ".env.example"
GUIDE = ROOT / "docs" / "howto" / "settings.md"
HEAD = """\
# The settings of telefast with their defaults. telefast reads no file: let your shell or service
# manager load one like this. `telefast.Settings.from_env()` then reads the variables; arguments
# beat them. An empty value counts as unset.
"""


def described(field: str) -> tuple[str, str]:
    """Return a field's default, "" for none, and what it means."""
    default = getattr(Settings(), field)
    return "" if default is None else str(default), Settings.model_fields[field].description or ""


def env_example() -> str:
    """Return `.env.example`: each field, its first name, default, meaning and other names."""
    parts = [HEAD]
    for field, (name, *others) in Settings.variables().items():
        default, meaning = described(field)
        second = f" Second name: {', '.join(others)}" if others else ""
        comment = textwrap.fill(
            meaning.replace("`", "") + second,
            100,
            initial_indent="# ",
            subsequent_indent="# ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        parts.append(f"{comment}\n{name}={default}\n")
    return "\n".join(parts)


def table() -> list[str]:
    """Return the rows of the table: each field with its names, default and meaning."""
    rows = []
    for field, names in Settings.variables().items():
        default, meaning = described(field)
        shown = f"`{default}`" if default else "unset"
        variables = ", ".join(f"`{name}`" for name in names)
        rows.append(f"| `{field}` | {variables} | {shown} | {meaning} |")
    return rows


def with_table(guide: str) -> str:
    """Return the guide with the table as it should be."""
    lines = guide.splitlines()
    first = lines.index("| --- | --- | --- | --- |") + 1
    rest = next((i for i in range(first, len(lines)) if not lines[i].startswith("|")), len(lines))
    return "\n".join([*lines[:first], *table(), *lines[rest:]]) + "\n"


def main() -> None:
    """Write both files."""
    EXAMPLE.write_text(env_example(), "utf-8")
    GUIDE.write_text(with_table(GUIDE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
