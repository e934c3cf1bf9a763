"""Processes that do one step of the path of data and are killed on the way.

Run as a module it is a small fork server: it imports everything once, then each line of its input (a JSON object with
`step`, `at` and `environment`) becomes a process of its own, whose exit code it prints.
"""

import asyncio
import importlib
import os
import sys
import traceback

import orjson
from sqlmodel import col, select

from portal import crash
from portal.app import build
from portal.settings import load
from portal.tables import Connection
from portal.tracking import files, inbox
from portal.tracking import ingest as ingest_module
from portal.tracking import poll as poll_module
from portal.tracking.files import take_files
from portal.tracking.inbox import HookRow, Writer
from portal.tracking.ingest import ingest
from portal.tracking.poll import poll
from tests.portal.tracking.northpost import delivery, event, signed


def run(step: str) -> None:
    """`receive`, `ingest`, `poll` or `files`, on the database of the environment."""
    app = build(load())
    with app.db.reading() as tx:
        connection = tx.exec(select(Connection).order_by(col(Connection.id))).all()[-1]
    if step == "receive":
        body = delivery("NP447109260GB", [event("COL", app.now())], "d-1")
        row = HookRow(connection.id or 0, connection.carrier, "d-1", body, signed(body, app.now()), app.now())
        asyncio.run(_receive(Writer(app.db), row))
    else:
        {"ingest": ingest, "poll": poll, "files": take_files}[step](app)


async def _receive(writer: Writer, row: HookRow) -> None:
    writer.start()
    await writer.put(row)
    writer.close()


def serve() -> None:
    """Forks one process per line and prints how it ended, until its input ends."""
    for line in sys.stdin:
        order = orjson.loads(line)
        child = os.fork()
        if child == 0:
            try:
                os.environ.update(order["environment"])
                importlib.reload(crash)  # reads its setting at the start
                for module in (inbox, ingest_module, poll_module, files):
                    vars(module)["crashpoint"] = crash.crashpoint
                run(order["step"])
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
