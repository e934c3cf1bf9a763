"""`doorstep`: the command line. Commands import what they need when they run, so that `--help` is quick.

Exit codes: 0 all went well, 1 something is wrong (said on stderr), 2 called wrongly, 3 input that is not understood.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

_HELP = """A branded order-tracking and returns portal that a shop runs itself.

Exit codes: 0 all went well, 1 something is wrong (said on stderr), 2 called wrongly, 3 input not understood.

Settings come from DOORSTEP_* environment variables; `doorstep check` says what is missing."""

_PLAIN = {"no_args_is_help": True, "pretty_exceptions_enable": False, "rich_markup_mode": None, "add_completion": False}
app = typer.Typer(help=_HELP, **_PLAIN)  # type: ignore[arg-type]
carriers = typer.Typer(help="Carriers: what they can do, and what their answers say.", **_PLAIN)  # type: ignore[arg-type]
brand = typer.Typer(help="Brands: each with its own host, look, sender and policy.", **_PLAIN)  # type: ignore[arg-type]
agent = typer.Typer(help="Agents: who may sign in to the console.", **_PLAIN)  # type: ignore[arg-type]
connection = typer.Typer(help="Connections: accounts with carriers.", **_PLAIN)  # type: ignore[arg-type]
keys = typer.Typer(help="Keys: what encrypts the carriers' secrets.", **_PLAIN)  # type: ignore[arg-type]
app.add_typer(carriers, name="carriers")
app.add_typer(brand, name="brand")
app.add_typer(agent, name="agent")
app.add_typer(connection, name="connection")
app.add_typer(keys, name="keys")

ConnectionName = Annotated[str, typer.Argument(help="its name, or its id from connection list", metavar="WHICH")]
BrandSlug = Annotated[str, typer.Option("--brand", metavar="SLUG", help="the brand, by its slug")]


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on; default DOORSTEP_HOST")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="0 picks a free one; default DOORSTEP_PORT")
    ] = None,
) -> None:
    """Serve the web pages and webhooks. Any number of these may run on PostgreSQL."""
    from portal.commands import running

    running.serve(host, port)


@app.command()
def worker() -> None:
    """Run the jobs: read what carriers sent, poll them, send mails, buy labels. Run at least one."""
    from portal.commands import running

    running.work()


@app.command()
def migrate(
    check: Annotated[bool, typer.Option("--check", help="change nothing; exit 1 when the database is behind")] = False,
) -> None:
    """Bring the database to the schema of this version. Harmless when it is there already."""
    from portal.commands import running

    running.migrate(only_check=check)


@app.command()
def check() -> None:
    """Examine the configuration and say what is wrong and how to mend it. Exit 1 when something is."""
    from portal.commands import running

    running.check()


@app.command()
def demo(
    port: Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="port of the web pages")] = 8000,
    folder: Annotated[str, typer.Option("--dir", help="where the demo keeps its database, keys and mails")] = ".demo",
    fast: Annotated[bool, typer.Option("--fast", help="a carrier's day takes a minute, to watch parcels move")] = False,
) -> None:
    """Show everything on this machine: web, worker, a mail catcher and a simulated carrier. Ctrl-C stops all."""
    from portal.demo import run

    run(port, folder, fast=fast)


@app.command("import-orders")
def import_orders(
    source: Annotated[str, typer.Argument(help="shopify, woocommerce, csv or json", metavar="SOURCE")],
    files: Annotated[list[str] | None, typer.Argument(help="files of that shop; - is stdin", metavar="FILE...")] = None,
    brand: BrandSlug = "",
    backfill: Annotated[bool, typer.Option("--backfill", help="history: nothing is ever mailed about it")] = False,
    template: Annotated[bool, typer.Option("--template", help="print the columns of a CSV file and stop")] = False,
) -> None:
    """Import orders from a shop's export. Good orders are kept, bad ones named with line and reason; may be repeated.

    Exit 0 when all were taken over, 1 when some were refused, 3 when none could be.

    Example: doorstep import-orders shopify orders.json --brand tarnwick
    """
    from portal.commands import orders

    orders.import_orders(source, files or [], brand, backfill=backfill, template=template)


@app.command("import-products")
def import_products(
    file: Annotated[str, typer.Argument(help="a CSV file; - is stdin", metavar="FILE")] = "",
    brand: BrandSlug = "",
    template: Annotated[bool, typer.Option("--template", help="print the columns and stop")] = False,
) -> None:
    """Import the catalogue, as far as exchanges need it: one row per variant, known by its SKU."""
    from portal.commands import orders

    orders.import_products(file, brand, template=template)


@app.command()
def replay(
    brand: BrandSlug = "",
    shipment: Annotated[str, typer.Option(metavar="NUMBER", help="only this tracking number")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Read again what carriers sent and rebuild all that follows from it. Shows what would change, then asks.

    For after a code was mapped or an adapter mended. Nobody is mailed about the past.
    """
    from portal.commands import running

    running.replay(brand, shipment, yes=yes)


