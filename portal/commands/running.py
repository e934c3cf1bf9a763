"""serve, worker, migrate, check and replay: running and mending an installation."""

from __future__ import annotations

from portal.commands.terminal import Progress, Stop, brand_named, opened, say, tell


def serve(host: str | None, port: int | None) -> None:
    """Listens before anything is built, so that a port in use is said at once."""
    from portal import logs, serving
    from portal.settings import load

    given = {key: value for key, value in {"host": host, "port": port}.items() if value is not None}
    settings = load(**given)
    try:
        listener = serving.listen(settings.host, settings.port)
    except OSError as error:
        hint = "choose another with --port" if error.errno == 98 else "check --host"
        raise Stop(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; {hint}") from None
    with listener:
        _must_have_tables(settings.database_url)
        logs.configure(settings)
        tell(f"listening on http://{settings.host}:{listener.getsockname()[1]}")
        serving.serve(settings, listener)


def _must_have_tables(url: str) -> None:
    """Raises Stop for an empty database. One that is away may come back: it is served with 503 until it does."""
    from portal import migrate as schema
    from portal.db import Database, is_outage

    db = Database(url)
    try:
        if schema.current(db) is None:
            raise Stop("the database is empty; run: doorstep migrate")
    except Exception as error:
        if not is_outage(error):
            raise
    finally:
        db.close()


def work() -> None:
    """Runs the jobs until SIGTERM or Ctrl-C."""
    from portal import logs, worker

    with opened() as app:
        logs.configure(app.settings)
        tell("working; stop with Ctrl-C")
        worker.main(app)


def migrate(*, only_check: bool) -> None:
    """Brings the database to the current schema; with `only_check` says whether it is there (exit 1 if not)."""
    from portal import migrate as schema
    from portal.db import Database
    from portal.settings import load

    db = Database(load().database_url)
    try:
        current, head = schema.current(db), schema.head()
        if current == head:
            say(f"the database is at {head}, the newest")
        elif only_check:
            raise Stop(f"the database is at {current or 'nothing'}, the newest is {head}; run: doorstep migrate")
        else:
            schema.upgrade(db)
            say(f"the database went from {current or 'nothing'} to {head}")
    finally:
        db.close()


def check() -> None:
    """Prints every finding; exit 1 when something is wrong."""
    from portal.checkup import examine

    findings = examine()
    for finding in findings:
        say(f"{finding.mark}  {finding.what}: {finding.words}")
        if finding.mend:
            say(f"      {finding.mend}")
    wrong = sum(finding.is_wrong for finding in findings)
    if wrong:
        raise Stop(f"{wrong} to mend")


def replay(brand: str, shipment: str, *, yes: bool) -> None:
    """Shows what reading everything again would change, then changes it when told to."""
    import typer

    from portal.tracking import replay as again

    progress = Progress("shipments read again")
    with opened() as app:
        row = brand_named(app, brand) if brand else None
        changes = again.plan(app.db, brand=row, shipment=shipment or None, progress=progress)
        progress.finish()
        for change in changes:
            say(str(change))
        if not changes:
            say("nothing would change")
            return
        if not yes and not typer.confirm(f"{len(changes)} shipments change. Go on?", default=False, err=True):
            raise Stop("nothing was changed")
        again.apply(app, changes, progress=progress)
        progress.finish()
        say(f"{len(changes)} shipments changed; nobody was mailed")
