"""Writes docs/corpus-report.md: `python -m tests.carriers.report`, or `make corpus-report`.

It lives beside the tests because it reads the corpus as they do; nothing of it is part of the product.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from carriers.docs import FOLDER
from carriers.registry import all_carriers
from tests.carriers.agreement import ASPECTS, OTHERS, SOURCES, Outcome, Point, outcomes, peer_of
from tests.carriers.corpus import PAYLOADS, ROOT
from tests.carriers.reasons import reason

TARGET: Final = FOLDER / "corpus-report.md"

_HEAD: Final = """# Agreement with peers, over a corpus of real payloads

Written by `make corpus-report`; not by hand. The corpus is no part of the project (`DOORSTEP_CORPUS` names its
folder). Each payload comes from a carrier's documentation, from a recording or from a peer's tests, many with that
peer's own reading. Where a peer asserts nothing, nothing is counted. *local time* is the wall clock of a scan to the
minute, *scans* counts scans that only one of the two has, *error* an error or an unknown number that both tell. A
reason is the paragraph of that name in `docs/differences/`.
"""


@dataclass(frozen=True)
class Difference:
    """The same disagreement, as often as it occurs."""

    aspect: str
    ours: str
    peers: str
    why: str


def render(found: dict[str, list[Outcome]]) -> str:
    """The page of these outcomes; equal outcomes give equal text."""
    parts = [_HEAD, _totals(found), _overview(found)]
    parts += ["\n".join(_section(slug, rows)) for slug, rows in found.items()]
    return "\n".join(parts).rstrip() + "\n"


def unexplained(found: dict[str, list[Outcome]]) -> int:
    """Disagreements that no paragraph explains."""
    return sum(not why for slug, rows in found.items() for _, why in _differing(slug, rows))


def _differing(slug: str, rows: Sequence[Outcome]) -> Iterator[tuple[Point, str]]:
    for row in rows:
        for point in row.points:
            if not point.agrees:
                yield point, _why(slug, row, point)


def _why(slug: str, row: Outcome, point: Point) -> str:
    title = reason(slug, point.aspect, point.ours, point.peers)
    if not title and row.refused and row.payload.source in OTHERS:
        return f"another interface: {OTHERS[row.payload.source]}"
    return title


def _totals(found: dict[str, list[Outcome]]) -> str:
    rows = [row for group in found.values() for row in group]
    read = sum(not row.refused for row in rows)
    points = [point for row in rows for point in row.points]
    agree = sum(point.agrees for point in points)
    broken = sum(len(row.broken) for row in rows)
    left = unexplained(found)
    return (
        f"{len(rows)} payloads of {len(found)} carriers: {read} read, {len(rows) - read} refused by name. Of the "
        f"{len(points)} things that peers assert we agree with {agree}; {len(points) - agree - left} disagreements "
        f"have their reason, {left} have none yet. {broken} promises of the contract are broken.\n"
    )


def _overview(found: dict[str, list[Outcome]]) -> str:
    head = ["Carrier", "Payloads", "Read", *ASPECTS, "Unexplained"]
    lines = [_row(head), _row(["---"] * len(head))]
    for slug, rows in found.items():
        points = [point for row in rows for point in row.points]
        cells = [f"[{slug}](#{slug})", str(len(rows)), str(sum(not row.refused for row in rows))]
        cells += [_share([point for point in points if point.aspect == aspect]) for aspect in ASPECTS]
        lines.append(_row([*cells, str(unexplained({slug: rows}))]))
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _share(points: Sequence[Point]) -> str:
    return f"{sum(point.agrees for point in points)}/{len(points)}" if points else ""


def _section(slug: str, rows: Sequence[Outcome]) -> Iterator[str]:
    yield f"## {slug}\n"
    peers = Counter(filter(None, (peer_of(row.payload) for row in rows)))
    yield "Peers: " + (", ".join(f"{name} ({count})" for name, count in sorted(peers.items())) or "none") + ".\n"
    counted = Counter(Difference(point.aspect, point.ours, point.peers, why) for point, why in _differing(slug, rows))
    if counted:
        yield "| Times | What | Ours | The peer's | Reason |\n| --- | --- | --- | --- | --- |"
        for one, times in sorted(counted.items(), key=lambda item: (item[0].aspect, -item[1], item[0].ours)):
            yield _row([str(times), one.aspect, _cell(one.ours), _cell(one.peers), one.why or "**unexplained**"])
        yield ""
    unmapped = sorted({code for row in rows for code in row.unmapped})
    if unmapped:
        yield f"Codes without a status: {', '.join(f'`{_cell(code)}`' for code in unmapped)}.\n"
    yield "<details><summary>Payloads</summary>\n"
    for row in rows:
        yield f"- {row.payload.source}/{row.payload.case}: {_cell(row.refused or row.said)}"
        yield from (f"  - **broken**: {line}" for line in row.broken)
    yield "\n</details>\n"


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("<", "&lt;")[:160]


def compared() -> dict[str, list[Outcome]]:
    """Outcomes of every carrier that the corpus has something of, in alphabetical order."""
    found = {slug: outcomes(slug) for slug in all_carriers() if slug in SOURCES.values()}
    return {slug: rows for slug, rows in found.items() if rows}


def main(target: Path = TARGET) -> int:
    """Exit code 0 also where there is no corpus: then nothing is written, and the reason printed."""
    if not PAYLOADS.is_dir():
        sys.stdout.write(f"skipped: no corpus in {ROOT}; set DOORSTEP_CORPUS to its folder\n")
        return 0
    found = compared()
    target.write_text(render(found), encoding="utf-8")
    sys.stdout.write(f"{target.name}: {_totals(found)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
