"""Labels: bought once, drawn, told, given back, whatever fails in between; against the simulated carrier's server."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import httpx
import pypdf
import pytest
from sqlmodel import select

from carriers.auth import MemoryTokens
from carriers.errors import OutcomeUnknown, Unavailable
from carriers.http import Http, open_client, open_http
from carriers.registry import all_carriers
from carriers.simulated.northpost_server import Server
from portal.app import App
from portal.audit import SHOPPER
from portal.claim import claim
from portal.returning import approve, follow, overdue
from portal.returning import label as module
from portal.returning.label import work_due
from portal.tables import Audit, Brand, Connection, Label, OrderLine, Outbox, ReturnCase, Shipment
from returns.pdf import PdfFailed, Press
from returns.slip import CannotPrint, Sheet
from tests.conftest import Clock
from tests.portal.returning.test_start import ask, begin
from tests.postgres import until_somebody_waits
from tests.world import World

KEY = "np_test_key"


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    with Press(1) as made:
        yield made


@pytest.fixture
def northpost() -> Iterator[Server]:
    with Server(api_key=KEY, day=timedelta(days=1)) as server:
        yield server


@pytest.fixture
def line(northpost: Server) -> Iterator[Callable[[Connection], Http]]:
    with open_client() as client:

        def opened(connection: Connection) -> Http:
            carrier = all_carriers()[connection.carrier]
            return open_http(
                carrier, client=client, credentials={"api_key": KEY}, tokens=MemoryTokens(), base=northpost.url
            )

        yield opened


def no_pdf(sheet: Sheet) -> bytes:
    return b"%PDF-1.7 " + sheet.rma.encode()


def never(_: Connection) -> Http:
    raise AssertionError("nothing may be asked of the carrier")


def losing_the_answer(line: Callable[[Connection], Http]) -> Callable[[Connection], Http]:
    """A line that breaks after the carrier has sold."""

    def opened(connection: Connection) -> Http:
        http = line(connection)

        def send(request: httpx.Request) -> httpx.Response:
            http.client.send(request).read()
            raise httpx.ReadError("the line broke after the carrier had sold")

        return Http(httpx.Client(transport=httpx.MockTransport(send)), http.base, http.auth, http.credentials)

    return opened


def never_drawn(_: Sheet) -> bytes:
    raise AssertionError("nothing may be drawn")


def the_label(app: App) -> Label:
    with app.db.reading() as tx:
        return tx.exec(select(Label)).one()


def test_an_approved_return_gets_its_label_by_itself(
    app: App, delivered: World, northpost: Server, line: Callable[[Connection], Http], press: Press
) -> None:
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted"), (1, 1, "too_small")))
    assert work_due(app, line, press.sheet) == 1
    label = the_label(app)
    assert (label.state, label.next_at, len(northpost.network.labels)) == ("ready", None, 1)
    text = pypdf.PdfReader(io.BytesIO(label.pdf)).pages[0].extract_text()
    assert case.rma in text
    assert "Cairn 2 tent" in text
    assert "Too small" in text
    with app.db.reading() as tx:
        parcel = tx.exec(select(Shipment).where(Shipment.direction == "return")).one()
        told = tx.exec(select(Outbox)).one()
        assert (parcel.number, parcel.return_id, parcel.status) == (label.number, case.id, "info_received")
        assert (told.event, told.facts["rma"]) == ("return.label_issued", case.rma)
        assert tx.get_one(ReturnCase, case.id).status == "label_issued"


def test_the_slip_names_what_goes_out_instead_as_people_call_it(
    app: App, delivered: World, northpost: Server, line: Callable[[Connection], Http]
) -> None:
    drawn: list[Sheet] = []

    def note(sheet: Sheet) -> bytes:
        drawn.append(sheet)
        return b"%PDF"

    wanted = ask(delivered, (0, 1, "wrong_colour_style"), resolution="exchange_variant", sku="TENT-2-SAND")
    begin(app, delivered, wanted)
    work_due(app, line, note)
    (item,) = drawn[0].items
    assert item.note.endswith("Exchange for Sand")


@pytest.mark.parametrize(("locale", "hand_in_by"), [("en-US", "Tue, Dec 8"), ("de_AT", "Di., 8. Dez")])
def test_the_sheet_has_its_dates_in_the_brands_language_however_that_is_spelt(
    app: App, delivered: World, line: Callable[[Connection], Http], locale: str, hand_in_by: str
) -> None:
    drawn: list[Sheet] = []

    def note(sheet: Sheet) -> bytes:
        drawn.append(sheet)
        return b"%PDF"

    with app.db.transaction() as tx:
        tx.get_one(Brand, delivered.juniper.id).locale = locale
    begin(app, delivered, ask(delivered, (0, 1, "too_small")))
    work_due(app, line, note)
    assert (drawn[0].deadline, drawn[0].lang) == (hand_in_by, locale.replace("_", "-"))


def test_nothing_is_due_once_it_is_ready(app: App, delivered: World, line: Callable[[Connection], Http]) -> None:
    begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    assert [work_due(app, line, no_pdf), work_due(app, line, no_pdf)] == [1, 0]


def test_an_answer_that_was_lost_costs_no_second_label(
    app: App, delivered: World, northpost: Server, line: Callable[[Connection], Http], clock: Clock
) -> None:
    begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    work_due(app, losing_the_answer(line), no_pdf)
    broken = the_label(app)
    assert (broken.state, len(northpost.network.labels)) == ("buying", 1)
    assert OutcomeUnknown.__name__ in broken.error
    clock.forward(timedelta(minutes=5))
    work_due(app, line, no_pdf)
    assert (the_label(app).state, len(northpost.network.labels)) == ("ready", 1)


def test_a_pdf_that_fails_is_drawn_again_without_buying_again(
    app: App, delivered: World, northpost: Server, line: Callable[[Connection], Http], clock: Clock
) -> None:
    begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))

    def jammed(_: Sheet) -> bytes:
        raise PdfFailed("out of paper")

    work_due(app, line, jammed)
    assert (the_label(app).state, the_label(app).error) == ("bought", "PdfFailed: out of paper")
    clock.forward(timedelta(minutes=5))
    work_due(app, line, no_pdf)
    assert (the_label(app).state, len(northpost.network.labels)) == ("ready", 1)


def test_a_refused_label_is_an_agents_move_with_the_carriers_words(
    app: App, delivered: World, line: Callable[[Connection], Http]
) -> None:
    with app.db.transaction() as tx:
        tx.get_one(OrderLine, delivered.lines[0].id).grams = 90_000
    begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    work_due(app, line, no_pdf)
    label = the_label(app)
    assert (label.state, label.next_at) == ("refused", None)
    assert "31500" in label.error


def test_a_carrier_that_is_down_is_asked_again_later(app: App, delivered: World, clock: Clock) -> None:
    begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))

    def dead(_: Connection) -> Http:
        raise Unavailable("connection refused")

    work_due(app, dead, no_pdf)
    label = the_label(app)
    assert label.next_at is not None
    assert label.next_at > clock.now
    assert label.dead_at is None


def test_a_return_called_off_gives_its_label_back(
    app: App, delivered: World, northpost: Server, line: Callable[[Connection], Http]
) -> None:
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    work_due(app, line, no_pdf)
    with app.db.transaction() as tx:
        approve.cancel(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), SHOPPER, app.now())
    work_due(app, line, no_pdf)
    assert the_label(app).state == "voided"
    assert [sold.voided for sold in northpost.network.labels.values()] == [True]


def test_a_return_called_off_while_the_label_is_bought_gives_it_back(
    app: App, delivered: World, northpost: Server, line: Callable[[Connection], Http]
) -> None:
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))

    def meanwhile(connection: Connection) -> Http:
        if not northpost.network.labels:
            with app.db.transaction() as tx:
                approve.cancel(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), SHOPPER, app.now())
        return line(connection)

    work_due(app, meanwhile, no_pdf)
    work_due(app, line, no_pdf)
    assert the_label(app).state == "voided"
    assert [sold.voided for sold in northpost.network.labels.values()] == [True]
    with app.db.reading() as tx:
        assert tx.exec(select(Shipment).where(Shipment.direction == "return")).all() == []


def test_a_return_called_off_just_before_the_purchase_buys_nothing(app: App, delivered: World) -> None:
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    with app.db.transaction() as tx:
        (claimed,) = claim(tx, Label, app.now())
    job = module._load(app, claimed)
    with app.db.transaction() as tx:
        approve.cancel(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), SHOPPER, app.now())
    assert module._bought(app, job, never) is None
    assert (the_label(app).state, the_label(app).next_at) == ("voided", None)


def test_a_return_called_off_while_its_sheet_is_drawn_is_told_of_no_label(
    app: App, delivered: World, northpost: Server, line: Callable[[Connection], Http]
) -> None:
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))

    def meanwhile(sheet: Sheet) -> bytes:
        with app.db.transaction() as tx:
            approve.cancel(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), SHOPPER, app.now())
        return no_pdf(sheet)

    work_due(app, line, meanwhile)
    assert the_label(app).state == "void_wanted"
    work_due(app, line, never_drawn)
    assert the_label(app).state == "voided"
    assert [sold.voided for sold in northpost.network.labels.values()] == [True]
    with app.db.reading() as tx:
        assert tx.exec(select(Outbox)).all() == []


@pytest.mark.parametrize("fault", [CannotPrint("no barcode holds this"), PdfFailed("the printer's process ended")])
def test_a_return_called_off_while_its_sheet_fails_gives_its_label_back(
    app: App, delivered: World, northpost: Server, line: Callable[[Connection], Http], fault: Exception
) -> None:
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))

    def meanwhile(_: Sheet) -> bytes:
        with app.db.transaction() as tx:
            approve.cancel(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), SHOPPER, app.now())
        raise fault

    work_due(app, line, meanwhile)
    work_due(app, line, never_drawn)
    assert the_label(app).state == "voided"
    assert [sold.voided for sold in northpost.network.labels.values()] == [True]


def test_a_label_whose_lease_ran_out_is_bought_by_who_claimed_it_next(
    app: App, delivered: World, line: Callable[[Connection], Http], clock: Clock
) -> None:
    begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    with app.db.transaction() as tx:
        (slow,) = claim(tx, Label, app.now(), lease=module.LEASE)
    clock.forward(module.LEASE)
    with app.db.transaction() as tx:
        (quick,) = claim(tx, Label, app.now(), lease=module.LEASE)
    module._work(app, slow, never, no_pdf)
    assert the_label(app).state == "wanted"
    module._work(app, quick, line, no_pdf)
    assert the_label(app).state == "ready"


def test_a_purchase_waits_for_who_is_calling_the_return_off(app: App, delivered: World) -> None:
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    if not app.db.is_postgres:
        pytest.skip("SQLite has one writer at a time")
    with app.db.transaction() as tx:
        (claimed,) = claim(tx, Label, app.now())
    job = module._load(app, claimed)
    with ThreadPoolExecutor(1) as pool:
        with app.db.transaction() as tx:
            approve.step(tx, tx.get_one(ReturnCase, case.id), "cancel", closed_at=app.now())
            buying = pool.submit(module._bought, app, job, never)
            until_somebody_waits(app.db)
            approve.drop_label(tx, tx.get_one(ReturnCase, case.id), app.now())
        assert buying.result() is None
    assert the_label(app).state == "voided"


def test_the_first_scan_moves_the_return_and_arrival_is_not_receipt(
    app: App, delivered: World, line: Callable[[Connection], Http]
) -> None:
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    work_due(app, line, no_pdf)
    for status in ("info_received", "in_transit", "delivered", "delivered"):
        with app.db.transaction() as tx:
            parcel = tx.exec(select(Shipment).where(Shipment.direction == "return")).one()
            parcel.status = status
            follow.followed(tx, parcel, app.now())
    with app.db.reading() as tx:
        assert tx.get_one(ReturnCase, case.id).status == "in_transit"


def test_a_return_that_is_never_sent_expires_after_its_grace(
    app: App, delivered: World, line: Callable[[Connection], Http], clock: Clock
) -> None:
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    work_due(app, line, no_pdf)
    clock.forward(timedelta(days=21))
    assert overdue.expire_overdue(app) == 0
    clock.forward(timedelta(days=1))
    assert overdue.expire_overdue(app) == 1
    assert overdue.expire_overdue(app) == 0
    with app.db.reading() as tx:
        assert tx.get_one(ReturnCase, case.id).status == "expired"
        assert tx.get_one(OrderLine, delivered.lines[0].id).returned_quantity == 0
    assert the_label(app).state == "void_wanted"


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Northpost, as one of those carriers that do not recognise a repeat."""
    carrier = all_carriers()["northpost"]
    monkeypatch.setattr(type(carrier), "about", replace(carrier.about, resells=True))


