"""carriers codes and carriers map: codes that no table of ours explains, and giving one a meaning."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from portal.audit import SYSTEM
from portal.commands.terminal import Progress, Stop, opened, say, usage
from portal.refusal import Refusal
from portal.tables import CodeMapping, UnmappedCode

# What stands on a command line for "no meaning again".
NOTHING = "none"

_REFUSED = {
    "no_such_carrier": "there is no carrier {carrier!r}; see doorstep carriers list",
    "no_such_code": "{code!r} cannot be a carrier's code",
    "code_is_known": "{carrier}'s own table has {code!r}; it cannot be given another meaning here",
    "no_such_status": "{word!r} is no status that a carrier reports; docs/vocabulary.md lists them, or write none",
    "mapping_changed": "somebody gave {code!r} another meaning meanwhile; look again",
}


def show_codes(*, as_json: bool) -> None:
    """Those without a meaning, most frequent first, then those that were given one here."""
    from portal.tracking.mapping import is_newest, is_open

    with opened() as app, app.db.reading() as tx:
        waiting = tx.exec(select(UnmappedCode).where(is_open()).order_by(col(UnmappedCode.count).desc())).all()
        decided = select(CodeMapping).where(is_newest(), col(CodeMapping.word) != "")
        mapped = tx.exec(decided.order_by(col(CodeMapping.carrier), col(CodeMapping.code))).all()
    if as_json:
        say(json.dumps([*map(_waiting_as_json, waiting), *map(_mapped_as_json, mapped)], ensure_ascii=False))
        return
    for row in waiting:
        say(f"{row.carrier:<16} {row.code:<20} {row.count:>7} times  {row.sample_number:<24} {row.text}".rstrip())
    for rule in mapped:
        who = f"{rule.actor_name or 'Doorstep'}, {rule.created_at:%Y-%m-%d}"
        say(f"{rule.carrier:<16} {rule.code:<20} means {rule.word}  (version {rule.version}, {who})")
    if not waiting and not mapped:
        say("no unknown codes")


def map_code(carrier: str, code: str, word: str, *, yes: bool) -> None:
    """Shows what the meaning would change, asks, decides, and applies it to what is there."""
    import typer

    from portal.tracking import mapping

    word = "" if word == NOTHING else word
    progress = Progress("parcels looked at")
    with opened() as app:
        try:
            mapping.check(carrier, code, word)
            with app.db.reading() as tx:
                newest = mapping.current(tx, carrier, code)
                told = mapping.preview(tx, carrier, code, word, app.now(), progress=progress)
            progress.finish()
            for line in _told(told):
                say(line)
            if not yes and not typer.confirm(
                f"{code} of {carrier} means {word or 'nothing'}?", default=False, err=True
            ):
                raise Stop("nothing was changed")
            with app.db.transaction() as tx:
                version = newest.version if newest else 0
                row = mapping.decide(tx, carrier, code, word, SYSTEM, app.now(), version=version)
        except Refusal as refusal:
            usage(_REFUSED[refusal.code].format(carrier=carrier, code=code, word=word))
        _apply(app, row.id or 0)
    say(f"{code} of {carrier} means {word or 'nothing'}, version {row.version}; nobody was mailed about the past")


def _apply(app: Any, mapping_id: int) -> None:
    """Does the worker's work here, where somebody waits for it. What is left, the worker does."""
    from portal.tracking.mapping import apply_due

    progress = Progress("parcels read again")
    while apply_due(app):
        with app.db.reading() as tx:
            row = tx.get_one(CodeMapping, mapping_id)
        progress(row.applied)
        if row.next_at is None or row.next_at > app.now():
            break
    progress.finish()


def _told(told: Any) -> list[str]:
    lines = [f"{told.scans} scans of {told.parcels} parcels are read again"]
    lines += [f"  {count} parcels: {before} -> {after}" for (before, after), count in told.moves.most_common()]
    if told.unmoved:
        lines.append(f"  {told.unmoved} parcels keep the status they have")
    lines += [f"  {count} messages not sent, because it is past news: {event}" for event, count in told.untold.items()]
    return lines


def _waiting_as_json(row: UnmappedCode) -> dict[str, Any]:
    seen = {"first_seen_at": _iso(row.first_seen_at), "last_seen_at": _iso(row.last_seen_at)}
    told = {"carrier": row.carrier, "code": row.code, "text": row.text, "count": row.count}
    return {**told, "sample": row.sample_number, **seen, "means": None}


def _mapped_as_json(row: CodeMapping) -> dict[str, Any]:
    state = {"parcels": row.parcels, "applied": row.applied, "is_applied": row.done_at is not None}
    told = {"carrier": row.carrier, "code": row.code, "means": row.word, "version": row.version}
    return {**told, "by": row.actor_name, "at": _iso(row.created_at), **state}


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
