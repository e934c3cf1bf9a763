"""Each clause of the contract can fail: a carrier broken in one way is caught by the clause meant for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from carriers.adapters.northpost import ABOUT, Northpost
from carriers.contract import About, Answer, Fetched, Hook, Parcel, Scan, ZoneFrom
from carriers.errors import BadPayload, BadSignature, Unavailable
from carriers.http import Http
from carriers.reading import When, oldest_first, reading, when
from carriers.reading_xml import as_xml, child_text
from carriers.status import Status
from tests.carriers import clauses
from tests.carriers.bodies import FORMS
from tests.carriers.clauses import Case, cases
from tests.carriers.signers import signers

TRUE = Northpost()
(SIGNER,) = signers("northpost")
CASES = {case.name: case for case in cases("northpost")}
TRACK = CASES["track_out_for_delivery"]
HOOK = CASES["hook_out_for_delivery"]


def each_scan(answer: Answer, change: Callable[[Scan], Scan]) -> Answer:
    return replace(
        answer,
        parcels=tuple(replace(parcel, scans=tuple(change(scan) for scan in parcel.scans)) for parcel in answer.parcels),
    )


def each_parcel(answer: Answer, change: Callable[[Parcel], Parcel]) -> Answer:
    return replace(answer, parcels=tuple(change(parcel) for parcel in answer.parcels))


class Broken(Northpost):
    """Northpost, and what a subclass breaks in its answers."""

    def parse(self, body: bytes, status: int = 200) -> Answer:
        return self.broken(super().parse(body, status), body)

    def broken(self, answer: Answer, body: bytes) -> Answer:
        return answer


class NaiveTimes(Broken):
    def broken(self, answer: Answer, body: bytes) -> Answer:
        return each_scan(answer, lambda scan: replace(scan, at=scan.at and scan.at.replace(tzinfo=None)))


class LocalTimes(Broken):
    def broken(self, answer: Answer, body: bytes) -> Answer:
        tokyo = timezone(timedelta(hours=9))
        return each_scan(answer, lambda scan: replace(scan, at=scan.at and scan.at.astimezone(tokyo)))


class WallClockStampedAsUtc(Broken):
    def broken(self, answer: Answer, body: bytes) -> Answer:
        return each_scan(
            answer, lambda scan: replace(scan, at=scan.at and datetime.fromisoformat(scan.local).replace(tzinfo=UTC))
        )


class UnknownZoneWithAnInstant(Broken):
    def broken(self, answer: Answer, body: bytes) -> Answer:
        return each_scan(answer, lambda scan: replace(scan, zone_from=ZoneFrom.UNKNOWN))


class DateWithoutSayingSo(Broken):
    def broken(self, answer: Answer, body: bytes) -> Answer:
        unknown = ZoneFrom.UNKNOWN
        return each_scan(
            answer, lambda scan: replace(scan, at=None, offset=None, zone_from=unknown, local=scan.local[:10])
        )


class NaiveDelivery(Broken):
    def broken(self, answer: Answer, body: bytes) -> Answer:
        return each_parcel(answer, lambda parcel: replace(parcel, delivered_at=datetime(2026, 11, 20)))  # noqa: DTZ001


class NewestFirst(Broken):
    def broken(self, answer: Answer, body: bytes) -> Answer:
        return each_parcel(answer, lambda parcel: replace(parcel, scans=parcel.scans[::-1]))


class ForeignSubStatus(Broken):
    def broken(self, answer: Answer, body: bytes) -> Answer:
        return each_scan(answer, lambda scan: replace(scan, sub_status="exception.lost"))


class GuessesInTransit(Broken):
    def broken(self, answer: Answer, body: bytes) -> Answer:
        return each_scan(answer, lambda scan: replace(scan, status=scan.status or Status.IN_TRANSIT))


class GuessesTheParcel(Broken):
    def broken(self, answer: Answer, body: bytes) -> Answer:
        return each_parcel(answer, lambda parcel: replace(parcel, status=parcel.status or Status.IN_TRANSIT))


class DropsUnknownCodes(Broken):
    def broken(self, answer: Answer, body: bytes) -> Answer:
        return each_scan(answer, lambda scan: replace(scan, code=scan.code if scan.status else ""))


class LetsKeyErrorsOut(Broken):
    def broken(self, answer: Answer, body: bytes) -> Answer:
        return replace(answer, not_found=tuple(json.loads(body)["unknown"]))


class TakesNowForAMissingTime(Broken):
    def broken(self, answer: Answer, body: bytes) -> Answer:
        return each_scan(answer, lambda scan: replace(scan, at=scan.at or clauses.NOW))


class NamesNobody(Broken):
    def parse(self, body: bytes, status: int = 200) -> Answer:
        try:
            return super().parse(body, status)
        except BadPayload:
            return Answer((Parcel("", status=Status.DELIVERED),))


def expected(case: Case, carrier: Northpost) -> None:
    clauses.values_are_as_expected(case, case.reader(carrier))


def times(case: Case, carrier: Northpost) -> None:
    clauses.times_are_honest(case, case.reader(carrier))


def order(case: Case, carrier: Northpost) -> None:
    clauses.scans_are_oldest_first(case, case.reader(carrier))


def sub_statuses(case: Case, carrier: Northpost) -> None:
    clauses.sub_statuses_belong_to_their_status(case, case.reader(carrier))


def removed(case: Case, carrier: Northpost) -> None:
    clauses.a_removed_key_is_harmless(case, case.reader(carrier))


def renamed(case: Case, carrier: Northpost) -> None:
    clauses.a_code_never_seen_is_not_guessed(case, case.reader(carrier), carrier.about)


CLAUSES = [expected, times, order, sub_statuses, removed, renamed]


@pytest.mark.parametrize("clause", CLAUSES)
@pytest.mark.parametrize("case", [TRACK, HOOK])
def test_the_true_carrier_keeps_every_clause(clause: Callable[[Case, Northpost], None], case: Case) -> None:
    clause(case, TRUE)


@pytest.mark.parametrize(
    ("clause", "mutant"),
    [
        (expected, NaiveTimes),
        (expected, ForeignSubStatus),
        (times, NaiveTimes),
        (times, LocalTimes),
        (times, WallClockStampedAsUtc),
        (times, UnknownZoneWithAnInstant),
        (times, DateWithoutSayingSo),
        (times, NaiveDelivery),
        (order, NewestFirst),
        (sub_statuses, ForeignSubStatus),
        (removed, LetsKeyErrorsOut),
        (removed, TakesNowForAMissingTime),
        (removed, NamesNobody),
        (renamed, GuessesInTransit),
        (renamed, GuessesTheParcel),
        (renamed, DropsUnknownCodes),
    ],
)
def test_a_mutant_is_caught(clause: Callable[[Case, Northpost], None], mutant: type[Northpost]) -> None:
    with pytest.raises((AssertionError, KeyError, TypeError, ValueError)):
        clause(TRACK, mutant())


# Two parcels in the other formats, one with two scans and one with none.
NOTICES = {
    "xml": b"""<n:notices xmlns:n="urn:notices"><n:parcel number="NP1">
        <scan code="OFD"><at>2026-11-20T09:00:00Z</at></scan>
        <scan code="ARR"><at>2026-11-19T09:00:00Z</at></scan></n:parcel><n:parcel number="NP2"/></n:notices>""",
    "edi": b"ISA*00*          *00*          *02*NOTICES        *ZZ*SHOP           *261120*0900*U*00401"
    b"*000000001*0*P*>~\nN*NP1~\nS*OFD*2026-11-20T09:00:00Z~\nS*ARR*2026-11-19T09:00:00Z~\nN*NP2~\nIEA*2*000000001~\n",
}
NOTICE_CODES = {"OFD": Status.OUT_FOR_DELIVERY, "ARR": Status.IN_TRANSIT}
NOTICE_ABOUT = replace(ABOUT, codes={code: status.value for code, status in NOTICE_CODES.items()})

Notices = list[tuple[str, list[tuple[str, str]]]]


def xml_notices(body: bytes) -> Notices:
    return [
        (parcel.attrib["number"], [(scan.get("code", ""), child_text(scan, "at")) for scan in parcel])
        for parcel in as_xml(body)
    ]


def edi_notices(body: bytes) -> Notices:
    found: Notices = []
    segments = [segment.strip().split("*") for segment in body.decode().split("~")]
    if segments[0][13] != segments[-2][2] or int(segments[-2][1]) != sum(s[0] == "N" for s in segments):
        raise BadPayload("the envelope does not hold what it says")
    for name, *fields in segments:
        if name == "N":
            found.append((fields[0], []))
        elif name == "S":
            found[-1][1].append((fields[0], fields[1]))
    return found


READ_NOTICES: dict[str, Callable[[bytes], Notices]] = {"xml": xml_notices, "edi": edi_notices}


@dataclass(frozen=True)
class NoticeReader:
    """Reads the notices of one format. The last four fields are ways to do it wrong."""

    format: str
    guess: Status | None = None
    now: datetime | None = None
    leaks: bool = False
    nameless: bool = False

    def __call__(self, body: bytes) -> Answer:
        try:
            with nullcontext() if self.leaks else reading("notices"):
                return Answer(tuple(self._parcel(*notice) for notice in READ_NOTICES[self.format](body)))
        except BadPayload:
            if self.nameless:
                return Answer((Parcel(""),))
            raise

    def _parcel(self, number: str, given: list[tuple[str, str]]) -> Parcel:
        if not number:
            raise BadPayload("a notice without a number")
        scans = oldest_first(self._scan(code, when(at)) for code, at in given)
        return Parcel(number, scans, scans[-1].status if scans else None)

    def _scan(self, code: str, moment: When) -> Scan:
        status = NOTICE_CODES.get(code, self.guess)
        return Scan(moment.at or self.now, moment.local, moment.offset, moment.zone_from, code, "", status)


def notices(format: str) -> Case:
    return Case("notices", "track_notices", NOTICES[format], {}, format)


def renamed_notices(case: Case, parse: NoticeReader) -> None:
    clauses.a_code_never_seen_is_not_guessed(case, parse, NOTICE_ABOUT)


@pytest.mark.parametrize("format", NOTICES)
def test_a_true_reader_of_another_format_keeps_the_clauses(format: str) -> None:
    case, parse = notices(format), NoticeReader(format)
    first, second = parse(case.body).parcels
    assert (len(first.scans), first.status, second.scans) == (2, Status.OUT_FOR_DELIVERY, ())
    clauses.a_removed_key_is_harmless(case, parse)
    renamed_notices(case, parse)


@pytest.mark.parametrize("format", NOTICES)
@pytest.mark.parametrize(
    ("clause", "wrong"),
    [
        (clauses.a_removed_key_is_harmless, {"now": clauses.NOW}),
        (clauses.a_removed_key_is_harmless, {"leaks": True}),
        (clauses.a_removed_key_is_harmless, {"nameless": True}),
        (renamed_notices, {"guess": Status.IN_TRANSIT}),
    ],
)
def test_a_mutant_of_another_format_is_caught(
    clause: Callable[[Case, NoticeReader], None], wrong: dict[str, Any], format: str
) -> None:
    with pytest.raises((AssertionError, KeyError, IndexError, ValueError)):
        clause(notices(format), NoticeReader(format, **wrong))


@pytest.mark.parametrize("format", FORMS)
def test_every_part_is_left_out_once_and_every_value_can_be_replaced(format: str) -> None:
    body, form = NOTICES.get(format, TRACK.body), FORMS[format]
    whole = form.renamed(body, set())
    without = [less for _, less in form.without_each_part(body)]
    replaced = [form.with_value(body, index, ["rubbish"]) for index in range(form.values(body))]
    for changed in (without, replaced):
        assert len(changed) >= 10
        assert len({whole, *changed}) == len(changed) + 1


def test_losing_the_scans_of_a_parcel_is_caught() -> None:
    body = json.loads(TRACK.body)
    body["parcels"][0]["events"] *= 2

    class LosesHalf(Broken):
        def broken(self, answer: Answer, body: bytes) -> Answer:
            def lose(parcel: Parcel) -> Parcel:
                timed = tuple(scan for scan in parcel.scans if scan.at)
                return parcel if len(timed) == len(parcel.scans) else replace(parcel, scans=timed[:2])

            return each_parcel(answer, lose)

    case = replace(TRACK, body=json.dumps(body).encode())
    clauses.a_removed_key_is_harmless(case, TRUE.parse)
    with pytest.raises(AssertionError, match="vanished"):
        clauses.a_removed_key_is_harmless(case, LosesHalf().parse)


def test_a_word_outside_the_vocabulary_is_caught() -> None:
    clauses.words_are_of_the_vocabulary(ABOUT)
    with pytest.raises(AssertionError, match="maps to"):
        clauses.words_are_of_the_vocabulary(replace(ABOUT, codes={"X": "on_its_way"}))


def test_a_reader_that_raises_something_else_is_caught() -> None:
    def fragile(body: bytes) -> Answer:
        return Answer(not_found=(json.loads(body)["number"],))

    with pytest.raises(TypeError):
        clauses.rubbish_is_bad_payload(fragile, b"[]")

    def silent(body: bytes) -> Answer:
        raise BadPayload

    with pytest.raises(AssertionError, match="reason"):
        clauses.rubbish_is_bad_payload(silent, b"[]")


class Trusting(Northpost):
    """Checks nothing."""

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        return


class IgnoresAge(Northpost):
    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        stamp = hook.headers.get("northpost-signature", "t=0,")[2:].partition(",")[0]
        super().verify(hook, secret, datetime.fromtimestamp(int(stamp) if stamp.isdecimal() else 0, UTC))


class AcceptsAnEmptySecret(Northpost):
    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        if secret.strip():
            super().verify(hook, secret, now)


class AcceptsWithoutHeader(Northpost):
    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        if hook.headers:
            super().verify(hook, secret, now)


class TakesTheFirstOfSeveral(Northpost):
    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        first = {name: value.partition(", ")[0] for name, value in hook.headers.items()}
        super().verify(Hook(hook.body, first), secret, now)


class IgnoresTheBody(Northpost):
    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        if not hook.headers.get("northpost-signature", "").startswith("t="):
            raise BadSignature
        if not secret.strip():
            raise BadSignature


class RefusesEverything(Northpost):
    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        raise BadSignature


class ForgetsItsHeader(Northpost):
    about: About = replace(ABOUT, hook_header_names=())


@pytest.mark.parametrize(
    "mutant",
    [Trusting, IgnoresAge, AcceptsAnEmptySecret, AcceptsWithoutHeader, TakesTheFirstOfSeveral, IgnoresTheBody,
     RefusesEverything, ForgetsItsHeader],
)  # fmt: skip
def test_a_careless_check_is_caught(mutant: type[Northpost]) -> None:
    clauses.signatures_hold(TRUE, SIGNER, HOOK.body)
    with pytest.raises((AssertionError, BadSignature)):
        clauses.signatures_hold(mutant(), SIGNER, HOOK.body)


class OneKeyForAll(Northpost):
    def hook_key(self, hook: Hook) -> str:
        return "always the same"


class KeyOfTheAttempt(Northpost):
    def hook_key(self, hook: Hook) -> str:
        return super().hook_key(hook) + str(hook.headers)


class KeyWithoutEnd(Northpost):
    def hook_key(self, hook: Hook) -> str:
        return hook.body.decode()


@pytest.mark.parametrize("mutant", [OneKeyForAll, KeyOfTheAttempt, KeyWithoutEnd])
def test_a_careless_hook_key_is_caught(mutant: type[Northpost]) -> None:
    clauses.hook_keys_tell_deliveries_apart(TRUE, HOOK.body)
    with pytest.raises(AssertionError):
        clauses.hook_keys_tell_deliveries_apart(mutant(), HOOK.body)


class PushesInOtherPlaces(Northpost):
    def parse_hook(self, body: bytes) -> Answer:
        return each_scan(super().parse_hook(body), lambda scan: replace(scan, place=replace(scan.place, city="?")))


class PushesNothing(Northpost):
    def parse_hook(self, body: bytes) -> Answer:
        return Answer()


@pytest.mark.parametrize("mutant", [PushesInOtherPlaces, PushesNothing])
def test_a_hook_that_disagrees_with_the_poll_is_caught(mutant: type[Northpost]) -> None:
    clauses.poll_and_hook_agree(HOOK, TRACK, TRUE)
    with pytest.raises(AssertionError):
        clauses.poll_and_hook_agree(HOOK, TRACK, mutant())


class SwallowsErrors(Northpost):
    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        try:
            return super().fetch(http, numbers)
        except Exception:
            return Fetched(200, b'{"parcels": []}')


class EverythingIsUnavailable(Northpost):
    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        try:
            return super().fetch(http, numbers)
        except Exception as error:
            raise Unavailable from error


class HidesTheStatus(Northpost):
    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        return Fetched(200, super().fetch(http, numbers).body)


class ChokesOn404(Northpost):
    def parse(self, body: bytes, status: int = 200) -> Answer:
        value: Mapping[str, Any] = json.loads(body)
        return Answer(not_found=(value["number"],))


@pytest.mark.parametrize("mutant", [SwallowsErrors, EverythingIsUnavailable, HidesTheStatus, ChokesOn404])
def test_errors_in_a_muddle_are_caught(mutant: type[Northpost]) -> None:
    with pytest.raises((AssertionError, Unavailable, KeyError, pytest.fail.Exception)):
        clauses.errors_are_told_apart(mutant())