@pytest.mark.usefixtures("forgetful")
def test_a_purchase_that_may_have_been_made_is_an_agents_question_where_a_repeat_would_buy_again(
    app: App, delivered: World, northpost: Server, line: Callable[[Connection], Http], clock: Clock
) -> None:
    begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    work_due(app, losing_the_answer(line), no_pdf)
    label = the_label(app)
    assert (label.state, label.error, label.next_at) == ("unknown", "ReadError", None)
    clock.forward(timedelta(hours=3))
    assert work_due(app, line, no_pdf) == 0
    assert len(northpost.network.labels) == 1
    with app.db.reading() as tx:
        assert [row.act for row in tx.exec(select(Audit).where(Audit.act == "label.unknown"))] == ["label.unknown"]


def test_an_answer_to_a_purchase_that_cannot_be_read_is_an_agents_question(
    app: App, delivered: World, northpost: Server, line: Callable[[Connection], Http]
) -> None:
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))

    def garbled(connection: Connection) -> Http:
        http = line(connection)
        answers = httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(b"<html>")))
        return Http(httpx.Client(transport=answers), http.base, http.auth, http.credentials)

    work_due(app, garbled, no_pdf)
    label = the_label(app)
    assert (label.state, label.next_at) == ("unknown", None)
    assert "cannot be read" in label.error
    with app.db.transaction() as tx:
        approve.cancel(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), SHOPPER, app.now())
    work_due(app, line, no_pdf)
    assert (the_label(app).state, the_label(app).dead_at) == ("voided", None)
    assert [sold.voided for sold in northpost.network.labels.values()] == [True]


