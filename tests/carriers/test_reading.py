"""Reading: surprises are BadPayload once, and a time never claims more than the carrier said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.contract import Scan, ZoneFrom
from carriers.errors import BadPayload, CarrierError
from carriers.reading import (
    UNTIMED,
    When,
    as_json,
    as_object,
    each,
    id_in,
    local_with_offset,
    meant,
    offset_of,
    offset_text,
    oldest_first,
    other_body,
    reading,
    text,
    utc,
    when,
)
from carriers.status import Status


@pytest.mark.parametrize(
    "surprise", [KeyError("x"), TypeError("x"), ValueError("x"), IndexError(), AttributeError(), OverflowError()]
)
def test_a_surprise_is_bad_payload_that_says_where(surprise: Exception) -> None:
    with pytest.raises(BadPayload, match="acme track") as caught, reading("acme track"):
        raise surprise
    assert caught.value.__cause__ is surprise


def test_bad_payload_passes_through_unchanged() -> None:
    with pytest.raises(BadPayload) as caught, reading("outer"), reading("inner"):
        raise BadPayload("as it was")
    assert str(caught.value) == "as it was"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<!doctype html><title>Sign in</title>", "HTML"),
        (b'<?xml version="1.0"?><a/>', "XML"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": Infinity}', "not JSON"),
        (b'{"a": 1e999}', "not JSON"),
        ('{"a": "ä"}'.encode("latin-1"), "not JSON"),
        (b'{"a": "\\ud800"}', "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b"[" * 65 + b"]" * 65, "64 deep"),
        (b"[" * 65 + b"1" + b"]" * 65, "64 deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "64 deep"),
        (b'{"b": 1, "a": [' * 33 + b"]}" * 33, "64 deep"),
        (b"[" * 5000 + b"]" * 5000, "not JSON"),
    ],
)
def test_what_is_not_json_says_what_it_is(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        as_json(body)


def test_a_byte_order_mark_and_depth_of_64_are_fine() -> None:
    assert as_json(b'\xef\xbb\xbf{"a": 614.4}') == {"a": 614.4}
    assert as_json(b"[" * 64 + b"]" * 64)
    assert as_json(b"[" * 64 + b'1, "' + b"[" * 99 + b'", null, true, 1.5' + b"]" * 64)
    assert as_json(b'{"b": 1, "a": [' * 32 + b"]}" * 32)
    assert as_json(b"12") == 12
    assert len(as_json(b"[" + b",".join([b"{}"] * 1000) + b"]")) == 1000


def test_a_body_must_be_an_object_where_one_is_expected() -> None:
    with pytest.raises(BadPayload, match="not an object"):
        as_object(b"[]")


@given(st.binary())
def test_any_bytes_are_json_or_bad_payload(body: bytes) -> None:
    try:
        as_json(body)
    except CarrierError as error:
        assert isinstance(error, BadPayload)  # noqa: PT017 - a value is fine as well


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        (None, ""),
        (" a\tb\x00\n c ", "a b c"),
        (11, "11"),
        ("x" * 900, "x" * 500),
        ("\u202eabc", "abc"),
        ("Köln", "Köln"),
    ],
)
def test_text_is_clean_and_short(value: object, clean: str) -> None:
    assert text(value) == clean


@pytest.mark.parametrize("value", [True, 1.5, [], {}, b"x"])
def test_an_object_in_the_place_of_a_word_is_a_surprise(value: object) -> None:
    with pytest.raises(TypeError):
        text(value)


@pytest.mark.parametrize(
    ("value", "at", "local", "offset"),
    [
        ("2026-11-20T14:31:00Z", (14, 31), "2026-11-20T14:31:00", "+00:00"),
        ("2026-11-20T14:31:00.123456Z", (14, 31), "2026-11-20T14:31:00", "+00:00"),
        ("2026-11-20T23:31:00+09:00", (14, 31), "2026-11-20T23:31:00", "+09:00"),
        ("2026-11-20T15:31:00+0100", (14, 31), "2026-11-20T15:31:00", "+01:00"),
        ("2026-11-20 10:31-04.00", (14, 31), "2026-11-20T10:31:00", "-04:00"),
        ("20261120T143100Z", (14, 31), "2026-11-20T14:31:00", "+00:00"),
    ],
)
def test_a_time_with_an_offset_is_an_instant(value: str, at: tuple[int, int], local: str, offset: str) -> None:
    instant = datetime(2026, 11, 20, *at, tzinfo=UTC)
    assert when(value) == When(instant, local, offset, ZoneFrom.CARRIER)


@pytest.mark.parametrize("value", ["2026-11-20T14:31:00", "2026-11-20 14:31", "20261120 143100"])
def test_a_time_without_an_offset_is_never_an_instant(value: str) -> None:
    assert when(value) == When(None, "2026-11-20T14:31:00", None, ZoneFrom.UNKNOWN)


@pytest.mark.parametrize("value", ["2026-11-20", "20261120"])
def test_a_date_stays_a_date(value: str) -> None:
    assert when(value) == When(None, "2026-11-20", None, ZoneFrom.UNKNOWN, date_only=True)


@pytest.mark.parametrize(
    "value",
    [None, "", "soon", "2026-13-01", "2026-11-31T10:00:00Z", "2026-11-20T25:00:00Z", "0001-01-01T00:00:00+14:00",
     "9999-12-31T23:59:59-12:00", "٢٠٢٦-11-20", "1700000000"],
)  # fmt: skip
def test_an_unreadable_time_is_no_time_and_no_error(value: str | None) -> None:
    assert when(value) == UNTIMED


def test_an_unreadable_offset_is_an_unknown_one() -> None:
    assert when("2026-11-20T14:31:00+99:00").zone_from is ZoneFrom.UNKNOWN
    assert local_with_offset("20261120", "143100", "EST") == local_with_offset("2026-11-20", "14:31:00", None)


@pytest.mark.parametrize("value", [5, True, [], {}])
def test_a_time_of_another_kind_is_a_surprise(value: object) -> None:
    with pytest.raises(TypeError):
        when(value)


@given(st.text())
def test_any_text_is_a_time_or_none(value: str) -> None:
    found = when(value)
    assert found.at is None or found.at.utcoffset() == timedelta(0)


@given(st.datetimes(datetime(1990, 1, 2), datetime(2100, 12, 30)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_offset_and_wall_clock_make_the_instant(wall: datetime, minutes: int) -> None:
    offset = offset_text(timedelta(minutes=minutes))
    assert offset_of(offset) == timedelta(minutes=minutes)
    found = when(wall.isoformat(timespec="seconds") + offset)
    assert found.at is not None
    assert datetime.fromisoformat(found.local + offset) == found.at


def scan(at: datetime | None, local: str, code: str = "X") -> Scan:
    return Scan(at, local, None, ZoneFrom.UNKNOWN, code, "", None)


def test_scans_of_one_instant_keep_the_order_of_the_carrier() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    given_order = [scan(noon, "", code) for code in "ABC"]
    assert "".join(s.code for s in oldest_first(given_order)) == "ABC"
    assert "".join(s.code for s in oldest_first(given_order, newest_first=True)) == "CBA"


def test_a_scan_without_any_time_comes_first_and_is_not_lost() -> None:
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    sorted_scans = oldest_first(
        [scan(noon, ""), scan(None, "2026-11-19"), scan(None, ""), scan(None, "2026-11-20T13:00:00")]
    )
    assert [s.local or s.at for s in sorted_scans] == [None, "2026-11-19", noon, "2026-11-20T13:00:00"]


def test_a_word_of_a_table_is_a_status_or_a_sub_status() -> None:
    assert meant("delivered.neighbour") == (Status.DELIVERED, "delivered.neighbour")
    assert meant("in_transit") == (Status.IN_TRANSIT, None)
    assert meant(None) == (None, None)
    with pytest.raises(ValueError, match="on its way"):
        meant("on its way")


def test_a_body_of_another_kind_is_named_by_its_key() -> None:
    names = {"access_token": "a token"}
    assert "a token" in str(other_body({"access_token": "t"}, names, "nothing known"))
    assert str(other_body({"hello": 1}, names, "nothing known")) == "nothing known"


SPELLINGS = st.from_regex(
    r"(19[89]|20[0-9]|21[01])[0-9]-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9]([.,][0-9]{1,9})?)?"
    r" ?(Z|z|[+-][01][0-9](:?[0-6][0-9])?)?",
    fullmatch=True,
)


@given(SPELLINGS)
def test_the_common_spelling_is_read_as_every_other_is(value: str) -> None:
    """Date, clock and offset apart take the longer way; both must tell the same."""
    day, clock, offset = value[:10], value[11:].rstrip("Zz").strip(), ""
    for sign in "+-":
        clock, _, rest = clock.partition(sign)
        offset = sign + rest if rest else offset
    offset = "Z" if value[-1] in "Zz" else offset
    assert when(value) == local_with_offset(day, clock.strip(), offset)


@pytest.mark.parametrize("clock", ["143100", "14:31:00", "14:31", "1431", "14:31:00.5"])
def test_a_clock_known_to_be_utc_is_an_instant(clock: str) -> None:
    assert utc("20261120", clock) == utc("2026-11-20", clock) == datetime(2026, 11, 20, 14, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "clock"),
    [
        (None, "143100"),
        ("", "143100"),
        ("20261120", None),
        ("20261120", ""),
        ("20261131", "143100"),
        ("20261120", "253100"),
        ("20261120", "１４３１００"),
        ("20261120", "14310"),
        ("00010101", "000000"),
        ("2" * 9000, "143100"),
        ("20261120", "1" * 9000),
    ],
)
def test_without_a_date_or_a_clock_there_is_no_instant(day: str | None, clock: str | None) -> None:
    assert utc(day, clock) is None


@pytest.mark.parametrize(
    "odd",
    [
        "2026-11-20T24:00:00",
        "2026-11-20T14:31.40",
        "2026-11-20T14:31,40Z",
        "2026-11-20T14:31:60",
        "2026-W47-5T14:31:00",
        "2026W47-5 T14:31:00",
        "2026/11/20T14:31:00",
        "2026-11-20T14:31:00" + "0" * 40,
    ],
)
def test_what_only_looks_like_the_common_spelling_is_no_time(odd: str) -> None:
    assert when(odd) == UNTIMED


@given(st.text(max_size=40))
def test_text_is_cleaned_alike_with_and_without_the_short_way(value: str) -> None:
    plainly = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    assert text(value) == plainly
    assert text(value, limit=3) == plainly[:3]


def test_an_object_in_the_place_of_a_list_is_a_list_of_one() -> None:
    assert list(each({"code": "X"})) == [{"code": "X"}]
    assert list(each(None)) == []
    others: tuple[object, ...] = ({}, "X", 1, ["X"], [None])
    for other in others:
        with pytest.raises(TypeError, match="list of objects"):
            each(other)


def test_a_push_is_known_by_its_own_id_else_by_its_bytes() -> None:
    assert id_in(b'{"id": "evt_1"}', "id") == "evt_1"
    for body in (b'{"id": ""}', b'{"id": 7}', b'{"id": "%s"}' % (b"x" * 101), b"{}", b"[]", b"no json"):
        assert id_in(body, "id") == sha256(body).hexdigest()
