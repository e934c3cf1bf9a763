"""carriers list, parse and recognise: what the adapters can do, what a raw body says, whose a number may be."""

from __future__ import annotations

import json

from portal.commands.terminal import NOT_UNDERSTOOD, Stop, read_file, say, usage


def list_carriers(*, as_json: bool) -> None:
    """One line per adapter: slug, name, what it can do, calls per period."""
    from carriers.contract import Carrier, Hooked, Labels, ReadsFiles, Tracks
    from carriers.registry import all_carriers

    def abilities(carrier: Carrier) -> list[str]:
        kinds = (("tracking", Tracks), ("files", ReadsFiles), ("webhooks", Hooked), ("labels", Labels))
        return [word for word, kind in kinds if isinstance(carrier, kind)]

    rows = [
        {"slug": slug, "name": carrier.about.name, "can": abilities(carrier), "batch": carrier.about.batch_size}
        for slug, carrier in all_carriers().items()
    ]
    if as_json:
        say(json.dumps(rows))
        return
    for row in rows:
        say(f"{row['slug']:<12} {row['name']:<16} {', '.join(map(str, row['can']))}")  # type: ignore[call-overload]


def parse(slug: str, path: str, *, hook: bool, label: bool, status: int, number: str) -> None:
    """Prints one JSON object. Exit 3 with one line on stderr when the body is not understood."""
    from carriers.errors import BadPayload
    from carriers.registry import all_carriers
    from carriers.view import answer_as_json, label_as_json, parse_file, parse_label_file

    if hook and label:
        usage("a label does not come by webhook: choose --hook or --label")
    if slug not in all_carriers():
        usage(f"there is no carrier {slug!r}; known: {', '.join(all_carriers())}")
    body = read_file(path)
    try:
        if label:
            told = label_as_json(slug, parse_label_file(slug, body))
        else:
            answer = parse_file(slug, body, hook=hook, status=status)
            told = answer_as_json(slug, answer.asked_for([number]) if number else answer)
    except BadPayload as error:
        raise Stop(f"{path}: not understood: {' '.join(str(error).split())[:300]}", code=NOT_UNDERSTOOD) from None
    say(json.dumps(told, ensure_ascii=False))


def recognise(number: str, *, mine: bool, as_json: bool) -> None:
    """Carriers that a number may belong to, likeliest first. Exit 3 when no carrier that we know has such numbers."""
    from dataclasses import asdict

    from carriers.recognise import candidates
    from carriers.registry import all_carriers

    found = candidates(number, _connected() if mine else ())
    if as_json:
        say(json.dumps([{**asdict(one), "adapter": one.slug in all_carriers()} for one in found], ensure_ascii=False))
        return
    if not found:
        shown = f"{number[:60]}..." if len(number) > 60 else number or "an empty number"
        raise Stop(f"{shown}: no carrier that we know has such numbers", code=NOT_UNDERSTOOD)
    for one in found:
        missing = "" if one.slug in all_carriers() else " (no adapter)"
        say(f"{one.odds:>4.0%}  {one.slug:<16} {one.name}{missing}: {one.why}")


def _connected() -> set[str]:
    """The carriers that this installation has accounts with."""
    from sqlmodel import col, select

    from portal.commands.terminal import opened
    from portal.tables import Connection

    with opened() as app, app.db.reading() as tx:
        return set(tx.exec(select(Connection.carrier).where(col(Connection.removed_at).is_(None))))
