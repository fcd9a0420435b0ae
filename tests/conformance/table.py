"""Write docs/reference/conformance.md: `python -m tests.conformance.table`."""

from __future__ import annotations

from tests.conformance.catalogue import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"wrote {PAGE}")
