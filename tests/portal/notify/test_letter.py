"""Every template, for every event, in a light and a dark brand, with words nobody would wish for."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.app import App
from portal.claim import claim
from portal.notify.contract import Message
from portal.notify.events import Event
from portal.notify.letter import WIDTH, wrap
from portal.notify.look import look_of
from portal.notify.send import _prepare
from portal.settings import root
from portal.tables import Brand, OrderLine, Outbox, Refund, ReturnCase, Shipment
from portal.theme.colours import contrast
from tests.portal.notify.scenes import queue
from tests.world import World

NIGHT = {"primary": "#c9a47a", "accent": "#e7d3b8", "font_pair": "cormorant", "radius": 0, "tone": "night"}
PAYLOADS = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    "{{ 7 * 7 }}{% raw %}",
    'Grüße & Söhne\'s "<b>"',
    "</style><style>*{display:none}",
    "--><a href=javascript:alert(1)>x</a>",
    "‮evil\r\nBcc: eve@example.test\u2028x",
    "שלום 你好 🏕️",
    "100 %(brand)s %d %",
    "x" * 400,
)


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest) -> str:
    """What is written does not depend on the kind of database: one is enough here."""
    return str(request.getfixturevalue(f"{request.param}_url"))


def written(app: App, world: World, event: Event, *, night: bool = False) -> Message:
    """Queues an event at one of the brands and writes its mail without sending it."""
    row_id = queue(app, world, event, other=night)
    return rewritten(app, row_id)


def rewritten(app: App, row_id: int) -> Message:
    with app.db.transaction() as tx:
        row = next(row for row in claim(tx, Outbox, app.now()) if row.id == row_id)
    prepared = _prepare(app, row)
    assert not isinstance(prepared, str), prepared
    return prepared[0]


def change(app: App, row: Any, **values: Any) -> None:
    with app.db.transaction() as tx:
        found = tx.get_one(type(row), row.id)
        for name, value in values.items():
            setattr(found, name, value)
        tx.add(found)
    app.brands.forget()


class Seen(HTMLParser):
    """Elements, attribute names and links of a page, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.links: list[str] = []
        self.words = ""
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes.update(name for name, _ in attrs)
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "background", "action"}]
        self._hidden += tag in {"style", "title"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"style", "title"}

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words += data + " "


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]{2,}", text))


@pytest.mark.parametrize("night", [False, True])
@pytest.mark.parametrize("event", list(Event))
def test_a_mail_is_whole_and_asks_nobody_else_for_anything(app: App, world: World, event: Event, night: bool) -> None:
    if night:
        change(app, world.basalt, theme=NIGHT)
    mail = written(app, world, event, night=night)
    page = Seen(mail.html)
    assert mail.html.startswith("<!DOCTYPE html>")
    assert page.elements["script"] == page.elements["img"] == page.elements["link"] == page.elements["form"] == 0
    assert not re.search(r"url\(|@import|expression\(|\{\{|\}\}|Undefined|None", mail.html)
    origin = world.basalt.origin if night else world.juniper.origin
    assert all(link.startswith((f"{origin}/t/", "https://")) for link in page.links)
    assert sum(link.startswith(f"{origin}/t/") for link in page.links) == 1
    assert len(mail.html) < 12_000  # Gmail cuts at 102 kB
    assert 10 < len(mail.subject) <= 78
    assert "prefers-color-scheme" in mail.html or night


@pytest.mark.parametrize("event", list(Event))
def test_the_answer_stands_in_the_first_lines(app: App, world: World, event: Event) -> None:
    mail = written(app, world, event)
    first = {
        Event.SHIPPED: "Tue 24 – Wed 25 Nov",
        Event.DELAYED: "Fri 27 – Sat 28 Nov",
        Event.OUT_FOR_DELIVERY: "Today, Tue 24 Nov",
        Event.DELIVERED: "Today, Tue 24 Nov",
        Event.RETURN_APPROVED: "Mon 7 Dec",
        Event.LABEL_ISSUED: "Mon 7 Dec",
        Event.RETURN_REJECTED: "Not accepted",
        Event.REFUND_SUBMITTED: "£13.05",
        Event.ORDER_LINK: "J-1001",
    }[event]
    assert first in mail.text.splitlines()[:6]
    assert first in mail.html


@pytest.mark.parametrize("event", list(Event))
def test_the_plain_twin_says_what_the_html_says(app: App, world: World, event: Event) -> None:
    mail = written(app, world, event)
    # The twins may differ in how they mark progress and show links, not in words.
    only_html = words_of(Seen(mail.html).words) - words_of(mail.text)
    assert only_html <= {"done", "now", "juniper", "example"}


