"""Lays the template out as a carrier of your own: `python docs/carrier-template/start.py SLUG "Its Name"`."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# What the template has, and where it goes.
PLACES = {
    "adapter.py": "carriers/adapters/{slug}.py",
    "signer.py": "tests/carriers/signers/{slug}.py",
    "test_adapter.py": "tests/carriers/test_{slug}.py",
    **{path.name: f"tests/carriers/fixtures/{{slug}}/{path.name}" for path in sorted(HERE.glob("*.json"))},
}


def lay_out(slug: str, name: str, root: Path = ROOT) -> list[Path]:
    """Writes the files and gives their paths. Raises FileExistsError rather than write over one."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", slug):
        raise ValueError(f"{slug!r} is no slug: small letters, digits and underscores")
    targets = {source: root / place.format(slug=slug) for source, place in PLACES.items()}
    for target in targets.values():
        if target.exists():
            raise FileExistsError(f"{target} is there already")
    for source, target in targets.items():
        text = (HERE / source).read_text(encoding="utf-8")
        words = {
            "yourcarrier": slug,
            "YourCarrier": "".join(map(str.capitalize, slug.split("_"))),
            "Your Carrier": name,
        }
        for old, new in words.items():
            text = text.replace(old, new)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return list(targets.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slug")
    parser.add_argument("name")
    given = parser.parse_args()
    try:
        written = lay_out(given.slug, given.name)
    except (ValueError, FileExistsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{path.relative_to(ROOT)}\n" for path in written))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
