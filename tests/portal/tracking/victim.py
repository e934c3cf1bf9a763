"""A process that does one step of the path of data on the database of its environment, to be killed on the way."""

import asyncio
import sys

from sqlmodel import select

from portal.app import build
from portal.settings import load
from portal.tables import Connection
from portal.tracking.inbox import HookRow, Writer
from portal.tracking.ingest import ingest
from portal.tracking.poll import poll
from tests.portal.tracking.northpost import event, signed


def main(step: str) -> None:
    """`receive`, `ingest` or `poll`; prints "done" where nothing killed it."""
    app = build(load())
    with app.db.reading() as tx:
        connection = tx.exec(select(Connection).order_by(Connection.id)).all()[-1]  # type: ignore[arg-type]
    if step == "receive":
        from tests.portal.tracking.northpost import delivery

        body = delivery("NP447109260GB", [event("COL", app.now())], "d-1")
        row = HookRow(connection.id or 0, connection.carrier, "d-1", body, signed(body, app.now()), app.now())
        asyncio.run(_receive(Writer(app.db), row))
    else:
        {"ingest": ingest, "poll": poll}[step](app)
    sys.stdout.write("done")


async def _receive(writer: Writer, row: HookRow) -> None:
    writer.start()
    await writer.put(row)
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1])
