"""X12 214: separators, counts and control numbers, codes with reasons, times, places, several parcels in a file."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from carriers.adapters.edi214 import AHEAD, CARRIER, DETAILED, OFFSETS, REASONS, STATELESS, STATUSES, ZONES
from carriers.contract import Answer, Estimate, Hook, Parcel, Scan, ZoneFrom
from carriers.errors import BadPayload, BadSignature
from carriers.status import Status
from tests.carriers.clauses import FIXTURES
from tests.carriers.signers.edi214 import headers

DELIVERED = (FIXTURES / "edi214" / "track_delivered.edi").read_bytes()
PRO = "4410000017"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def interchange(
    *sets: list[str],
    kind: str = "214",
    separator: str = "*",
    component: str = ">",
    end: str = "~",
    control: str = "000000042",
    padded: bool = True,
) -> bytes:
    """One interchange of transaction sets, each a list of segments written with stars."""
    names = ["ACME".ljust(15), "SHOP".ljust(15)] if padded else ["ACME", "SHOP"]
    blank = " " * 10 if padded else ""
    isa = ["ISA", "00", blank, "00", blank, "02", names[0], "ZZ", names[1], "261120", "1500", "U", "00401"]
    rows = ["*".join([*isa, control, "0", "P", component]), "GS*QM*ACME*SHOP*20261120*1500*7*X*004010"]
    for number, segments in enumerate(sets, 1):
        rows += [f"ST*{kind}*{number:04d}", *segments, f"SE*{len(segments) + 2}*{number:04d}"]
    rows += [f"GE*{len(sets)}*7", f"IEA*1*{control}"]
    return "".join(row.replace("*", separator) + end for row in rows).encode()


def told(*segments: str, number: str = PRO) -> Parcel:
    """What a 214 with these segments says about its one parcel."""
    (parcel,) = CARRIER.parse(interchange([f"B10*{number}**ACME", "LX*1", *segments])).parcels
    return parcel


def scan(detail: str, place: str = "") -> Scan:
    (found,) = told(detail, *([place] if place else [])).scans
    return found


def numbers(answer: Answer) -> list[str]:
    return [parcel.number for parcel in answer.parcels]


@pytest.mark.parametrize(
    ("separator", "component", "end"),
    [
        ("*", ">", "~"),
        ("|", ":", "'"),
        ("^", "<", "\n"),
        ("*", ">", "\r\n"),
        ("*", ">", "~\r\n"),
        ("\x1d", "\x1f", "\x1c"),
    ],
)
def test_the_separators_are_those_that_the_first_segment_declares(separator: str, component: str, end: str) -> None:
    body = interchange(
        [f"B10*{PRO}**ACME", "LX*1", "AT7*D1*NS***20261118*1030*UT", "MS1*ALBANY*NY*US"],
        separator=separator,
        component=component,
        end=end,
    )
    (parcel,) = CARRIER.parse(body).parcels
    assert parcel.delivered_at == datetime(2026, 11, 18, 10, 30, tzinfo=UTC)
    assert parcel.scans[0].place.city == "ALBANY"


def test_a_head_that_is_not_filled_up_with_spaces_is_understood() -> None:
    assert numbers(CARRIER.parse(interchange([f"B10*{PRO}**ACME"], padded=False))) == [PRO]


def test_interchanges_of_one_file_may_have_separators_of_their_own() -> None:
    first = interchange(["B10*1001**ACME"], separator="|", component=":", end="'")
    second = interchange(["B10*1002**ACME"], ["B10*1003**ACME"], control="000000043")
    answer = CARRIER.parse(b"\xef\xbb\xbf\r\n" + first + b"\r\n\r\n" + second + b"\n")
    assert numbers(answer) == ["1001", "1002", "1003"]


def test_a_last_segment_without_its_end_is_whole_when_its_number_is() -> None:
    body = interchange([f"B10*{PRO}**ACME"])
    assert numbers(CARRIER.parse(body[:-1])) == [PRO]
    with pytest.raises(BadPayload, match="IEA"):
        CARRIER.parse(body[:-2])


def test_what_is_told_of_a_number_in_several_sets_is_one_parcel() -> None:
    body = interchange(
        [f"B10*{PRO}**ACME", "LX*1", "AT7*AF*NS***20261116*1030*UT"],
        [f"B10*{PRO}**ACME", "LX*1", "AT7*AF*NS***20261116*1030*UT", "LX*2", "AT7*X4*NS***20261117*1030*UT"],
    )
    (parcel,) = CARRIER.parse(body).parcels
    assert [found.code for found in parcel.scans] == ["AF", "X4"]


def test_parcels_of_one_shipment_are_told_apart_by_their_own_numbers() -> None:
    body = interchange(
        [
            "B10*SHIPMENT**ACME",
            *["LX*1", "AT7*D1*NS***20261118*1030*UT", "L11*PIECE1*CN"],
            *["LX*2", "AT7*AH*B1***20261118*1031*UT", "MAN*CP*PIECE2", "MAN*CP*PIECE3"],
            *["LX*3", "AT7*X4*NS***20261117*1030*UT", "L11**CN", "L11*PO-7*PO"],
        ]
    )
    found = {parcel.number: parcel for parcel in CARRIER.parse(body).parcels}
    assert found["PIECE1"].status is Status.DELIVERED
    assert found["PIECE2"].sub_status == found["PIECE3"].sub_status == "attempt_failed.closed"
    assert found["SHIPMENT"].status is Status.IN_TRANSIT
    assert len(found) == 4


def test_the_shippers_number_counts_where_the_carrier_has_none_yet() -> None:
    body = interchange(["B10**J-1001*ACME", "LX*1", "AT7*XB*NS***20261116*1030*UT"])
    assert numbers(CARRIER.parse(body)) == ["J-1001"]
    with pytest.raises(BadPayload, match="names no shipment"):
        CARRIER.parse(interchange(["B10***ACME"]))


def test_details_without_any_loop_belong_to_the_shipment() -> None:
    body = interchange([f"B10*{PRO}**ACME", "AT7*D1*NS***20261118*1030*UT", "MS1*ALBANY*NY*US"])
    assert CARRIER.parse(body).parcels[0].status is Status.DELIVERED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ((b"SE*", b"SE*1"), "SE counts"),
        ((b"GE*2*7", b"GE*3*7"), "GE counts"),
        ((b"GE*2*7", b"GE*2*8"), "GE has control number"),
        ((b"IEA*1*", b"IEA*2*"), "IEA counts"),
        ((b"IEA*1*000000042", b"IEA*1*000000043"), "IEA has control number"),
        ((b"SE*9*0002", b"SE*9*0003"), "SE has control number"),
        ((b"GE*2*7~\n", b""), "has no GE"),
        ((b"LX*2~\n", b""), "SE counts"),
        ((b"ST*214*0002~\n", b""), "should begin"),
        ((b"GS*QM", b"GX*QM"), "should begin"),
    ],
)
def test_what_does_not_add_up_is_not_believed(change: tuple[bytes, bytes], reason: str) -> None:
    assert change[0] in DELIVERED
    with pytest.raises(BadPayload, match=reason):
        CARRIER.parse(DELIVERED.replace(*change))


def test_a_file_cut_anywhere_is_not_believed() -> None:
    whole = len(DELIVERED.rstrip()) - 1  # the last terminator may be missing
    for end in range(whole):
        with pytest.raises(BadPayload):
            CARRIER.parse(DELIVERED[:end])
        assert not CARRIER.is_whole(DELIVERED[:end])
    assert CARRIER.is_whole(DELIVERED)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"<html></html>", "HTML"),
        (b'{"a": 1}', "does not start"),
        (DELIVERED.decode().encode("utf-16"), "does not start"),
        (b"ISA" + b"\0" * 200, "does not start"),
        (b"ISA", "between"),
        (b"ISA 00 ", "no separator"),
        (b"ISA*00*", "breaks off"),
        (interchange(["AK1*SM*7"], kind="997"), "acknowledgement"),
        (interchange(["B2**ACME"], kind="204"), "load tender"),
        (interchange(["B2**ACME"], kind="315"), "'315'"),
        (interchange(), "without transaction sets"),
        (interchange(["LX*1"]), "without B10"),
        (interchange([f"B10*{PRO}**ACME", "LX*1", "AT7**NS***20261118*1030*UT"]), "without a status"),
        (DELIVERED + b"rubbish", "between interchanges"),
    ],
)
def test_another_kind_of_body_says_which(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        CARRIER.parse(body)


def test_a_large_file_is_read_in_time_that_grows_with_it() -> None:
    sets = [[f"B10*{number}**ACME", "LX*1", "AT7*X4*NS***20261118*1030*UT"] for number in range(20_000)]
    body = interchange(*sets)
    assert len(body) > 1_000_000
    started = time.process_time()
    assert len(CARRIER.parse(body).parcels) == len(sets)
    assert time.process_time() - started < 10


def test_acknowledgements_beside_a_status_are_passed_over() -> None:
    status = interchange([f"B10*{PRO}**ACME"])
    acknowledgement = interchange(["AK1*SM*7"], kind="997", control="000000043")
    assert numbers(CARRIER.parse(acknowledgement + status)) == [PRO]


def test_older_names_come_in_latin_1() -> None:
    body = interchange([f"B10*{PRO}**ACME", "LX*1", "AT7*X4*NS***20261118*1030*ET", "MS1*MONTRÉAL*QC*CA"])
    for encoding in ("utf-8", "latin-1"):
        (parcel,) = CARRIER.parse(body.decode().encode(encoding)).parcels
        assert parcel.scans[0].place.city == "MONTRÉAL"


@pytest.mark.parametrize(
    ("when", "place", "at", "local", "zone_from"),
    [
        ("20261118*1030*ET", "", "2026-11-18T15:30", "2026-11-18T10:30:00", ZoneFrom.PLACE),
        ("20260718*1030*ET", "", "2026-07-18T14:30", "2026-07-18T10:30:00", ZoneFrom.PLACE),
        ("20260718*1030*ES", "", "2026-07-18T15:30", "2026-07-18T10:30:00", ZoneFrom.CARRIER),
        ("20260718*1030*ED", "", "2026-07-18T14:30", "2026-07-18T10:30:00", ZoneFrom.CARRIER),
        ("20261118*1030*CT", "", "2026-11-18T16:30", "2026-11-18T10:30:00", ZoneFrom.PLACE),
        ("20261118*1030*HT", "", "2026-11-18T20:30", "2026-11-18T10:30:00", ZoneFrom.PLACE),
        ("20261118*1030*UT", "MS1*ALBANY*NY*US", "2026-11-18T10:30", "2026-11-18T10:30:00", ZoneFrom.CARRIER),
        ("20261118*1030*GM", "", "2026-11-18T10:30", "2026-11-18T10:30:00", ZoneFrom.CARRIER),
        ("20261118*1030*01", "", "2026-11-18T09:30", "2026-11-18T10:30:00", ZoneFrom.CARRIER),
        ("20261118*1030*24", "", "2026-11-18T11:30", "2026-11-18T10:30:00", ZoneFrom.CARRIER),
        ("20261118*1030*13", "", "2026-11-18T22:30", "2026-11-18T10:30:00", ZoneFrom.CARRIER),
        ("20261118*1030*LT", "MS1*ALBANY*NY*US", "2026-11-18T15:30", "2026-11-18T10:30:00", ZoneFrom.PLACE),
        ("20261118*1030", "MS1*ALBANY*NY", "2026-11-18T15:30", "2026-11-18T10:30:00", ZoneFrom.PLACE),
        ("20261118*1030", "MS1*VANCOUVER*BC", None, "2026-11-18T10:30:00", ZoneFrom.UNKNOWN),
        ("20261118*1030", "MS1*BERLIN**DE", "2026-11-18T09:30", "2026-11-18T10:30:00", ZoneFrom.PLACE),
        ("20261118*1030", "MS1*SOMEWHERE**US", None, "2026-11-18T10:30:00", ZoneFrom.UNKNOWN),
        ("20261118*1030", "", None, "2026-11-18T10:30:00", ZoneFrom.UNKNOWN),
        ("20261118*1030*ZZ", "MS1*ALBANY*NY*US", None, "2026-11-18T10:30:00", ZoneFrom.UNKNOWN),
        ("20261101*0130*ET", "", None, "2026-11-01T01:30:00", ZoneFrom.UNKNOWN),  # the hour that there is twice
        ("20261118*103059*UT", "", "2026-11-18T10:30:59", "2026-11-18T10:30:59", ZoneFrom.CARRIER),
        ("20261118*10305999*UT", "", "2026-11-18T10:30:59", "2026-11-18T10:30:59", ZoneFrom.CARRIER),
        ("20261118*2400*UT", "", None, "2026-11-18", ZoneFrom.UNKNOWN),
        ("20261118", "MS1*ALBANY*NY*US", None, "2026-11-18", ZoneFrom.UNKNOWN),
        ("261118*1030*UT", "", "2026-11-18T10:30", "2026-11-18T10:30:00", ZoneFrom.CARRIER),
        ("20261399*1030*UT", "", None, "", ZoneFrom.UNKNOWN),
    ],
)
def test_the_time_of_an_event(when: str, place: str, at: str | None, local: str, zone_from: ZoneFrom) -> None:
    found = scan(f"AT7*X4*NS***{when}", place)
    assert found.at == (datetime.fromisoformat(f"{at}+00:00") if at else None)
    assert (found.local, found.zone_from) == (local, zone_from)
    assert found.date_only == (len(local) == 10)


@pytest.mark.parametrize(
    ("code", "reason", "status", "finer"),
    [
        ("D1", "NS", Status.DELIVERED, None),
        ("AH", "NS", Status.ATTEMPT_FAILED, None),
        ("AH", "AQ", Status.ATTEMPT_FAILED, "attempt_failed.not_home"),
        ("AH", "B1", Status.ATTEMPT_FAILED, "attempt_failed.closed"),
        ("AP", "AD", Status.ATTEMPT_FAILED, "attempt_failed.rescheduled"),
        ("AH", "A2", Status.EXCEPTION, "exception.address"),
        ("AP", "BS", Status.EXCEPTION, "exception.refused"),
        ("SD", "AO", Status.EXCEPTION, "exception.weather"),
        ("SD", "CA", Status.EXCEPTION, "exception.customs_hold"),
        ("SD", "AI", Status.EXCEPTION, "exception.capacity"),
        ("SD", "NS", Status.EXCEPTION, "exception.capacity"),
        ("X6", "AO", Status.IN_TRANSIT, None),
        ("CD", "NS", None, None),
        ("ZQ", "AO", None, None),
    ],
)
def test_the_status_decides_and_its_reason_makes_it_finer(
    code: str, reason: str, status: Status | None, finer: str | None
) -> None:
    found = scan(f"AT7*{code}*{reason}***20261118*1030*UT")
    assert (found.status, found.sub_status, found.code) == (status, finer, code)


def test_the_words_are_the_names_of_both_codes() -> None:
    assert scan("AT7*AH*AQ***20261118").text == "Delivery attempted: recipient unavailable"
    assert scan("AT7*CD*NS***20261118").text == "Carrier left the delivery location"
    assert scan("AT7*X4*Q9***20261118").text == "Arrived at a terminal: Q9"
    assert scan("AT7*ZQ*NS***20261118").text == ""


def test_two_reasons_of_one_minute_are_two_events() -> None:
    parcel = told("AT7*SD*AO***20261118*1030*UT", "LX*2", "AT7*SD*AI***20261118*1030*UT")
    assert len({found.key() for found in parcel.scans}) == 2


def test_every_code_has_one_meaning_or_one_reason_to_have_none() -> None:
    assert not STATUSES.keys() & (STATELESS.keys() | AHEAD.keys())
    assert not STATELESS.keys() & AHEAD.keys()
    for code in DETAILED:
        status, _, reason = code.partition("/")
        assert status in STATUSES
        assert reason in REASONS
    assert not OFFSETS.keys() & ZONES.keys()


@pytest.mark.parametrize(
    ("details", "estimate"),
    [
        (["AT7*AG*NS***20261124*1700*CT"], Estimate(date(2026, 11, 24), date(2026, 11, 24), "AG")),
        (["AT7*X2*NS***20261124"], Estimate(date(2026, 11, 24), date(2026, 11, 24), "X2")),
        (["AT7*AG*NS***20261124", "AT7*AG*NS***20261125"], Estimate(date(2026, 11, 25), date(2026, 11, 25), "AG")),
        (["AT7*AG*NS***20261124", "AT7***AB*NA*20261126"], Estimate(date(2026, 11, 26), date(2026, 11, 26), "AB")),
        (["AT7***ED*NA*20261123", "AT7***LD*NA*20261125"], Estimate(date(2026, 11, 23), date(2026, 11, 25), "ED/LD")),
        (["AT7***LD*NA*20261125"], Estimate(date(2026, 11, 25), date(2026, 11, 25), "LD")),
        (["AT7***AA*NA*20261120"], None),
        (["AT7*B6*NS***20261120"], None),
        (["AT7*AG*NS***20261124", "AT7*D1*NS***20261123*1030*UT"], None),
    ],
)
def test_what_is_to_come_is_an_estimate_and_no_event(details: list[str], estimate: Estimate | None) -> None:
    parcel = told(*details)
    assert parcel.estimated == estimate
    assert [found.code for found in parcel.scans] == (["D1"] if "D1" in "".join(details) else [])


def test_what_is_delivered_after_it_was_sent_back_is_returned() -> None:
    parcel = told("AT7*A3*BS***20261118*1030*UT", "LX*2", "AT7*D1*NS***20261120*1030*UT")
    assert (parcel.status, parcel.delivered_at) == (Status.RETURNED, None)


def test_a_push_is_signed_in_our_own_way_and_known_by_its_bytes() -> None:
    CARRIER.verify(Hook(DELIVERED, headers(DELIVERED, "s", NOW)), "s", NOW)
    with pytest.raises(BadSignature, match="form"):
        CARRIER.verify(Hook(DELIVERED, {"x-edi-signature": "sha256=0"}), "s", NOW)
    assert CARRIER.hook_key(Hook(DELIVERED, {})) == CARRIER.hook_key(Hook(DELIVERED, {"x": "y"}))


def test_the_guide_names_the_headers_and_the_folders() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "edi214.md").read_text("utf-8")
    for word in ("X-Edi-Signature", "application/edi-x12", "DOORSTEP_FILE_FOLDERS", "done/", "failed/"):
        assert word in guide
