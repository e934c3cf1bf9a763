"""Each order source against its documented shape, against hostile files, and against recorded payloads."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.shops.contract import Draft, RowFault, all_sources
from portal.shops.products import read_products
from portal.shops.reading import clean
from portal.shops.sources import csv as spreadsheet

ZONE = ZoneInfo("Europe/Berlin")


def read(source: str, value: Any) -> list[Draft | RowFault]:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return list(all_sources()[source].read(body, ZONE))


def one(source: str, value: Any) -> Draft:
    (found,) = read(source, value)
    assert isinstance(found, Draft), found
    return found


def fault(source: str, value: Any) -> RowFault:
    (found,) = read(source, value)
    assert isinstance(found, RowFault), found
    return found


SHOPIFY: dict[str, Any] = {
    "id": 5001,
    "name": "#1042",
    "order_number": 1042,
    "email": "robin@example.test",
    "created_at": "2026-11-19T09:12:00+01:00",
    "processed_at": "2026-11-19T09:11:30+01:00",
    "currency": "EUR",
    "presentment_currency": "USD",
    "taxes_included": True,
    "total_price": "46.81",
    "total_tax": "7.47",
    "total_discounts": "5.09",
    "financial_status": "partially_refunded",
    "fulfillment_status": "partial",
    "payment_gateway_names": ["shopify_payments"],
    "line_items": [
        {
            "id": 1,
            "title": "Fell enamel mug",
            "variant_title": "350 ml",
            "sku": "MUG-350",
            "quantity": 3,
            "current_quantity": 2,
            "price": "14.00",
            "grams": 310,
            "discount_allocations": [{"amount": "4.20"}, {"amount": "0.89"}],
            "tax_lines": [{"price": 5.9, "rate": 0.19}],
            "requires_shipping": True,
        },
        {"id": 2, "title": "Gift card", "quantity": 1, "price": "5.00", "gift_card": True, "tax_lines": []},
    ],
    "shipping_lines": [{"price": "4.90", "discounted_price": "4.90", "tax_lines": [{"price": "0.78"}]}],
    "refunds": [
        {
            "refund_line_items": [{"line_item_id": 1, "quantity": 1}],
            "transactions": [
                {"kind": "refund", "status": "success", "amount": "12.30"},
                {"kind": "refund", "status": "failure", "amount": "99.00"},
            ],
        }
    ],
    "fulfillments": [
        {
            "id": 71,
            "status": "success",
            "tracking_company": "UPS",
            "tracking_numbers": ["1Z999AA10123456784"],
            "created_at": "2026-11-20T17:05:00+01:00",
            "line_items": [{"id": 1, "quantity": 2}],
        },
        {"id": 72, "status": "success", "tracking_company": "DHL", "tracking_numbers": ["A1", "A2"], "line_items": []},
        {"id": 73, "status": "cancelled", "tracking_number": "GONE"},
    ],
    "shipping_address": {"name": "Robin Doe", "address1": "1 Row", "city": "Ulm", "zip": "89073", "country_code": "DE"},
}


def test_a_shopify_order_in_the_shops_currency() -> None:
    order = one("shopify", SHOPIFY)
    assert (order.number, order.source_id, order.currency, order.stage) == ("#1042", "5001", "EUR", "partially_shipped")
    assert order.placed_at.isoformat() == "2026-11-19T08:11:30+00:00"
    assert (order.total_minor, order.captured_minor, order.refunded_minor) == (4681, 4681, 1230)
    assert (order.items_minor, order.discount_minor, order.shipping_minor, order.tax_minor) == (4700, 509, 490, 747)
    assert order.items_minor - order.discount_minor + order.shipping_minor == order.total_minor
    mug, card = order.lines
    assert (mug.quantity, mug.returned_quantity, mug.discount_minor, mug.tax_minor, mug.grams) == (3, 1, 509, 590, 310)
    assert (mug.ships, card.ships) == (True, False)


def test_every_shopify_tracking_number_is_a_parcel_and_contents_only_where_told() -> None:
    ups, *dhl = one("shopify", SHOPIFY).parcels
    assert (ups.carrier, ups.number, dict(ups.items)) == ("UPS", "1Z999AA10123456784", {"1": 2})
    assert [(p.carrier, p.number, dict(p.items)) for p in dhl] == [("DHL", "A1", {}), ("DHL", "A2", {})]


def test_shopify_files_come_in_five_wrappings() -> None:
    line = json.dumps(SHOPIFY)
    for body in (line, f'{{"order": {line}}}', f'{{"orders": [{line}]}}', f"[{line}]", f"\ufeff{line}\n"):
        assert one("shopify", body.encode()).number == "#1042"
    assert [getattr(d, "line", 0) for d in read("shopify", f"{line}\n\n{line}\n".encode())] == [1, 3]


def test_a_shopify_discount_of_the_whole_order_is_shared_out_without_losing_a_cent() -> None:
    lines = [{"id": n, "title": "x", "quantity": 1, "price": "10.00"} for n in range(3)]
    order = one("shopify", SHOPIFY | {"line_items": lines, "total_discounts": "10.00"})
    assert [line.discount_minor for line in order.lines] == [334, 333, 333]


def test_shopify_money_that_was_never_paid_is_not_captured() -> None:
    for status in ("pending", "authorized", "voided"):
        assert one("shopify", SHOPIFY | {"financial_status": status}).captured_minor == 0


def test_other_shopify_things_are_named() -> None:
    assert "draft order" in fault("shopify", {"draft_order": {"id": 1, "line_items": []}}).reason
    assert "refund" in fault("shopify", {"refund": {"id": 1}}).reason
    assert "no line_items" in fault("shopify", {"id": 1, "code": "x"}).reason


WOO: dict[str, Any] = {
    "id": 727,
    "number": "727",
    "status": "completed",
    "currency": "EUR",
    "date_created": "2026-11-19T10:00:00",
    "date_created_gmt": "2026-11-19T09:00:00",
    "date_paid_gmt": None,
    "prices_include_tax": True,
    "total": "28.90",
    "total_tax": "4.61",
    "shipping_total": "4.12",
    "shipping_tax": "0.78",
    "payment_method_title": "Credit card &amp; co",
    "billing": {"first_name": "Robin", "last_name": "Doe", "email": "robin@example.test", "postcode": "89073"},
    "shipping": {"first_name": "", "last_name": "", "address_1": "", "country": ""},
    "line_items": [
        {
            "id": 1,
            "name": "Mug &ndash; blue",
            "quantity": 3,
            "subtotal": "20.168067",
            "subtotal_tax": "3.831933",
            "total": "20.168067",
            "total_tax": "3.831933",
            "sku": "MUG",
            "price": 6.722689,
        }
    ],
    "fee_lines": [{"id": 4, "name": "Wrapping", "total": "1.50", "total_tax": "0.00"}],
    "meta_data": [
        {
            "key": "_wc_shipment_tracking_items",
            "value": [
                {"tracking_provider": "fedex", "tracking_number": "4400 1111 2222", "date_shipped": "1795132800"},
                {"custom_tracking_provider": "Hollin &amp; Sons", "tracking_number": "H1"},
            ],
        }
    ],
    "refunds": [{"id": 9, "reason": "", "total": "-10.00"}],
}


def test_a_woocommerce_order_costs_what_the_shopper_saw() -> None:
    order = one("woocommerce", WOO)
    mug, fee = order.lines
    assert (mug.title, mug.quantity, mug.unit_price_minor, mug.discount_minor) == ("Mug – blue", 3, 800, 0)
    assert (fee.title, fee.unit_price_minor, fee.ships) == ("Wrapping", 150, False)
    assert (order.tax_included, order.shipping_minor, order.payment_hint) == (True, 490, "Credit card & co")
    assert (order.stage, order.captured_minor, order.refunded_minor) == ("shipped", 2890, 1000)
    assert order.placed_at.isoformat() == "2026-11-19T09:00:00+00:00"


def test_odd_cents_of_a_woocommerce_line_go_into_its_discount() -> None:
    item = WOO["line_items"][0] | {"subtotal": "10.00", "subtotal_tax": "0", "total": "10.00", "total_tax": "0"}
    line = one("woocommerce", WOO | {"line_items": [item]}).lines[0]
    assert line.unit_price_minor * line.quantity - line.discount_minor == 1000


def test_woocommerce_tracking_plugins_are_read() -> None:
    fedex, other = one("woocommerce", WOO).parcels
    assert (fedex.carrier, fedex.number, str(fedex.shipped_on)) == ("fedex", "4400 1111 2222", "2026-11-20")
    assert (other.carrier, other.number) == ("Hollin & Sons", "H1")


def test_a_woocommerce_time_without_its_gmt_twin_is_in_the_brands_zone() -> None:
    order = one("woocommerce", WOO | {"date_created_gmt": None})
    assert order.placed_at.isoformat() == "2026-11-19T09:00:00+00:00"


@pytest.mark.parametrize("status", ["auto-draft", "draft", "checkout-draft", "trash"])
def test_what_was_never_placed_is_refused_as_that(status: str) -> None:
    assert status in fault("woocommerce", WOO | {"status": status}).reason


def test_goods_sold_by_measure_are_one_piece() -> None:
    item = WOO["line_items"][0] | {"quantity": 1.5}
    order = one("woocommerce", WOO | {"line_items": [item]})
    assert (order.lines[0].quantity, order.lines[0].variant) == (1, "1.5 ×")
    assert order.remarks


def test_the_csv_template_is_an_order() -> None:
    order = one("csv", spreadsheet.template().encode())
    assert (order.number, order.items_minor, order.shipping_minor, order.total_minor) == ("1001", 2900, 490, 3390)


CSV = "order_number;placed_at;currency;email;sku;title;quantity;unit_price;carrier;tracking_number\n"


def test_rows_of_one_order_are_gathered_and_dates_read_in_the_brands_zone() -> None:
    rows = (
        CSV + "7;2026-11-20T10:00;EUR;a@b.test;A;Mug;2;14.50;UPS;1Z1\n"
        "8;2026-11-20;EUR;;B;Tent;1;329.00;;\n7;;;;C;Peg;6;3.00;UPS;1Z1\n"
    )
    seven, eight = (d for d in read("csv", rows.encode()) if isinstance(d, Draft))
    assert [(line.sku, line.quantity) for line in seven.lines] == [("A", 2), ("C", 6)]
    assert [dict(p.items) for p in seven.parcels] == [{"row-1": 2, "row-2": 6}]
    assert seven.placed_at.isoformat() == "2026-11-20T09:00:00+00:00"
    assert eight.placed_at.isoformat() == "2026-11-19T23:00:00+00:00"


def test_a_bad_csv_row_names_its_line_and_leaves_its_order_out() -> None:
    rows = (
        CSV
        + '7;2026-11-20;EUR;;A;"two\nlines";1;1.00;;\n8;2026-11-20;EUR;;B;x;1.5;1.00;;\n9;2026-11-20;EUR;;C;y;1;1;;\n'
    )
    seven, wrong, nine = read("csv", rows.encode())
    assert isinstance(seven, Draft)
    assert isinstance(nine, Draft)
    assert isinstance(wrong, RowFault)
    assert (wrong.line, "quantity is '1.5'" in wrong.reason, "order 8 is left out" in wrong.reason) == (4, True, True)


def test_a_csv_field_of_any_length_costs_its_own_order_only() -> None:
    rows = CSV + f'7;2026-11-20;EUR;;A;"{"x" * 300_000}";1;1.00;;\n8;2026-11-20;EUR;;B;x;1;1.00;;\n'
    seven, eight = read("csv", rows.encode())
    assert isinstance(seven, RowFault)
    assert (seven.line, seven.reason) == (2, "title has more than 20,000 characters; order 7 is left out")
    assert isinstance(eight, Draft)


def test_reading_a_short_csv_file_leaves_others_in_the_process_their_long_fields() -> None:
    fault("csv", b"a,b\n1,2\n")
    (row,) = csv.reader(["x" * 100_000])
    assert len(row[0]) == 100_000


def test_where_a_csv_file_breaks_off_the_order_before_is_left_out_too() -> None:
    rows = CSV + '7;2026-11-20;EUR;;A;x;1;1.00;;\n8;2026-11-20;EUR;;B;x;1;1.00;;\n8;;;;C;"cut short'
    seven, eight, rest = read("csv", rows.encode())
    assert isinstance(seven, Draft)
    assert isinstance(eight, RowFault)
    assert eight.reason == "it may go on at line 4, which cannot be read; order 8 is left out"
    assert isinstance(rest, RowFault)
    assert (rest.line, "nothing from here on was read" in rest.reason) == (4, True)


def test_a_csv_header_says_what_it_lacks() -> None:
    assert "lacks order_number" in fault("csv", b"a,b\n1,2\n").reason
    assert "unknown columns: colour" in fault("csv", (CSV.strip() + ";colour\n").encode()).reason
    assert "empty" in fault("csv", b"").reason
    assert "UTF-8" in fault("csv", "order_number;Größe\n".encode("latin-1")).reason


def test_our_json_tells_every_typing_error() -> None:
    wrong = {"number": "1", "placed_at": "2026-11-20", "currency": "EUR", "colour": 1, "lines": [{"quantity": 1.5}]}
    reason = fault("json", wrong).reason
    assert "colour is not a field" in reason
    assert "lines.1.quantity" in reason


def test_a_list_that_breaks_off_keeps_what_came_before() -> None:
    found = read("shopify", f"[{json.dumps(SHOPIFY)},\n{{".encode())
    assert isinstance(found[0], Draft)
    assert isinstance(found[1], RowFault)
    assert found[1].line == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[",
        b"{}",
        b"null",
        b"[[[[",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"<html>",
        b"NaN",
        b"1" * 5000,
    ],
    ids=lambda body: repr(body[:8]),
)
@pytest.mark.parametrize("source", ["shopify", "woocommerce", "json", "csv"])
def test_files_that_are_none_are_faults_and_nothing_else(source: str, body: bytes) -> None:
    found = read(source, body)
    assert found
    assert all(isinstance(item, RowFault) and item.reason for item in found)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(SHOPIFY)), st.sampled_from(sorted(WOO)), _VALUES)
def test_no_value_anywhere_is_a_crash(shopify_key: str, woo_key: str, value: Any) -> None:
    read("shopify", SHOPIFY | {shopify_key: value})
    read("woocommerce", WOO | {woo_key: value})
    for key in SHOPIFY["line_items"][0]:
        read("shopify", SHOPIFY | {"line_items": [SHOPIFY["line_items"][0] | {key: value}]})
    for part in ("fulfillments", "refunds"):
        for key in SHOPIFY[part][0]:
            read("shopify", SHOPIFY | {part: [SHOPIFY[part][0] | {key: value}]})
    for key in WOO["line_items"][0]:
        read("woocommerce", WOO | {"line_items": [WOO["line_items"][0] | {key: value}]})


@given(st.binary(max_size=200))
def test_no_bytes_are_a_crash(body: bytes) -> None:
    for source in all_sources():
        read(source, body)
    list(read_products(body))


def test_text_keeps_names_and_drops_disguises() -> None:
    assert clean("  Zoë\u0000\u202e  \ud800Ó Brien ") == "Zoë Ó Brien"
    assert clean(Decimal("1E+3")) == "1000"
    assert clean({"a": 1}) == ""


def test_products_say_what_is_wrong_with_a_row() -> None:
    good, bad = read_products(b"sku,title,price,currency,stock\nA,Mug,1.50,EUR,\nB,Mug,1.50,EUR,many\n")
    assert not isinstance(good, RowFault)
    assert isinstance(bad, RowFault)
    assert (bad.line, "stock" in bad.reason) == (3, True)


# What is no order among the recorded payloads, and the words that make the refusal true.
_NO_ORDERS = {
    "go_shopify-fulfillment_order": "fulfillment order",
    "go_shopify-orderlineitems-properties_object": "no line_items",
    "go_shopify-shippinglines-requested_fulfillment_service_id_invalid": "not JSON",
    "go_shopify-shippinglines-requested_fulfillment_service_id_null": "no line_items",
    "go_shopify-shippinglines-requested_fulfillment_service_id_number": "no line_items",
    "shopify_python-draft_order_completed": "draft order",
    "shopify_python-fulfillment_event": "fulfillment event",
    "shopify_python-fulfillment_service": "fulfillment service",
    "restdocs-order-refunds-1": "refund",
    "restdocs-order-refunds-3": "refund",
    "restdocs-webhooks-1": "webhook",
    "woo_ios-broken-order": "status is draft",
    "woo_ios-order-auto-draft-status": "status is auto-draft",
    "woo_ios-shipping-label-print": "shipping label",
    "woo_ios-shipping-label-purchase-success": "shipping label",
}


@pytest.mark.corpus
@pytest.mark.parametrize("source", ["shopify", "woocommerce"])
def test_every_recorded_order_is_taken_and_what_is_none_is_refused_as_that(source: str, corpus: Path) -> None:
    for path in sorted((corpus / "corpus" / "payloads" / source).glob("*.json")):
        raw = json.loads(path.read_text(encoding="utf-8"))["raw"]
        found = read(source, raw.encode() if isinstance(raw, str) else raw)
        expected = _NO_ORDERS.get(path.stem)
        assert found, path.name
        for item in found:
            if expected is None:
                assert isinstance(item, Draft), (path.name, item)
            else:
                assert isinstance(item, RowFault), path.name
                assert expected in item.reason, (path.name, item.reason)
