"""``python -m unit.states``: fill the tables and diagrams of docs/states.md in."""

import sys

from unit.states import page, tables

if __name__ == "__main__":
    page.PATH.write_text(page.drawn(page.PATH.read_text()))
    missing = f"| {tables.MISSING} |" in page.PATH.read_text()
    sys.exit(f"{page.PATH}: write what stands as {tables.MISSING}" if missing else 0)
