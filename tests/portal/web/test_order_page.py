"""The order page: every state says when, how sure, and what to do; to who may see it, and as text whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlmodel import Session

from portal.app import App
from portal.tables import Brand, HowTo, Order, OrderLine, Shipment, ShipmentItem
from portal.web.access import Trust
from portal.web.view_order import Page, Shelf, view
from tests.client import Client
from tests.conftest import Clock
from tests.portal.web.shopping import NOON, Tags, change, deliver, event, is_clean, look_up, open_by_link, story
from tests.world import World

BRAND = Brand(
    slug="juniper",
    name="Juniper",
    origin="",
    host="",
    theme={},
    support={"email": "help@juniper.example"},
    sender_name="",
    sender_email="",
    zone="Europe/London",
    return_address={},
    created_at=NOON,
)
TENT = SimpleNamespace(
    id=1, sku="TENT", title="Cairn 2 tent", variant="Moss", quantity=1, returned_quantity=0, tags=["camp"],
    picture="tent", ships=True,
)  # fmt: skip
ORDER = SimpleNamespace(
    id=1, public_id="abc", number="J-1001", ship_to={"name": "Ada Larch", "lines": ["14 Sandgate Row"],
    "city": "Keswick", "postcode": "CA12 5DJ", "country": "GB"}, currency="GBP", items_minor=32900,
    discount_minor=3290, shipping_minor=495, tax_minor=0, tax_included=True, total_minor=30105, refunded_minor=0,
    stage="shipped", cancelled_at=None, placed_at=NOON - timedelta(days=5), promised_from=date(2026, 11, 24),
    promised_to=date(2026, 11, 25), payment_hint="Visa ending 4242", has_email=True,
)  # fmt: skip
PARCEL: Mapping[str, Any] = {
    "id": 7, "public_id": "p7", "carrier": "northpost", "number": "NP447109260GB", "status": "in_transit",
    "sub_status": None, "window_from": date(2026, 11, 24), "window_to": date(2026, 11, 25), "delivered_on": None,
    "heard_at": NOON - timedelta(minutes=4), "error": "", "delay": "none", "created_at": NOON, "to_zone": "",
}  # fmt: skip


def parcel(**changes: Any) -> SimpleNamespace:
    return SimpleNamespace(**{**PARCEL, "story": story(), **changes})


def shown(*parcels: Any, order: Any = ORDER, trust: Trust = "link", **more: Any) -> dict[str, Any]:
    page = Page(order, parcels, [TENT], {row.id: [(1, 1)] for row in parcels}, **more)
    return view(page, brand=BRAND, trust=trust, now=NOON)


def test_on_its_way_says_when_and_why_it_thinks_so() -> None:
    hero = shown(parcel())["hero"]
    assert (hero["kick"], hero["date"]) == ("Arrives", "Tue 24 – Wed 25 Nov")
    assert hero["why"] == "This is the carrier’s own estimate."
    assert hero["sure"] == "", "nothing is said about the odds where nobody measured them"


def test_the_odds_are_said_in_words_where_they_are_known() -> None:
    window = {"from": "2026-11-24", "to": "2026-11-25", "why": "transit", "source": "", "likely": "likely"}
    assert shown(parcel(story=story(window=window)))["hero"]["sure"] == "Likely."


def test_of_two_parcels_the_first_leads_and_the_second_follows() -> None:
    later = parcel(id=8, window_from=date(2026, 11, 27), window_to=date(2026, 11, 30))
    values = shown(later, parcel())
    assert values["hero"]["kick"] == "First parcel arrives"
    assert values["hero"]["date"] == "Tue 24 – Wed 25 Nov"
    assert values["hero"]["also"] == "The next parcel follows: Fri 27 – Mon 30 Nov"


def test_before_any_parcel_the_promise_and_the_stage_are_shown() -> None:
    values = shown(order=SimpleNamespace(**{**vars(ORDER), "stage": "packed"}))
    assert (values["hero"]["kick"], values["hero"]["over"]) == ("Expected", "Packed")
    assert [state for state, _, _ in values["stage"]["steps"]] == ["done", "now", "todo", "todo", "todo"]
    assert values["waiting"][0][0] == "Cairn 2 tent"


@pytest.mark.parametrize("stage", ["placed", "confirmed", "picking", "packed", "awaiting_carrier", "partially_shipped"])
def test_every_stage_before_the_carrier_has_words(stage: str) -> None:
    order = SimpleNamespace(**{**vars(ORDER), "stage": stage, "promised_from": None})
    values = shown(order=order)
    assert values["hero"]["date"]
    assert values["stage"]["meaning"]


def test_a_late_parcel_strikes_the_old_date_and_says_what_happened() -> None:
    told = story(
        was={"from": "2026-11-24", "to": "2026-11-25"},
        delay={"state": "late", "cause": "weather", "since": None, "promised": "2026-11-25"},
    )
    late = parcel(delay="late", window_from=date(2026, 11, 27), window_to=date(2026, 11, 28), story=told)
    values = shown(late)
    assert values["hero"]["kick"] == "Running late. Now expected"
    assert values["hero"]["was"] == "Tue 24 – Wed 25 Nov"
    assert values["notes"][0]["cause"] == "Bad weather held it up."
    assert [state for state, _, _ in values["parcels"][0]["steps"]] == ["done", "done", "late", "todo", "todo"]


def test_a_late_parcel_without_a_new_date_invents_none() -> None:
    hero = shown(parcel(delay="late", window_from=None, window_to=None))["hero"]
    assert (hero["kick"], hero["date"], hero["why"]) == ("Running late", "No new date yet", "")


def test_silence_alone_is_not_called_late() -> None:
    values = shown(parcel(delay="stalled"))
    assert values["hero"]["kick"] == "No news for a while. Still expected"
    assert (values["parcels"][0]["chip"], values["parcels"][0]["eta"][0]) == ("No news", "Still expected")
    assert "late" not in {state for state, _, _ in values["parcels"][0]["steps"]}
    without = shown(parcel(delay="stalled", window_from=None, window_to=None))["hero"]
    assert (without["kick"], without["date"]) == ("No news for a while. Your parcel is", "On its way")


def test_what_is_left_of_a_window_is_shown_not_what_has_passed() -> None:
    values = shown(parcel(window_from=date(2026, 11, 21)))
    assert values["hero"]["date"] == values["parcels"][0]["eta"][1] == "Tue 24 – Wed 25 Nov"
    early = SimpleNamespace(**{**vars(ORDER), "promised_from": date(2026, 11, 21)})
    assert shown(order=early)["hero"]["date"] == "Tue 24 – Wed 25 Nov"


def test_today_is_where_the_parcel_goes() -> None:
    yesterday, tomorrow = date(2026, 11, 23), date(2026, 11, 25)
    far_west = parcel(to_zone="Pacific/Pago_Pago", window_from=yesterday, window_to=yesterday)  # 1 am of the 24th
    assert shown(far_west)["hero"]["kick"] == "Was expected"
    evening = NOON - timedelta(hours=2)  # 11 pm of the 23rd there
    page = Page(ORDER, [far_west], [TENT], {})
    hero = view(page, brand=BRAND, trust="link", now=evening)["hero"]
    assert (hero["kick"], hero["date"]) == ("Arrives", "Today")
    far_east = parcel(to_zone="Pacific/Kiritimati", window_from=tomorrow, window_to=tomorrow)
    assert shown(far_east)["hero"]["date"] == "Today"


@pytest.mark.parametrize(
    ("was", "kick"),
    [
        (None, "Held up. Still expected"),
        ({"from": "2026-11-23", "to": "2026-11-23"}, "Held up. Now expected"),
    ],
)
def test_what_is_held_up_is_late_only_against_an_older_date(was: dict[str, str] | None, kick: str) -> None:
    held = parcel(status="exception", sub_status="exception.weather", story=story(was=was))
    hero = shown(held)["hero"]
    assert (hero["kick"], hero["date"], hero["was"]) == (kick, "Tue 24 – Wed 25 Nov", "Mon 23 Nov" if was else "")


@pytest.mark.parametrize(
    ("status", "sub_status", "why"),
    [
        ("exception", "exception.address", "The address is incomplete"),
        ("exception", None, "Something stopped it. Somebody has to act before it moves on."),
        ("returning", None, "It could not be delivered and is on its way back to us."),
        ("returned", None, "It came back to us undelivered."),
    ],
)
def test_who_is_asked_to_get_in_touch_is_shown_how_and_told_once(status: str, sub_status: str | None, why: str) -> None:
    values = shown(parcel(status=status, sub_status=sub_status))
    (note,) = values["notes"]
    assert note["title"] == "What to do"
    assert note["advice"].startswith("Please")
    assert (values["hero"]["why"], values["parcels"][0]["advice"]) == (why, "")


def test_advice_that_leads_the_page_is_not_repeated_below() -> None:
    values = shown(parcel(status="available_for_pickup"), parcel(id=8, status="attempt_failed"))
    assert values["notes"] == []
    assert [row["advice"] != "" for row in values["parcels"]] == [False, True]


@pytest.mark.parametrize(
    ("status", "at", "name"),
    [
        ("available_for_pickup", 3, "Ready to collect"),
        ("attempt_failed", 3, "Delivery was tried"),
        ("exception", 2, "Held up"),
        ("returning", 2, "Going back"),
        ("returned", 2, "Back with us"),
    ],
)
def test_a_parcel_that_left_the_usual_way_is_not_told_to_be_on_it(status: str, at: int, name: str) -> None:
    steps = shown(parcel(status=status, story=story(step=at)))["parcels"][0]["steps"]
    assert steps[at][:2] == ("now", name)


def test_a_window_that_passed_is_not_shown_as_a_promise() -> None:
    old = parcel(window_from=date(2026, 11, 20), window_to=date(2026, 11, 21))
    values = shown(old)
    assert values["hero"]["kick"] == "Was expected"
    assert values["parcels"][0]["eta"][0] == "Was expected"


@pytest.mark.parametrize(
    ("status", "sub_status", "words"),
    [
        ("exception", "exception.address", "Held up"),
        ("exception", "exception.lost", "Lost on the way"),
        ("exception", None, "Held up"),
        ("attempt_failed", "attempt_failed.not_home", "Delivery was tried"),
        ("available_for_pickup", "available_for_pickup.at_locker", "Ready to collect"),
        ("returning", None, "Going back"),
        ("returned", None, "Back with us"),
        ("cancelled", None, "Cancelled"),
        ("expired", None, "No news for long"),
        ("pending", "pending.not_found", "Tue 24 – Wed 25 Nov"),
        ("a word of tomorrow", None, "Tue 24 – Wed 25 Nov"),
    ],
)
def test_every_kind_of_trouble_says_what_it_is_and_what_to_do(status: str, sub_status: str | None, words: str) -> None:
    values = shown(parcel(status=status, sub_status=sub_status))
    assert values["hero"]["date"] == words
    assert values["hero"]["why"]


def test_out_for_delivery_is_today() -> None:
    values = shown(parcel(status="out_for_delivery"))
    assert (values["hero"]["kick"], values["hero"]["date"]) == ("Out for delivery", "Today")
    assert values["hero"]["why"] == "It is on the vehicle that comes to you."
    assert values["parcels"][0]["eta"] == ("Arrives", "Today")


def test_a_delivery_round_of_yesterday_promises_nothing_for_today() -> None:
    told = story(step=3, reached=["2026-11-19", "2026-11-20", "2026-11-20", "2026-11-23", None])
    values = shown(parcel(status="out_for_delivery", story=told))
    assert (values["hero"]["kick"], values["hero"]["date"]) == ("Arrives", "Tue 24 – Wed 25 Nov")
    assert values["parcels"][0]["eta"] == ("Arrives", "Tue 24 – Wed 25 Nov")


def test_delivered_shows_the_day_the_place_and_the_way_back() -> None:
    told = story(step=5, pod={"place": "Left by the door", "by": "A LARCH"})
    here = parcel(status="delivered", delivered_on=date(2026, 11, 24), story=told)
    values = shown(here, shelf=Shelf(return_days=30))
    assert (values["hero"]["kick"], values["hero"]["date"]) == ("Delivered", "Today")
    assert values["back"] == {"until": "Thu 24 Dec", "longer": False, "is_open": True}
    assert values["parcels"][0]["proof"] == "Left by the door. Received by A LARCH"
    assert "A LARCH" not in str(shown(here, trust="status"))


def test_the_way_back_names_the_first_day_on_which_something_closes() -> None:
    came = [parcel(id=n, status="delivered", delivered_on=date(2026, 11, n)) for n in (1, 20, 24)]
    back = shown(*came, shelf=Shelf(return_days=14))["back"]
    assert back == {"until": "Fri 4 Dec", "longer": True, "is_open": True}
    last = shown(parcel(status="delivered", delivered_on=date(2026, 11, 10)), shelf=Shelf(return_days=14))
    assert last["back"]["until"] == "today", "a date inside a sentence"


def test_after_the_window_the_way_back_is_for_faults() -> None:
    here = parcel(status="delivered", delivered_on=date(2026, 10, 1))
    assert shown(here, shelf=Shelf(return_days=30))["back"]["is_open"] is False


def test_a_cancelled_order_says_so_first() -> None:
    order = SimpleNamespace(**{**vars(ORDER), "cancelled_at": NOON})
    assert shown(order=order)["hero"]["date"] == "Cancelled"
    announced = shown(parcel(status="info_received"), order=order)
    assert (announced["hero"]["date"], announced["waiting"]) == ("Cancelled", [])


def test_what_is_under_way_is_shown_although_the_order_was_cancelled() -> None:
    order = SimpleNamespace(**{**vars(ORDER), "cancelled_at": NOON})
    mug = SimpleNamespace(**{**vars(TENT), "id": 2, "title": "Mug"})
    page = Page(order, [parcel()], [TENT, mug], {7: [(1, 1)]})
    values = view(page, brand=BRAND, trust="link", now=NOON)
    assert (values["hero"]["kick"], values["waiting"]) == ("Arrives", []), "nothing follows a cancelled order"


def test_a_label_that_was_never_used_does_not_speak_for_the_order() -> None:
    unused, here = parcel(id=8, status="cancelled"), parcel(status="delivered", delivered_on=date(2026, 11, 23))
    hero = shown(unused, here)["hero"]
    assert (hero["kick"], hero["date"], hero["over"]) == ("Delivered", "Mon 23 Nov", "1 parcel")
    back = parcel(id=9, status="returned")
    assert shown(here, back)["hero"]["kick"] == "One parcel is"


def test_an_order_sent_without_tracking_is_where_the_shop_says() -> None:
    def stage(name: str) -> dict[str, Any]:
        order = SimpleNamespace(**{**vars(ORDER), "stage": name})
        return shown(order=order)

    assert [state for state, _, _ in stage("shipped")["stage"]["steps"]] == ["done", "done", "now", "todo", "todo"]
    arrived = stage("completed")
    assert {state for state, _, _ in arrived["stage"]["steps"]} == {"done"}
    assert (arrived["hero"]["date"], arrived["arrived"]) == ("Completed", True)
    assert arrived["back"] == {"until": "", "longer": False, "is_open": True}


def test_a_silent_carrier_is_named_with_the_age_of_what_is_known() -> None:
    values = shown(parcel(error="timeout", heard_at=NOON - timedelta(hours=9)))
    note = values["notes"][0]
    assert (note["carrier"], note["unit"], note["n"]) == ("Northpost", "hours", 9)
    assert shown(parcel(error="timeout"))["notes"] == [], "one failed poll is no silence"


def test_a_code_never_seen_is_shown_in_the_carriers_words_and_as_theirs() -> None:
    events = [event("2026-11-24T08:00:00", status=None, code="ZZ9", text="Overgedragen", offset=None)]
    values = shown(parcel(story=story(events=events)))["parcels"][0]
    assert values["days"][0][1][0][2:4] == ("Overgedragen", True)
    assert values["some_theirs"]
    assert values["latest"]["theirs"]


def test_times_stay_local_to_the_place_and_are_never_converted() -> None:
    events = [
        event("2026-11-24T08:00:00", offset=None),
        event("2026-11-23T21:45:00", offset="+09:00"),
        event("2026-11-22", date_only=True, offset=None),
    ]
    values = shown(parcel(story=story(events=events)))["parcels"][0]
    assert [(row[0], row[1]) for _, rows in values["days"] for row in rows] == [
        ("2026-11-24T08:00:00", "08:00"),
        ("2026-11-23T21:45:00+09:00", "21:45"),
        ("2026-11-22", ""),
    ]
    assert [name for name, _ in values["days"]] == ["Today", "Mon 23 Nov", "Sun 22 Nov"]
    assert values["some_zoneless"]


def test_a_parcel_nobody_has_told_about_yet_still_has_a_page() -> None:
    values = shown(parcel(status="pending", story={}, heard_at=None, window_from=None, window_to=None))
    assert values["parcels"][0]["latest"]["what"] == "The carrier has not scanned it yet."
    assert values["hero"]["date"] == "Waiting for the carrier"


def test_of_a_parcel_that_nobody_tells_about_nothing_is_claimed() -> None:
    nothing = {"window_from": None, "window_to": None, "heard_at": None, "status": "pending", "delay": "at_risk"}
    unheard = shown(parcel(**nothing, story=story(status="pending", events=[], latest=None, followed=False)))
    waiting = shown(parcel(**nothing, story=story(status="pending", events=[], latest=None, followed=True)))
    assert (unheard["hero"]["date"], waiting["hero"]["date"]) == ("Not tracked here", "Waiting for the carrier")
    assert "does not tell us" in unheard["hero"]["why"]
    assert unheard["parcels"][0]["chip"] == "Not tracked here"
    assert "scanned" not in unheard["parcels"][0]["latest"]["what"]


def test_an_unknown_carrier_keeps_the_name_that_the_shop_wrote() -> None:
    values = shown(parcel(carrier="Dorfpost Huber"))["parcels"][0]
    assert (values["carrier"], values["link"]) == ("Dorfpost Huber", "")


def test_what_is_in_no_parcel_yet_is_listed() -> None:
    mug = SimpleNamespace(**{**vars(TENT), "id": 2, "title": "Mug", "quantity": 2})
    page = Page(ORDER, [parcel()], [TENT, mug], {7: [(1, 1), (2, 1)]})
    values = view(page, brand=BRAND, trust="link", now=NOON)
    assert [(title, quantity) for title, _, quantity, _, _ in values["waiting"]] == [("Mug", 1)]


@pytest.mark.parametrize(
    ("trust", "seen", "hidden"),
    [
        ("link", ["14 Sandgate Row", "Ada Larch", "£301.05", "4242"], []),
        ("email", ["A. L.", "CA12", "£301.05"], ["Sandgate", "Larch", "5DJ"]),
        ("status", ["Keswick", "CA12"], ["Sandgate", "Larch", "5DJ", "£", "4242"]),
    ],
)
def test_each_way_in_shows_no_more_than_it_proves(trust: Trust, seen: list[str], hidden: list[str]) -> None:
    text = str(shown(parcel(), trust=trust))
    assert [word for word in seen if word not in text] == []
    assert [word for word in hidden if word in text] == []


def test_articles_are_those_for_what_was_bought() -> None:
    def article(slug: str, skus: set[str], tags: set[str]) -> dict[str, Any]:
        return {"slug": slug, "title": slug, "summary": "", "minutes": 2, "skus": skus, "tags": frozenset(tags)}

    shelf = Shelf(
        (article("by-sku", {"TENT"}, set()), article("by-tag", set(), {"camp"}), article("not", {"X"}, {"y"}))
    )
    assert [row[0] for row in shown(parcel(), shelf=shelf)["howto"]] == ["by-sku", "by-tag"]


def test_support_links_are_only_those_that_a_page_may_have() -> None:
    brand = Brand(**{**BRAND.model_dump(), "support": {"chat": "javascript:alert(1)", "phone": "0", "email": "a b@c"}})
    page = Page(ORDER, [parcel()], [TENT], {})
    assert view(page, brand=brand, trust="link", now=NOON)["help"] == []


def tell(app: App, world: World, **changes: Any) -> None:
    def write(tx: Session) -> None:
        row = tx.get_one(Shipment, world.shipments[0].id)
        for name, value in {"status": "in_transit", "story": story(), **changes}.items():
            setattr(row, name, value)

    change(app, write)


def test_ada_sees_her_order_and_its_articles(client: Client, app: App, world: World) -> None:
    tell(app, world)
    page = client.follow(look_up(client))
    is_clean(page.text)
    text = Tags(page.text).text
    for word in ("Cairn 2 tent", "Fell enamel mug", "Northpost", "NP447109260GB", "Left the sorting centre"):
        assert word in text
    assert "/how-to/pitch" in page.text
    assert "private, no-store" in page.headers["cache-control"]


@pytest.mark.parametrize("delay", ["none", "late"])
def test_the_page_names_the_ways_to_reach_us_once(client: Client, app: App, world: World, delay: str) -> None:
    tell(app, world, delay=delay)
    page = client.follow(look_up(client)).text
    assert page.count("mailto:help@juniper.example") == page.count("Every day, 8 am to 8 pm") == 1
    assert (page.count('id="help"'), page.count('href="#help"')) == (1, 1)
    assert ("Need a hand?" in page) is (delay == "none"), "bad news comes with the way out in the same place"


def test_no_link_leads_to_help_that_a_shop_does_not_give(client: Client, app: App, world: World) -> None:
    def silence(tx: Session) -> None:
        tx.get_one(Brand, world.juniper.id).support = {}

    change(app, silence)
    tell(app, world, delay="late")
    page = client.follow(look_up(client)).text
    assert "What happened" in page
    assert "#help" not in page


@pytest.mark.parametrize("who", ["nobody", "bo"])
def test_nobody_and_bo_are_sent_to_the_lookup(client: Client, app: App, world: World, who: str) -> None:
    host = "juniper.test"
    if who == "bo":
        host = "basalt.test"
        open_by_link(client, app, world.other_order, host=host)
    path = f"/orders/{world.order.public_id}"
    for page in (path, f"{path}/returns/new", f"{path}/returns/xyz", f"{path}/returns/xyz/label.pdf"):
        response = client.get(page, host=host)
        assert (response.status_code, response.headers["location"]) == (303, "/?expired=1")
    shipment = client.get(f"/api{path}/shipments/{world.shipments[0].public_id}", host=host)
    assert shipment.status_code == 404
    assert shipment.headers["content-type"] == "application/problem+json"
    for target in ("/link", "/returns/new", "/returns", "/returns/xyz/cancel"):
        response = client.post(path + target, {"go": "items"}, host=host)
        assert response.headers.get("location") == "/?expired=1"


def test_one_session_opens_one_order(client: Client, app: App, world: World) -> None:
    own = open_by_link(client, app, world.other_order, host="basalt.test")
    foreign = world.shipments[0].public_id
    assert client.get(f"/api{own}/shipments/{foreign}", host="basalt.test").status_code == 404
    assert client.get(f"/api{own}/shipments/{world.other_shipment.public_id}", host="basalt.test").status_code == 200


def test_a_session_ends(client: Client, world: World, clock: Clock) -> None:
    path = look_up(client).headers["location"]
    clock.forward(timedelta(hours=12, seconds=1))
    assert client.get(path).headers["location"] == "/?expired=1"


def test_a_shipment_as_json_is_its_stored_story(client: Client, app: App, world: World) -> None:
    tell(app, world)
    path = look_up(client).headers["location"]
    body = client.get(f"/api{path}/shipments/{world.shipments[0].public_id}").json()
    assert body["story"] == story()
    assert (body["carrier"], body["number"], body["status"]) == ("northpost", "NP447109260GB", "in_transit")


def test_the_signers_name_is_not_for_who_came_by_postcode(client: Client, app: App, world: World) -> None:
    deliver(app, world, NOON)
    path = look_up(client, who="CA12 5DJ").headers["location"]
    shipment = f"/api{path}/shipments/{world.shipments[0].public_id}"
    for text in (client.get(path).text, client.get(shipment).text):
        assert "LARCH" not in text
        assert "ada@example.test" not in text


def test_the_private_link_is_mailed_to_the_address_on_the_order(client: Client, app: App, world: World) -> None:
    path = look_up(client, who="CA12 5DJ").headers["location"]
    sent = client.submit(path, f"{path}/link", {})
    assert sent.headers["location"] == f"{path}?mailed=1"
    page = client.follow(sent)
    assert "mailed a private link" in page.text
    assert "ada@example.test" not in page.text


def test_no_link_is_promised_where_there_is_no_address_to_send_it_to(client: Client, app: App, world: World) -> None:
    def forget(tx: Session) -> None:
        tx.get_one(Order, world.order.id).email = ""

    path = look_up(client, who="CA12 5DJ").headers["location"]
    form = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    change(app, forget)
    for page in (client.get(path).text, client.get(f"{path}/returns/new").text):
        assert "there is no email address on this order" in page
        assert f'action="{path}/link"' not in page
        is_clean(page)
    refused = client.post(f"{path}/link", {"csrf": form[1] if form else ""})
    assert refused.status_code == 409
    assert "Nothing was sent." in refused.text


PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</textarea><svg onload=alert(1)>",
    "{{ 7*7 }}{% raw %}",
    "%(x)s %s %",
    "javascript:alert(1)",
    "\u202egnp.exe\u200b🙈" + "W" * 300,
)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_shops_and_carriers_write_is_text(client: Client, app: App, world: World, payload: str) -> None:
    def poison(tx: Session) -> None:
        order, brand = tx.get_one(Order, world.order.id), tx.get_one(Brand, world.juniper.id)
        order.number = order.payment_hint = payload
        order.ship_to = {"name": payload, "lines": [payload], "city": payload, "postcode": payload, "country": payload}
        brand.support = {"email": payload, "phone": payload, "hours": payload, "chat": payload, "reply_time": payload}
        brand.voice = {"hello": payload, "hello_sub": payload}
        brand.links = {"shop": payload, "privacy": payload}
        brand.name = payload
        for known in world.lines:
            line = tx.get_one(OrderLine, known.id)
            line.title = line.variant = line.picture = payload
        events = [event("2026-11-24T08:00:00", status=None, code=payload, text=payload, place=payload)]
        row = tx.get_one(Shipment, world.shipments[0].id)
        row.carrier = row.number = payload
        row.error, row.status = payload, "delivered"
        row.delivered_on = date(2026, 11, 24)
        row.story = story(events=events, pod={"place": payload, "by": payload})
        tx.add(
            HowTo(
                brand_id=order.brand_id,
                slug="x",
                title=payload,
                summary=payload,
                markdown=payload,
                skus=["MUG-350"],
                updated_at=NOON,
            )
        )

    change(app, poison)
    path = open_by_link(client, app, world.order)
    for page in ("/", path, f"{path}/returns/new?arrived=1", "/how-to/x"):
        response = client.get(page)
        assert response.status_code == 200, page
        is_clean(response.text)
        assert sum(1 for tag, _ in Tags(response.text).found if tag == "script") == 1


def test_articles_are_sanitised(client: Client, app: App, world: World) -> None:
    def write(tx: Session) -> None:
        source = (
            "# One\n\n<b onclick=x>raw</b> [a](javascript:alert(1)) [b](https://ok.example)\n\n"
            "![x](https://evil.example/p.png) ![y](/static/y.png)\n\n<script>alert(1)</script>"
        )
        tx.add(HowTo(brand_id=world.juniper.id or 0, slug="bad", title="Bad", markdown=source, updated_at=NOON))

    change(app, write)
    html = client.get("/how-to/bad").text
    is_clean(html)
    assert "evil.example" not in html
    assert 'href="https://ok.example"' in html
    assert 'src="/static/y.png"' in html
    assert client.get("/how-to/bad", host="basalt.test").status_code == 404


def test_a_line_in_two_parcels_is_counted_in_each(client: Client, app: App, world: World) -> None:
    def split(tx: Session) -> None:
        tx.add(ShipmentItem(shipment_id=world.shipments[0].id or 0, order_line_id=world.lines[1].id or 0, quantity=1))
        tx.get_one(ShipmentItem, (world.shipments[1].id, world.lines[1].id)).quantity = 1

    change(app, split)
    text = Tags(client.follow(look_up(client)).text).text
    assert text.count("Fell enamel mug") == 2
    assert "Not sent yet" not in text


def test_what_the_shop_added_by_hand_says_so_in_its_words_and_not_as_the_carriers() -> None:
    local, sub_status = "2026-11-24T09:32:00", "delivered.safe_place"
    happened = event(local, status="delivered", sub_status=sub_status, text="In the shed") | {"by_hand": True}
    remark = event(local, status=None, code="remark", text="Roadworks", place="") | {"by_hand": True}
    (p,) = shown(parcel(story=story(events=[remark, happened], latest=remark)))["parcels"]
    ((_, lines),) = p["days"]
    assert [(what, theirs) for _, _, what, theirs, _ in lines] == [
        ("Roadworks", False),
        (f"{lines[1][2].partition(':')[0]}: In the shed", False),
    ]
    assert lines[0][4] == "added by the shop"
    assert lines[1][4].endswith(", added by the shop")
    assert not p["some_theirs"]
    assert p["latest"]["what"] == "Roadworks"