@carriers.command("list")
def carriers_list(as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False) -> None:
    """List the carriers with what each can do."""
    from portal.commands import carriers as work

    work.list_carriers(as_json=as_json)


@carriers.command("parse")
def carriers_parse(
    slug: Annotated[str, typer.Argument(help="the carrier, see carriers list", metavar="SLUG")],
    file: Annotated[str, typer.Argument(help="a raw body as it came; - is stdin", metavar="FILE")],
    hook: Annotated[bool, typer.Option("--hook", help="it came by webhook")] = False,
    label: Annotated[bool, typer.Option("--label", help="it answers the purchase of a label")] = False,
    status: Annotated[int, typer.Option(min=100, max=599, help="the HTTP status it came with")] = 200,
    number: Annotated[str, typer.Option(help="the number that was asked for, where the body names none")] = "",
) -> None:
    """Print what a carrier's raw body says, as one JSON object (docs/cli.md has its shape).

    With --label what a sold label holds: number, documents, codes for the counter, price, deadline.

    Exit 0 when understood (a not-found or an error body is), 3 with one line on stderr when not.
    """
    from portal.commands import carriers as work

    work.parse(slug, file, hook=hook, label=label, status=status, number=number)


@carriers.command("recognise")
def carriers_recognise(
    number: Annotated[str, typer.Argument(help="a tracking number, as it is printed", metavar="NUMBER")],
    mine: Annotated[bool, typer.Option("--mine", help="carriers of this shop's connections first")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Name the carriers that a tracking number may belong to, with odds, by its shape and check digit.

    Exit 3 when no carrier has such numbers.
    """
    from portal.commands import carriers as work

    work.recognise(number, mine=mine, as_json=as_json)


@carriers.command("usage")
def carriers_usage(as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False) -> None:
    """Show per connection who spent the carrier's calls, what is left, and what is stale, paused or failing."""
    from portal.commands import usage

    usage.show_usage(as_json=as_json)


@carriers.command("codes")
def carriers_codes(as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False) -> None:
    """List carriers' codes that no table explains, and those that were given a meaning here."""
    from portal.commands import codes

    codes.show_codes(as_json=as_json)


@carriers.command("map")
def carriers_map(
    carrier: Annotated[str, typer.Argument(help="see carriers list", metavar="CARRIER")],
    code: Annotated[str, typer.Argument(help="as the carrier writes it", metavar="CODE")],
    status: Annotated[
        str,
        typer.Argument(
            help="a status or sub-status, such as delivered.neighbour; none takes it back", metavar="STATUS"
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Give an unknown code a meaning. Shows what would change, then asks; nobody is mailed about the past.

    Example: doorstep carriers map northpost ZZ9 delivered.neighbour
    """
    from portal.commands import codes

    codes.map_code(carrier, code, status, yes=yes)


@brand.command("add")
def brand_add(
    slug: Annotated[str, typer.Argument(help="short name: lower case, digits, dashes", metavar="SLUG")],
    name: Annotated[str, typer.Option(help="as shoppers know it")] = "",
    host: Annotated[str, typer.Option(help="host name of its pages, without port")] = "",
    sender_email: Annotated[str, typer.Option(help="what its mails come from")] = "",
    origin: Annotated[str, typer.Option(help="scheme, host and port for links; default https://HOST")] = "",
    zone: Annotated[str, typer.Option(help="time zone, such as Europe/Berlin")] = "",
    file: Annotated[str, typer.Option("--file", metavar="FILE", help="JSON with the rest: look, support, policy")] = "",
) -> None:
    """Add a brand. Without a policy in the file, returns are open for 30 days from delivery.

    Example: doorstep brand add acme --name Acme --host track.acme.example --sender-email post@acme.example
    """
    from portal.commands import accounts

    given = {"name": name, "host": host, "sender_email": sender_email, "origin": origin, "zone": zone}
    accounts.add_brand(slug, file, given)


@brand.command("set")
def brand_set(
    slug: Annotated[str, typer.Argument(metavar="SLUG")],
    file: Annotated[str, typer.Argument(help="JSON with what shall change", metavar="FILE")],
) -> None:
    """Change a brand: what the file says changes, the rest stays. A policy becomes a new version."""
    from portal.commands import accounts

    accounts.set_brand(slug, file)


@brand.command("list")
def brand_list() -> None:
    """List the brands."""
    from portal.commands import accounts

    accounts.list_brands()


@agent.command("add")
def agent_add(
    email: Annotated[str, typer.Argument(help="what they sign in with", metavar="EMAIL")],
    name: Annotated[str, typer.Option(help="shown to colleagues")] = "",
    brand: Annotated[str, typer.Option("--brand", metavar="SLUG", help="only this brand; default every brand")] = "",
    generate: Annotated[bool, typer.Option("--generate", help="make a password and show it once")] = False,
) -> None:
    """Add an agent. The password is asked for, or read as one line from stdin; it never stands on a command line."""
    from portal.commands import accounts

    accounts.add_agent(email, name, brand, generate=generate)


@agent.command("list")
def agent_list() -> None:
    """List the agents."""
    from portal.commands import accounts

    accounts.list_agents()


@connection.command("add")
def connection_add(
    carrier: Annotated[str, typer.Argument(help="see carriers list", metavar="CARRIER")],
    name: Annotated[str, typer.Option(help="your name for it; default the carrier's")] = "",
    brand: Annotated[str, typer.Option("--brand", metavar="SLUG", help="only this brand; default every brand")] = "",
    given: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="a field, not secret")] = None,
) -> None:
    """Add an account with a carrier and print the address for its webhooks.

    Secret fields are asked for, or read from DOORSTEP_CONNECTION_<FIELD>; docs/carriers.md lists each carrier's fields.

    Example: DOORSTEP_CONNECTION_API_KEY=… doorstep connection add easypost --set environment=sandbox
    """
    from portal.commands import connections

    connections.add(carrier, name, brand, given or [])


@connection.command("list")
def connection_list() -> None:
    """List the accounts with their state."""
    from portal.commands import connections

    connections.show_all()


@connection.command("set")
def connection_set(
    which: ConnectionName,
    name: Annotated[str, typer.Option(help="a new name for it")] = "",
    given: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="a field, not secret")] = None,
    secret: Annotated[list[str] | None, typer.Option("--secret", metavar="NAME", help="a secret to replace")] = None,
    forget: Annotated[list[str] | None, typer.Option("--forget", metavar="NAME", help="a field to empty")] = None,
) -> None:
    """Change an account: what is named changes, the rest stays. It is tried again at once.

    New secrets are asked for, or read from DOORSTEP_CONNECTION_<FIELD>.

    Example: doorstep connection set UPS --secret client_secret
    """
    from portal.commands import connections

    connections.change(which, name, given or [], secret or [], forget or [])


@connection.command("test")
def connection_test(
    which: ConnectionName,
    number: Annotated[str, typer.Option(metavar="NUMBER", help="ask about this parcel; default one of yours")] = "",
) -> None:
    """Say what of an account works: access, tracking, labels, webhooks. By real calls that buy nothing.

    Exit 1 when a part does not work.
    """
    from portal.commands import connections

    connections.test(which, number)


@connection.command("disable")
def connection_disable(which: ConnectionName) -> None:
    """Switch an account off: nobody is asked, its webhooks are not taken, parcels keep their story."""
    from portal.commands import connections

    connections.switch(which, on=False)


@connection.command("enable")
def connection_enable(which: ConnectionName) -> None:
    """Switch an account on again."""
    from portal.commands import connections

    connections.switch(which, on=True)


@connection.command("remove")
def connection_remove(
    which: ConnectionName,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Remove an account and its secrets. Says first what becomes of its parcels."""
    from portal.commands import connections

    connections.remove(which, yes=yes)


@keys.command("rotate")
def keys_rotate(
    check: Annotated[bool, typer.Option("--check", help="change nothing; say how much there is to do")] = False,
) -> None:
    """Seal all secrets anew with DOORSTEP_SECRET_KEY, opening them with DOORSTEP_FURTHER_SECRET_KEYS.

    May be stopped and run again at any time, while everything runs. docs/settings.md has the order of steps.
    """
    from portal.commands import keys as work

    work.rotate(only_look=check)


def main() -> None:
    """The entry point: every failure is a line on stderr and an exit code, never a traceback."""
    from portal.commands.terminal import Stop

    try:
        app()
    except Stop as stop:
        _complain(*stop.lines)
        sys.exit(stop.code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at exit
        sys.exit(0)
    except Exception as error:
        if os.environ.get("DOORSTEP_TRACE"):
            raise
        _complain(*_words(error))
        sys.exit(1)


def _words(error: Exception) -> list[str]:
    """What went wrong, for an operator: settings fault by fault, the database's trouble without its statement."""
    from portal.settings import SettingsError

    if isinstance(error, SettingsError):
        return error.faults
    from portal.db import is_outage

    if is_outage(error):
        cause = str(getattr(error, "orig", error)).strip().splitlines()
        return [f"the database cannot be used: {cause[0] if cause else type(error).__name__}"]
    trace = "set DOORSTEP_TRACE=1 to see where"
    return [f"{type(error).__name__}: {' '.join(str(error).split())[:300]} ({trace})"]


def _complain(*lines: str) -> None:
    for line in lines:
        sys.stderr.write(f"doorstep: {line}\n")
