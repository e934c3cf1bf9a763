"""The label of a return: bought by a job at most once, drawn as a sheet, given back when the return is called off.

Each step is a state of the label's row, so that a crash anywhere repeats only the step it interrupted:
wanted -> buying -> bought -> ready; and void_wanted -> voided. A purchase always carries the case's own key, by which
the carrier recognises a repeat. From a carrier that does not, a purchase that began and did not end is never repeated:
its label is "unknown", and an agent decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row
from sqlmodel import Session, select

from carriers.address import Address
from carriers.contract import Item, LabelOrder, Labels
from carriers.contract import Label as BoughtLabel
from carriers.errors import BadCredentials, BadPayload, CarrierError, OutcomeUnknown, Refused
from carriers.http import Http
from carriers.registry import all_carriers
from portal.app import App
from portal.audit import SYSTEM, record
from portal.claim import claim, done, failed
from portal.crash import crashpoint
from portal.db import insert_once
from portal.links import make_link
from portal.returning.approve import drop_label, step, tell_label
from portal.returning.rows import items_of, swap_name
from portal.speech.dates import day
from portal.speech.languages import language_tag
from portal.speech.words import REASON
from portal.tables import Brand, Connection, Label, Order, OrderLine, ReturnCase, ReturnItem, Shipment
from portal.tables.columns import opaque_id
from portal.tracking.numbers import tracking_key
from returns.machine import State
from returns.pdf import PdfFailed
from returns.slip import CannotPrint, CarrierLabel, LabelArt, PackedItem, Sheet, Size

Line = Callable[[Connection], Http]
Draw = Callable[[Sheet], bytes]

LEASE = timedelta(seconds=120)
# A parcel must weigh something: the empty box, where no line says what it weighs.
BOX_GRAMS = 250
_OPEN = {State.APPROVED, State.LABEL_ISSUED, State.IN_TRANSIT}


class _Unsure(Exception):
    """A purchase may have been made, and asking again would tell nothing, or buy a second label."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One label with everything that its steps read."""

    label: Row[Any]
    case: ReturnCase
    brand: Brand
    order: Order
    items: list[tuple[ReturnItem, OrderLine]]
    connection: Connection


def work_due(app: App, line: Line, draw: Draw) -> int:
    """Takes the next steps of one due label; returns how many. `line` opens a connection, `draw` makes the PDF.

    One at a time: a label that waited behind the calls for others could outlive its lease, and be bought twice.
    """
    with app.db.transaction() as tx:
        due = claim(tx, Label, app.now(), limit=1, lease=LEASE)
    for label in due:
        _work(app, label, line, draw)
    return len(due)


def _work(app: App, label: Row[Any], line: Line, draw: Draw) -> None:
    job = _load(app, label)
    try:
        if label.state == "void_wanted":
            _void(app, job, line)
        elif State(job.case.status) not in _OPEN:
            _drop(app, job)
        elif label.state in {"wanted", "buying"}:
            if bought := _bought(app, job, line):
                _sheet(app, bought, draw)
        else:
            _sheet(app, job, draw)
    except (Refused, BadCredentials) as error:
        _refused(app, job, error)
    except CannotPrint as error:
        _fail(app, job, f"cannot print: {error}", final=True)
    except _Unsure as error:
        _unknown(app, job, str(error))
    except (CarrierError, PdfFailed) as error:
        _fail(app, job, f"{type(error).__name__}: {error}")


def _load(app: App, label: Row[Any]) -> _Job:
    with app.db.reading() as tx:
        case = tx.get_one(ReturnCase, label.return_id)
        order = tx.get_one(Order, case.order_id)
        brand = tx.get_one(Brand, case.brand_id)
        connection = tx.get_one(Connection, label.connection_id)
        return _Job(label, case, brand, order, items_of(tx, case), connection)


def _bought(app: App, job: _Job, line: Line) -> _Job | None:
    """Buys, then stores what was bought in one transaction with the return parcel that it makes.

    None where it was called off, or taken up by somebody else, since it was claimed.
    """
    with app.db.transaction() as tx:
        if _lock(tx, job).next_at != job.label.next_at:
            return None
        if job.label.state == "buying" and _resells(job):
            raise _Unsure("the purchase was cut off before its answer was kept")
        _set(tx, job, state="buying", carrier=job.connection.carrier)
    crashpoint("label.before_buy")
    bought = _purchase(app, job, line)
    crashpoint("label.after_buy")
    now = app.now()
    with app.db.transaction() as tx:
        row = _lock(tx, job)
        void = row.state == "void_wanted"  # called off while we were buying
        _set(
            tx,
            job,
            state="void_wanted" if void else "bought",
            carrier_ref=bought.ref,
            number=bought.number,
            service=bought.service,
            routing=bought.routing,
            format=bought.format,
            body=bought.body,
            code=bought.qr,
            code_text=bought.counter_code,
            customs=bought.customs,
            cost_minor=bought.cost_minor,
            currency=bought.currency,
            voidable_until=bought.voidable_until,
            bought_at=now,
            next_at=now if void else row.next_at,
        )
        if not void:
            _make_shipment(tx, app, job, bought)
            case = tx.get_one(ReturnCase, job.case.id)
            if State(case.status) is State.APPROVED:
                step(tx, case, "issue_label")
            facts = {"carrier": job.connection.carrier, "number": bought.number, "cost_minor": bought.cost_minor}
            record(
                tx,
                "label.bought",
                SYSTEM,
                now,
                brand_id=job.brand.id,
                order_id=job.order.id,
                return_id=case.id,
                **facts,
            )
    return _load(app, _again(app, job))


