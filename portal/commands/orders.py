"""import-orders and import-products: files of a shop into the database, with every refused row named."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from portal.commands.terminal import (
    NOT_UNDERSTOOD,
    WRONG,
    Progress,
    Stop,
    brand_named,
    opened,
    read_file,
    say,
    tell,
    usage,
)
from portal.shops.importer import Report

MOST_LINES = 200


def import_orders(source: str, files: list[str], brand: str, *, backfill: bool, template: bool) -> None:
    """Takes over every order of the files. Exit 0 when all were taken, 1 when some were refused, 3 when none was."""
    from portal.shops.contract import all_sources
    from portal.shops.importer import import_drafts
    from portal.shops.sources import csv

    if source not in all_sources():
        usage(f"there is no source {source!r}; known: {', '.join(all_sources())}")
    if template:
        say(csv.template().rstrip() if source == "csv" else f"only csv has a template; {all_sources()[source].help}")
        return
    if not files or not brand:
        usage("name at least one FILE and --brand SLUG")
    bodies = [(path, read_file(path)) for path in files]
    report, progress = Report(), Progress("orders")
    with opened() as app:
        row = brand_named(app, brand)
        for path, body in bodies:
            drafts = all_sources()[source].read(body, ZoneInfo(row.zone))
            options = {"source": source, "file": path, "backfill": backfill, "report": report}
            import_drafts(app.db, row, drafts, app.now(), **options, progress=lambda r: progress(r.taken))  # type: ignore[arg-type]
    progress.finish()
    _tell(report, "orders")


def import_products(path: str, brand: str, *, template: bool) -> None:
    """Adds and changes products by SKU. Exit codes as import_orders."""
    from portal.shops import products

    if template:
        say(products.template().rstrip())
        return
    if not path or not brand:
        usage("name a FILE and --brand SLUG")
    body = read_file(path)
    with opened() as app:
        report = products.import_products(app.db, brand_named(app, brand), body, file=path)
    _tell(report, "products")


def _tell(report: Report, what: str) -> None:
    for kind, found in (("note", report.remarks), ("refused", report.refused)):
        for file, line, words in found[:MOST_LINES]:
            tell(f"{file}:{line}: {kind}: {words}")
        if len(found) > MOST_LINES:
            tell(f"and {len(found) - MOST_LINES} more {kind}")
    counts = f"imported {report.imported}, updated {report.updated}, unchanged {report.unchanged}"
    say(f"{what}: {counts}, refused {len(report.refused)}")
    if report.refused:
        raise Stop(code=WRONG if report.taken else NOT_UNDERSTOOD)
