"""The accounts with carriers: connecting one, changing it, testing it, switching it off, removing it."""

from typing import Any

from portal.audit import record
from portal.connections import (
    MAX_NAME,
    change_connection,
    create_connection,
    faults_of,
    fields_of,
    remove_connection,
    switch,
)
from portal.keys import CannotDecrypt
from portal.refusal import Refusal
from portal.tables import Connection
from portal.tracking.trial import ask_for
from portal.web.answers import Go, View
from portal.web.console.accounts import (
    carrier_of,
    carriers,
    chosen_brand,
    connection_of,
    connection_view,
    connections,
    form,
    given_fields,
    leaving_view,
)
from portal.web.console.acts import declined
from portal.web.console.fields import form_text
from portal.web.console.frame import frame
from portal.web.console.said import after
from portal.web.console.scope import acting_agent, actor, reading_agent
from portal.web.edge import Ask, page

MAX_NUMBER = 60
LIST = "/console/connections"


@page("GET", "/console/connections", who=reading_agent)
def show_connections(ask: Ask) -> View:
    """The state of each, and the way to its own page."""
    return View("console/connections.html", {**frame(ask, "connections"), **connections(ask)})


@page("GET", "/console/carriers", who=reading_agent)
def show_carriers(ask: Ask) -> View:
    """What can be connected; `?q=` searches, `?can=` tracking, webhooks or labels filters."""
    return View("console/carriers.html", {**frame(ask, "connections"), **carriers(ask)})


@page("GET", "/console/carriers/{carrier}", who=reading_agent)
def new_connection(ask: Ask) -> View:
    """The fields of one carrier, empty."""
    return _form(ask, form(ask, carrier_of(ask)))


@page("POST", "/console/carriers/{carrier}", who=acting_agent)
def add_connection(ask: Ask) -> View | Go:
    """Makes it and asks for a test of it."""
    carrier = carrier_of(ask)
    given, name = given_fields(ask, carrier), form_text(ask, "name", 200)
    faults = faults_of(ask.app, carrier.about, given) | _name_faults(name)
    try:
        brand_id = chosen_brand(ask)
    except KeyError:
        faults["brand"] = "no_such_brand"
    if faults:
        return _form(ask, form(ask, carrier, given=given, faults=faults), 422)
    filled = {key: value for key, value in given.items() if value}
    row = create_connection(
        ask.tx,
        ask.app.keys,
        carrier=carrier.about.slug,
        name=name,
        brand_id=brand_id,
        fields=filled,
        now=ask.now,
    )
    _note(ask, "added", row)
    ask_for(ask.tx, row, "", ask.now)
    return after(ask, _path(row), "connection_added", name=row.name)


@page("GET", "/console/connections/{connection}", who=reading_agent)
def show_connection(ask: Ask) -> View:
    """Its state, its last test, its fields; secrets only by the day they were set on."""
    row = connection_of(ask)
    return _one(ask, row, form(ask, _carrier(row), row=row))


@page("POST", "/console/connections/{connection}", who=acting_agent)
def save_connection(ask: Ask) -> View | Go:
    """Changes it and asks for a test of it. A secret left empty stays; `forget-<field>` empties one."""
    row = connection_of(ask, lock=True)
    carrier = _carrier(row)
    given, name = given_fields(ask, carrier), form_text(ask, "name", 200)
    forget = {field.name for field in fields_of(carrier.about) if form_text(ask, f"forget-{field.name}", 9)}
    kept = set(row.secrets_set) - forget
    faults = faults_of(ask.app, carrier.about, given, kept) | _name_faults(name)
    if faults:
        return _one(ask, row, form(ask, carrier, row=row, given=given, faults=faults), 422)
    try:
        changed = change_connection(ask.tx, ask.app.keys, row, name=name, fields=given, forget=forget, now=ask.now)
    except CannotDecrypt:
        return declined(ask, "connections", _path(row), Refusal("secrets_locked", 409))
    if not changed:
        return after(ask, _path(row), "connection_same", name=row.name)
    _note(ask, "changed", row, fields=", ".join(changed))
    ask_for(ask.tx, row, "", ask.now)
    return after(ask, _path(row), "connection_changed", name=row.name)


@page("POST", "/console/connections/{connection}/test", who=acting_agent)
def test_connection(ask: Ask) -> Go:
    """Asks the worker to test it, with the tracking number of the form or one of the shop's own."""
    row = connection_of(ask, lock=True)
    ask_for(ask.tx, row, form_text(ask, "number", MAX_NUMBER), ask.now)
    _note(ask, "tested", row)
    return after(ask, f"{_path(row)}#test", "connection_tested", name=row.name)


@page("POST", "/console/connections/{connection}/switch", who=acting_agent)
def switch_connection(ask: Ask) -> Go:
    """`on` is yes or no: said by the button, so that two presses are one."""
    row = connection_of(ask, lock=True)
    on = form_text(ask, "on", 9) == "yes"
    if not switch(ask.tx, row, on):
        return after(ask, _path(row), "already")
    _note(ask, "enabled" if on else "disabled", row)
    return after(ask, _path(row), "connection_on" if on else "connection_off", name=row.name)


@page("GET", "/console/connections/{connection}/remove", who=reading_agent)
def show_removal(ask: Ask) -> View:
    """What would become of its parcels and brands, before anything does."""
    return View(
        "console/connection_remove.html", {**frame(ask, "connections"), **leaving_view(ask, connection_of(ask))}
    )


@page("POST", "/console/connections/{connection}/remove", who=acting_agent)
def remove(ask: Ask) -> View | Go:
    """Removes it and its secrets. Its parcels are locked before it, as everybody does."""
    row = connection_of(ask)
    try:
        told = remove_connection(ask.tx, row, ask.now)
    except Refusal as refusal:
        if refusal.code == "not_found":
            raise
        return declined(ask, "connections", _path(row), refusal)
    _note(ask, "removed", row, left_alone=told.left_alone)
    return after(ask, LIST, "connection_removed", name=row.name)


def _carrier(row: Connection) -> Any:
    from carriers.registry import all_carriers

    return all_carriers()[row.carrier]


def _form(ask: Ask, values: dict[str, Any], status: int = 200) -> View:
    return View("console/connection_new.html", {**frame(ask, "connections"), **values}, status)


def _one(ask: Ask, row: Connection, values: dict[str, Any], status: int = 200) -> View:
    return View("console/connection.html", {**frame(ask, "connections"), **connection_view(ask, row), **values}, status)


def _name_faults(name: str) -> dict[str, str]:
    if not name:
        return {"name": "missing"}
    return {"name": "too_long"} if len(name) > MAX_NAME else {}


def _path(row: Connection) -> str:
    return f"{LIST}/{row.public_id}"


def _note(ask: Ask, act: str, row: Connection, **facts: str | int) -> None:
    told: dict[str, Any] = {"carrier": row.carrier, "name": row.name, **facts}
    record(ask.tx, f"connection.{act}", actor(ask.who), ask.now, brand_id=row.brand_id, **told)