def _purchase(app: App, job: _Job, line: Line) -> BoughtLabel:
    """Raises _Unsure for an answer that cannot be read, and for one that is lost where asking again would buy again."""
    try:
        return _carrier(job).buy_label(line(job.connection), label_order(job.case, job.brand, job.order, job.items))
    except BadPayload as error:
        raise _Unsure(f"the answer to the purchase cannot be read: {error}") from None
    except OutcomeUnknown as error:
        if _resells(job):
            raise _Unsure(str(error)) from None
        raise
    except CarrierError as error:
        if error.retry and _resells(job):  # nothing was bought, and the next try must not take it for a lost answer
            with app.db.transaction() as tx:
                if _lock(tx, job).state == "buying":
                    _set(tx, job, state="wanted")
        raise


def _resells(job: _Job) -> bool:
    return all_carriers()[job.connection.carrier].about.resells


def _sheet(app: App, job: _Job, draw: Draw) -> None:
    """Draws the printed sheet, stores it, and tells the shopper: one transaction for the last two."""
    if job.label.state != "bought":
        return
    with app.db.transaction() as tx:
        link = make_link(tx, job.brand, job.order, app.now())
    now = app.now()
    pdf = draw(sheet_of(job.label, job.case, job.brand, job.order, job.items, link, now.date()))
    crashpoint("label.after_pdf")
    with app.db.transaction() as tx:
        if _lock(tx, job).state != "bought":
            return
        done(tx, Label, job.label.id, now, pdf=pdf, state="ready")
        case = tx.get_one(ReturnCase, job.case.id)
        deadline = case.deadline.isoformat() if case.deadline else ""
        facts = {"deadline": deadline, "carrier": job.label.carrier, "number": job.label.number}
        tell_label(tx, job.brand, case, now, facts)


def _void(app: App, job: _Job, line: Line) -> None:
    ref = job.label.carrier_ref
    if not ref:
        if _resells(job):
            raise Refused("whether the label was bought is not known, so there is nothing that could be given back")
        # Called off during a purchase whose answer we never saw: the same key finds it again, or sells it to be voided.
        order = label_order(job.case, job.brand, job.order, job.items)
        ref = _carrier(job).buy_label(line(job.connection), order).ref
    _carrier(job).void_label(line(job.connection), ref)
    now = app.now()
    with app.db.transaction() as tx:
        done(tx, Label, job.label.id, now, state="voided", carrier_ref=ref)
        _note(tx, job, "label.voided", now)


def _drop(app: App, job: _Job) -> None:
    """Nobody needs it any more, though it was not called off: the goods came without it."""
    with app.db.transaction() as tx:
        _lock(tx, job)
        drop_label(tx, job.case, app.now())


def _refused(app: App, job: _Job, error: CarrierError) -> None:
    """The carrier or our account says no: an agent's move, with the carrier's words."""
    with app.db.transaction() as tx:
        failed(tx, Label, job.label, app.now(), str(error), final=True)
        if job.label.state != "void_wanted":
            _set(tx, job, state="refused")
        act = "label.void_refused" if job.label.state == "void_wanted" else "label.refused"
        _note(tx, job, act, app.now(), text=str(error)[:300])


def _unknown(app: App, job: _Job, text: str) -> None:
    with app.db.transaction() as tx:
        _lock(tx, job)
        failed(tx, Label, job.label, app.now(), text, final=True)
        _set(tx, job, state="unknown")
        _note(tx, job, "label.unknown", app.now(), text=text[:300])


def _fail(app: App, job: _Job, text: str, *, final: bool = False) -> None:
    with app.db.transaction() as tx:
        if _lock(tx, job).state == "void_wanted" and job.label.state != "void_wanted":
            return  # called off meanwhile: that it is given back is due already, and has its own tries
        failed(tx, Label, job.label, app.now(), text, final=final)


