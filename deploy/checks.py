"""What `make check` tests beyond style and types: migrations match the tables, generated documents are up to date.

With --write the documents are written instead.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def settings_table() -> str:
    """docs/settings.md, its table made from the Settings class."""
    from portal.settings import Settings

    path = ROOT / "docs" / "settings.md"
    head, mark, rest = path.read_text(encoding="utf-8").partition("<!-- table -->\n")
    _, end, tail = rest.partition("<!-- end -->\n")
    rows = ["| Setting | Default | Meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "**needed**" if field.is_required() else f"`{_plain(field.default)}`" if _plain(field.default) else ""
        rows.append(f"| `DOORSTEP_{name.upper()}` | {default} | {field.description} |")
    return head + mark + "\n".join(rows) + "\n" + end + tail


def carriers_page() -> str:
    """docs/carriers.md, made from what each adapter says about itself."""
    from carriers.docs import page

    return page()


GENERATED = {"docs/settings.md": settings_table, "docs/carriers.md": carriers_page}


def migration_faults() -> list[str]:
    """What tables and migrations disagree on, found by migrating an empty database."""
    from portal.db import Database
    from portal.migrate import differences, upgrade

    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/check.db")
        try:
            upgrade(db)
            return [f"migrations differ from the tables: {difference}" for difference in differences(db)]
        finally:
            db.close()


def main() -> int:
    """Exit code 1 with one line per fault."""
    if "--write" in sys.argv[1:]:
        for name, render in GENERATED.items():
            (ROOT / name).write_text(render(), encoding="utf-8")
        return 0
    faults = migration_faults()
    for name, render in GENERATED.items():
        if (ROOT / name).read_text(encoding="utf-8") != render():
            faults.append(f"{name} is out of date; run: make docs")
    for fault in faults:
        sys.stderr.write(fault + "\n")
    return 1 if faults else 0


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    secret = getattr(value, "get_secret_value", None)
    return str(secret() if secret else value)


if __name__ == "__main__":
    sys.exit(main())