@pytest.mark.usefixtures("forgetful")
def test_what_was_certainly_not_bought_is_bought_later_also_there(
    app: App, delivered: World, northpost: Server, line: Callable[[Connection], Http], clock: Clock
) -> None:
    begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))

    def dead(_: Connection) -> Http:
        raise Unavailable("connection refused")

    work_due(app, dead, no_pdf)
    assert the_label(app).state == "wanted"
    clock.forward(timedelta(minutes=5))
    work_due(app, line, no_pdf)
    assert (the_label(app).state, len(northpost.network.labels)) == ("ready", 1)


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("called_off", [False, True])
def test_a_purchase_that_a_crash_cut_off_is_not_repeated_there(app: App, delivered: World, called_off: bool) -> None:
    case = begin(app, delivered, ask(delivered, (0, 1, "no_longer_wanted")))
    with app.db.transaction() as tx:
        tx.exec(select(Label)).one().state = "buying"
    if called_off:
        with app.db.transaction() as tx:
            approve.cancel(tx, delivered.juniper, tx.get_one(ReturnCase, case.id), SHOPPER, app.now())
    work_due(app, never, no_pdf)
    label = the_label(app)
    assert (label.state, label.next_at) == ("void_wanted" if called_off else "unknown", None)
    assert label.dead_at is not None