def label_order(case: ReturnCase, brand: Brand, order: Order, items: list[tuple[ReturnItem, OrderLine]]) -> LabelOrder:
    """What the carrier is asked for: from the shopper to the warehouse, as a person would read the label."""
    grams = sum((line.grams or 0) * item.quantity for item, line in items)
    return LabelOrder(
        key=case.public_id,
        customer=address(order.ship_to, email=order.email),
        warehouse=address(brand.return_address),
        grams=grams + BOX_GRAMS,
        items=tuple(
            Item(line.title, item.quantity, line.unit_price_minor, order.currency, sku=line.sku) for item, line in items
        ),
        rma=case.rma,
    )


def sheet_of(
    label: Any,
    case: ReturnCase,
    brand: Brand,
    order: Order,
    items: list[tuple[ReturnItem, OrderLine]],
    link: str,
    today: date,
) -> Sheet:
    """The printed sheet: the carrier's label or our own, packing slip and steps."""
    carrier = all_carriers()[label.carrier].about.name
    home = address(brand.return_address)
    art: LabelArt | CarrierLabel = (
        LabelArt(carrier, label.service, label.number, address(order.ship_to), routing=label.routing)
        if label.format == "none"
        else CarrierLabel(carrier, label.number, label.format, label.body)
    )
    return Sheet(
        size=Size(brand.sheet),
        brand=brand.name,
        rma=case.rma,
        order=order.number,
        label=art,
        return_address=home,
        items=tuple(PackedItem(_title(line), item.quantity, _why(case, item, line)) for item, line in items),
        follow_url=link,
        deadline=day(case.deadline, brand.locale, today).rstrip(".") if case.deadline else "",
        contact=str(brand.support.get("email") or ""),
        lang=language_tag(brand.locale),
    )


def address(fields: dict[str, Any], *, email: str = "") -> Address:
    """A stored address as the carriers' value; missing fields are empty text."""
    lines = fields.get("lines") or []
    plain = {key: str(fields.get(key) or "") for key in ("name", "city", "postcode", "country", "region", "company")}
    made = Address(lines=tuple(str(line) for line in lines), phone=str(fields.get("phone") or ""), **plain)
    return replace(made, email=email or str(fields.get("email") or ""))


def _title(line: OrderLine) -> str:
    return f"{line.title}, {line.variant}" if line.variant else line.title


def _why(case: ReturnCase, item: ReturnItem, line: OrderLine) -> str:
    """What the dock should expect: the reason as the shopper gave it, and what goes out instead."""
    reason = REASON.get(item.reason, item.reason)
    instead = swap_name(case, item, line)
    return f"{reason}. Exchange for {instead}" if instead else reason


def _carrier(job: _Job) -> Labels:
    carrier = all_carriers()[job.connection.carrier]
    if not isinstance(carrier, Labels):
        raise Refused(f"{carrier.about.name} sells no labels here; choose another connection for return labels")
    return carrier


def _make_shipment(tx: Session, app: App, job: _Job, bought: BoughtLabel) -> None:
    now = app.now()
    values = Shipment(
        public_id=opaque_id(),
        brand_id=job.brand.id or 0,
        order_id=job.order.id or 0,
        return_id=job.case.id,
        connection_id=job.connection.id,
        carrier=job.connection.carrier,
        service=bought.service,
        number=bought.number,
        number_key=tracking_key(bought.number),
        direction="return",
        to_country=str(job.brand.return_address.get("country", "")),
        to_zone=job.brand.zone,
        status="info_received",
        sub_status="info_received.label_created",
        next_at=now,
        created_at=now,
        updated_at=now,
    ).model_dump(exclude={"id"})
    insert_once(tx, Shipment, values)


def _note(tx: Session, job: _Job, act: str, now: datetime, **facts: Any) -> None:
    ids = {"brand_id": job.brand.id, "order_id": job.order.id, "return_id": job.case.id}
    record(tx, act, SYSTEM, now, **ids, **facts)


def _set(tx: Session, job: _Job, **values: Any) -> None:
    label = tx.get_one(Label, job.label.id)
    for name, value in values.items():
        setattr(label, name, value)
    tx.flush()


def _lock(tx: Session, job: _Job) -> Label:
    """The case before its label, as whoever calls the return off: neither overlooks the other, or waits in a ring."""
    tx.exec(select(ReturnCase.id).where(ReturnCase.id == job.case.id).with_for_update(key_share=True)).one()
    return tx.exec(select(Label).where(Label.id == job.label.id).with_for_update(key_share=True)).one()


def _again(app: App, job: _Job) -> Row[Any]:
    columns = Label.__table__.c  # type: ignore[attr-defined]
    with app.db.reading() as tx:
        return tx.connection().execute(select(*columns).where(columns.id == job.label.id)).one()