@pytest.mark.parametrize("event", list(Event))
def test_plain_text_is_plain_and_narrow(app: App, world: World, event: Event) -> None:
    change(app, world.lines[0], title="Söhne & Töchter's <tent>", variant="12\" 'wide'")
    change(app, world.lines[1], title="Mugs & cups", variant="350 ml")
    mail = written(app, world, event)
    assert not re.search(r"&(amp|lt|gt|quot|#\d+);", mail.text + mail.subject)
    assert not re.search(r"</?(p|b|ul|li|div|span|a|br)\b", mail.text)
    assert all(len(line) <= WIDTH for line in mail.text.splitlines() if "://" not in line)
    assert "\n\n\n" not in mail.text
    assert "\n-- \n" in mail.text
    if event.about == "shipment":
        assert "Söhne & Töchter's <tent> (12\" 'wide')" in " ".join(mail.text.split())


@pytest.mark.parametrize("event", list(Event))
def test_words_from_outside_stay_words(app: App, world: World, event: Event) -> None:
    row_id = queue(app, world, event)
    with app.db.reading() as tx:
        row = tx.get_one(Outbox, row_id)
        case = tx.get(ReturnCase, row.return_id) if row.return_id else None
        shipment = tx.get_one(Shipment, world.shipments[0].id)
        tx.expunge_all()
    plain = Seen(rewritten_with(app, world, row_id, case, shipment, "ordinary"))
    for payload in PAYLOADS:
        hostile = Seen(rewritten_with(app, world, row_id, case, shipment, payload))
        assert hostile.elements == plain.elements, payload
        assert hostile.attributes == plain.attributes, payload
        assert len(hostile.links) == len(plain.links), payload
        assert "49" not in hostile.words, payload


def rewritten_with(app: App, world: World, row_id: int, case: ReturnCase | None, shipment: Shipment, word: str) -> str:
    """The HTML of a mail after every text that comes from outside became `word`."""
    change(app, world.juniper, name=word, sender_name=word, support={"hours": word, "phone": word, "address": word})
    change(app, world.order, number=word, ship_to={"name": word}, payment_hint=word)
    for line in world.lines:
        change(app, line, title=word, variant=word)
    story = {**shipment.story, "pod": {"place": word}, "was": None}
    change(app, shipment, carrier=word, story=story)
    if case:
        change(app, case, rma=word, reject_reason=word)
    with app.db.transaction() as tx:
        row = tx.get_one(Outbox, row_id)
        row.next_at = app.now()
        tx.add(row)
    mail = rewritten(app, row_id)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u2029\u202a-\u202e]", mail.text + mail.subject)
    assert "\nBcc:" not in mail.text
    return mail.html


def test_a_shopper_is_greeted_by_name_and_a_link_in_a_name_is_not_repeated(app: App, world: World) -> None:
    assert "Ada, your parcel has left us" in written(app, world, Event.SHIPPED).text
    change(app, world.other_order, ship_to={"name": "https://evil.example"})
    assert "evil" not in written(app, world, Event.SHIPPED, night=True).html


@pytest.mark.parametrize(("locale", "seen"), [("en_GB", 'lang="en-GB" dir="ltr"'), ("ar_EG", 'lang="ar-EG" dir="rtl"')])
def test_the_language_is_spelt_as_mail_programs_read_it(app: App, world: World, locale: str, seen: str) -> None:
    change(app, world.juniper, locale=locale)
    html = written(app, world, Event.SHIPPED).html
    assert f"<html {seen}" in html
    assert "_" not in html.partition('role="article"')[2].partition(">")[0]


def test_goods_that_follow_later_are_named(app: App, world: World) -> None:
    with app.db.transaction() as tx:
        line = OrderLine(
            order_id=world.order.id or 0, source_id="3", title="Ember gas stove", quantity=3, unit_price_minor=5
        )
        tx.add(line)
    text = written(app, world, Event.SHIPPED).text
    assert "* Not sent yet: Ember gas stove × 3" in text
    assert "The rest of your order follows as soon as it is packed." in " ".join(text.split())
    assert "* Parcel 2: Fell enamel mug (350 ml) × 2 (Waiting for the carrier)" in " ".join(text.split())


