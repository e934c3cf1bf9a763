"""The corpus report: it counts what it says, and every reason that it gives is written down."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from carriers.contract import Answer, Estimate, Fault, Parcel, Scan, ZoneFrom
from carriers.docs import FOLDER, differences_in
from carriers.registry import all_carriers
from carriers.status import Status
from tests.carriers import agreement, report
from tests.carriers.agreement import ASPECTS, OTHERS, SOURCES, Outcome, Point
from tests.carriers.corpus import Payload, needs_corpus
from tests.carriers.reasons import REASONS, reason


def scan(local: str, code: str, status: Status | None = Status.IN_TRANSIT) -> Scan:
    return Scan(None, local, None, ZoneFrom.UNKNOWN, code, "", status)


def parcel(*scans: Scan, **more: Any) -> Answer:
    return Answer((Parcel("N1", scans, **more),))


def event(day: str, clock: str, code: str, status: str = "in_transit") -> dict[str, str]:
    return {"date": day, "time": clock, "code": code, "status": status}


def detail(*events: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"parser": "karrio", "details": [{"tracking_number": "N1", "events": list(events), **more}]}


def points(answer: Answer, expected: Any) -> list[tuple[str, bool]]:
    return [(point.aspect, point.agrees) for point in agreement._compared(answer, expected)]


def test_an_afternoon_of_the_peer_is_no_evening() -> None:
    found = points(parcel(scan("2026-11-20T14:31:10", "AR")), detail(event("2026-11-20", "14:31 PM", "AR")))
    assert found == [("number", True), ("code", True), ("local time", True), ("status", True)]


def test_each_thing_that_differs_is_counted_once() -> None:
    answer = parcel(scan("2026-11-20T14:31:00", "AR"), scan("2026-11-20T15:00:00", "DP"))
    expected = detail(event("2026-11-20", "14:31 PM", "XX"), event("2026-11-21", "15:00 PM", "DP", "delivered"))
    assert sorted(points(answer, expected)) == [
        ("code", False),
        ("code", True),
        ("local time", False),
        ("local time", True),
        ("number", True),
        ("status", False),
        ("status", True),
    ]


def test_a_scan_that_only_one_has_is_told() -> None:
    one = [("scans", False)]
    assert points(parcel(scan("2026-11-20T14:31:00", "AR")), detail())[1:] == one
    assert points(parcel(), detail(event("2026-11-20", "14:31 PM", "AR")))[1:] == one


def test_estimates_agree_on_a_day_of_the_window() -> None:
    day = datetime(2026, 11, 20, 9, tzinfo=UTC)
    answer = parcel(estimated=Estimate(day, day.replace(day=21), "SDD"))
    assert points(answer, detail(estimated_delivery="2026-11-21"))[1:] == [("estimate", True)]
    assert points(answer, detail(estimated_delivery="2026-11-22"))[1:] == [("estimate", False)]
    assert points(parcel(), detail(estimated_delivery="2026-11-22"))[1:] == [("estimate", False)]
    assert points(answer, detail())[1:] == []  # nothing asserted, nothing compared


def test_an_error_of_the_peer_is_an_error_or_an_unknown_number_of_ours() -> None:
    expected = {"parser": "karrio", "details": [], "messages": [{"code": "E1"}]}
    assert points(Answer(errors=(Fault(None, "E1", ""),)), expected) == [("error", True)]
    assert points(Answer(not_found=("N1",)), expected) == [("error", True)]
    assert points(Answer(errors=(Fault(None, "E2", ""),)), expected) == [("error", False)]


def test_a_promise_that_is_broken_is_told() -> None:
    at = datetime(2026, 11, 20, 14, 31, tzinfo=UTC)
    wrong = Scan(at, "2026-11-20T14:31:00", "+01:00", ZoneFrom.CARRIER, "AR", "", None)
    assert len(list(agreement._broken(parcel(wrong)))) == 1
    assert list(agreement._broken(parcel(scan("2026-11-20T14:31:00", "AR")))) == []


def outcome(*told: Point, refused: str = "", source: str = "ups") -> Outcome:
    return Outcome(Payload(source, "case", "tracking-response", b"{}", 200, {}, ""), "ups", "1 parcels", refused, told)


def test_the_page_counts_agreement_and_names_reasons() -> None:
    agrees, explained = Point("number", "1", "1", True), Point("estimate", "none", "2026-11-20", False)
    text = report.render({"ups": [outcome(agrees, explained, Point("code", "a", "b|c", False))]})
    assert (
        "Of the 3 things that peers assert we agree with 1; 1 disagreements have their reason, 1 have none yet" in text
    )
    assert "| [ups](#ups) | 1 | 1 | 1/1 | 0/1 |  |  | 0/1 |  |  | 1 |" in text
    assert "| 1 | code | a | b\\|c | **unexplained** |" in text
    assert "The estimated date of a delivered parcel" in text


def test_another_interface_is_a_reason_of_its_own() -> None:
    found = {"ups": [outcome(Point("number", "refused", "1", False), refused="this is XML", source="usps_wt")]}
    assert report.unexplained(found) == 0
    assert OTHERS["usps_wt"] in report.render(found)


@pytest.mark.parametrize("key", [key for key in REASONS if key[0] in all_carriers()])
def test_every_reason_is_a_paragraph_of_the_differences(key: tuple[str, str, str, str]) -> None:
    slug, aspect, _, _ = key
    assert aspect in ASPECTS
    assert f"**{REASONS[key]}.**" in differences_in(FOLDER / "differences").get(slug, "")


def test_the_most_exact_reason_counts() -> None:
    assert reason("bpost", "status", "delivered", "in_transit") == "The state of a delivered parcel"
    assert reason("bpost", "code", "a", "b") == ""
    assert set(OTHERS) <= set(SOURCES)


def test_without_a_corpus_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "PAYLOADS", tmp_path / "none")
    assert report.main(tmp_path / "report.md") == 0
    assert "skipped: no corpus" in capsys.readouterr().out
    assert not (tmp_path / "report.md").exists()


@needs_corpus
@pytest.mark.corpus
def test_the_report_covers_the_corpus_and_no_promise_is_broken(tmp_path: Path) -> None:
    assert report.main(tmp_path / "report.md") == 0
    found = report.compared()
    assert set(found) == {slug for source, slug in SOURCES.items() if slug in all_carriers()}
    assert [line for rows in found.values() for row in rows for line in row.broken] == []
    assert report.unexplained(found) == 0, "explain it in docs/differences and name the paragraph in reasons.py"
    assert "## ups\n" in (tmp_path / "report.md").read_text("utf-8")