def test_a_long_order_is_cut_and_says_how_much_more(app: App, world: World) -> None:
    with app.db.transaction() as tx:
        for number in range(20):
            line = OrderLine(
                order_id=world.order.id or 0,
                source_id=f"x{number}",
                position=9,
                title=f"Peg {number:02}",
                quantity=1,
                unit_price_minor=5,
            )
            tx.add(line)
    text = " ".join(written(app, world, Event.SHIPPED).text.split())
    assert "Peg 11 and 8 more" in text


def test_a_delay_without_a_new_date_says_so(app: App, world: World) -> None:
    row_id = queue(app, world, Event.DELAYED)
    change(app, world.shipments[0], window_from=None, window_to=None)
    mail = rewritten(app, row_id)
    assert mail.subject == "Your Juniper parcel is running late"
    assert "There is no new date yet." in mail.text
    assert "It was expected Tue 24 – Wed 25 Nov:" in mail.text


def test_goodwill_without_a_return_names_no_return(app: App, world: World) -> None:
    row_id = queue(app, world, Event.REFUND_SUBMITTED)
    with app.db.transaction() as tx:
        row = tx.get_one(Outbox, row_id)
        row.return_id = None
        tx.add(row)
    text = rewritten(app, row_id).text
    assert "£13.05" in text
    assert "return" not in text.casefold()


def test_a_refund_smaller_than_planned_shows_no_lines_that_do_not_add_up(app: App, world: World) -> None:
    assert "Your share of the discount: −£1.45" in written(app, world, Event.REFUND_SUBMITTED).text
    row_id = queue(app, world, Event.REFUND_SUBMITTED, other=True)
    with app.db.transaction() as tx:
        refund = tx.get_one(Refund, 2)
        refund.amount_minor = 1000
        tx.add(refund)
    text = rewritten(app, row_id).text
    assert "£10.00" in text
    assert "£14.50" not in text


@pytest.mark.parametrize(
    ("event", "way"),
    [
        (Event.LABEL_ISSUED, ["Requested", "Approved", "Hand it in", "We receive and check it", "Refund"]),
        (Event.REFUND_SUBMITTED, ["Requested", "Approved", "Handed in", "Received", "Refunded"]),
    ],
)
def test_a_return_goes_the_way_that_its_page_names(app: App, world: World, event: Event, way: list[str]) -> None:
    steps = re.findall(r"^\[[a-z ]*\] +(.+)$", written(app, world, event).text, re.MULTILINE)
    assert steps == way


def test_store_credit_is_told_with_its_code(app: App, world: World) -> None:
    row_id = queue(app, world, Event.REFUND_SUBMITTED)
    with app.db.transaction() as tx:
        refund = tx.get_one(Refund, 1)
        case = tx.get_one(ReturnCase, refund.return_id)
        refund.method, case.credit_code = "store_credit", "C-ABCD-EFGH-JKMN"
        tx.add_all([refund, case])
    mail = rewritten(app, row_id)
    assert "Code C-ABCD-EFGH-JKMN" in mail.text
    assert mail.subject == "Your store credit: £13.05"


@pytest.mark.parametrize("theme", [{}, NIGHT, {"primary": "#ffd400", "accent": "#ff5ca8", "tone": "tint"}])
def test_every_pair_of_colours_in_a_mail_is_readable(theme: dict[str, Any]) -> None:
    look = look_of(Brand(theme=theme))  # type: ignore[call-arg]
    for colours in (look.c, look.dark):
        pairs = [("ink", "surface"), ("ink-2", "surface"), ("ink-2", "canvas"), ("ink", "canvas")]
        pairs += [("on-primary", "primary"), ("on-hero", "hero"), ("on-hero-2", "hero")]
        assert all(contrast(colours[fore], colours[ground]) >= 4.5 for fore, ground in pairs)


def test_every_event_has_its_three_templates_and_no_folder_is_left_over() -> None:
    folder = root() / "templates" / "mail"
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {event.folder for event in Event}
    for event in Event:
        assert {path.name for path in (folder / event.folder).iterdir()} == {"subject.txt", "body.txt", "body.html"}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=500))
def test_wrapping_keeps_every_word(text: str) -> None:
    wrapped = wrap(text)
    assert wrapped.split() == text.split()
    assert all(len(line) <= WIDTH or len(line.split()) <= 2 for line in wrapped.splitlines())


def test_an_order_in_another_brands_name_never_mixes(app: App, world: World) -> None:
    mail = written(app, world, Event.ORDER_LINK, night=True)
    assert "juniper" not in (mail.html + mail.text).casefold()
    assert mail.recipient == "bo@example.test"
