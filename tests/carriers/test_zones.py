"""Zones: a place gives a local time its instant only where country, region and postcode leave one answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.contract import Place, ZoneFrom
from carriers.reading import UNTIMED, When, when
from carriers.zone_tables import COUNTRY_NAMES, LEGAL, POSTCODES, REGIONS
from carriers.zones import LANGUAGES, country_code, fold, in_zone, placed, when_there, zone_at, zones_of

ONE_ZONE = {
    "DE": "Europe/Berlin",
    "DEU": "Europe/Berlin",
    "Deutschland": "Europe/Berlin",
    "GERMANY": "Europe/Berlin",
    "GB": "Europe/London",
    "UK": "Europe/London",
    "United Kingdom of Great Britain and Northern Ireland": "Europe/London",
    "GBR": "Europe/London",
    "JPN": "Asia/Tokyo",
    "Japan": "Asia/Tokyo",
    "NL": "Europe/Amsterdam",
    "The Netherlands": "Europe/Amsterdam",
    "FR": "Europe/Paris",
    "HONG KONG SAR, CHINA": "Asia/Hong_Kong",
    "KOREA, REPUBLIC OF": "Asia/Seoul",
    "IN": "Asia/Kolkata",
    "CN": "Asia/Shanghai",
    "PR": "America/Puerto_Rico",
    "XK": "Europe/Belgrade",
}


@pytest.mark.parametrize(("country", "zone"), ONE_ZONE.items())
def test_a_country_with_one_time_is_enough_however_it_is_written(country: str, zone: str) -> None:
    found = zone_at(country)
    assert found is not None
    assert found.key == zone
    assert zone_at(f"  {country.lower()} ") == found


def test_zones_that_keep_the_same_time_are_one() -> None:
    assert zone_at("AR") is not None  # twelve zones, one clock
    assert zone_at("MY") is not None


@pytest.mark.parametrize("country", ["US", "United States", "CA", "AU", "BR", "MX", "RU", "ID", "ES", "PT", "NZ", "CL"])
def test_a_split_country_alone_stays_unknown(country: str) -> None:
    assert zone_at(country) is None


@pytest.mark.parametrize("country", ["", " ", "Atlantis", "ZZ", "string", "99", "-"])
def test_an_unknown_country_stays_unknown(country: str) -> None:
    assert zone_at(country, "CA", "90001") is None


@pytest.mark.parametrize(
    ("country", "region", "postcode", "zone"),
    [
        ("US", "CA", "", "America/Los_Angeles"),
        ("USA", "US-CA", "", "America/Los_Angeles"),
        ("United States", "california", "", "America/Los_Angeles"),
        ("US", "NY", "10001-1234", "America/New_York"),
        ("US", "", "10001", "America/New_York"),
        ("US", "TX", "75201", "America/Chicago"),
        ("US", "TX", "79901", "America/Denver"),
        ("US", "FL", "33101", "America/New_York"),
        ("US", "FL", "32501", "America/Chicago"),
        ("US", "AZ", "85001", "America/Phoenix"),
        ("US", "IN", "46204", "America/New_York"),
        ("US", "AK", "99501", "America/Anchorage"),
        ("US", "AK", "99546", "America/Adak"),
        ("US", "HI", "", "Pacific/Honolulu"),
        ("US", "PR", "00901", "America/Puerto_Rico"),
        ("US", "GU", "96910", "Pacific/Guam"),
        ("CA", "ON", "M5V 2T6", "America/Toronto"),
        ("CA", "ON", "P9N 1A1", "America/Winnipeg"),
        ("CA", "SK", "S4P 3Y2", "America/Regina"),
        ("Canada", "Québec", "H2X 1Y4", "America/Toronto"),
        ("CAN", "BC", "V1G 1A1", "America/Dawson_Creek"),
        ("AU", "NSW", "2000", "Australia/Sydney"),
        ("AU", "NSW", "2880", "Australia/Broken_Hill"),
        ("AU", "", "0800", "Australia/Darwin"),
        ("BR", "SP", "", "America/Sao_Paulo"),
        ("BR", "São Paulo", "", "America/Sao_Paulo"),
        ("BR", "", "69005-070", "America/Manaus"),
        ("MX", "Jalisco", "", "America/Mexico_City"),
        ("MX", "", "77500", "America/Cancun"),
        ("RU", "", "101000", "Europe/Moscow"),
        ("RU", "Sverdlovsk", "", "Asia/Yekaterinburg"),
        ("ID", "Bali", "", "Asia/Makassar"),
        ("ID", "", "10110", "Asia/Jakarta"),
        ("ES", "", "35001", "Atlantic/Canary"),
        ("ES", "", "28001", "Europe/Madrid"),
        ("PT", "", "9500-150", "Atlantic/Azores"),
        ("NZ", "", "6011", "Pacific/Auckland"),
        ("FR", "", "97400", "Indian/Reunion"),
        ("FR", "", "75001", "Europe/Paris"),
    ],
)
def test_region_and_postcode_tell_what_the_country_does_not(
    country: str, region: str, postcode: str, zone: str
) -> None:
    found = zone_at(country, region, postcode)
    assert found is not None
    wanted = in_zone(when("2026-07-01T12:00:00"), zone), in_zone(when("2026-12-01T12:00:00"), zone)
    assert wanted == (
        placed(when("2026-07-01T12:00:00"), Place("", region, postcode, country)),
        placed(when("2026-12-01T12:00:00"), Place("", region, postcode, country)),
    )


@pytest.mark.parametrize(
    ("country", "region", "postcode"),
    [
        ("US", "TX", ""),
        ("US", "IN", ""),
        ("US", "TN", "37301"),  # the line runs through this group of postcodes
        ("US", "AZ", "86040"),
        ("US", "AE", "09001"),  # a military address
        ("US", "XX", ""),
        ("CA", "ON", "P0T 1A0"),
        ("AU", "NSW", ""),
        ("NZ", "", ""),
        ("RU", "Sakha", ""),
    ],
)
def test_what_is_split_and_not_told_is_never_guessed(country: str, region: str, postcode: str) -> None:
    assert zone_at(country, region, postcode) is None


def test_a_postcode_that_contradicts_the_region_tells_nothing() -> None:
    assert zone_at("US", "CA", "10001") is None
    assert zone_at("US", "CA", "00901") is None
    assert placed(when("2026-11-20T14:31:00"), Place("", "CA", "10001", "US")).at is None


def test_a_local_time_becomes_an_instant_of_its_place() -> None:
    local = when("2026-11-20T14:31:00")
    assert placed(local, Place("Berlin", "", "", "DE")) == When(
        datetime(2026, 11, 20, 13, 31, tzinfo=UTC), "2026-11-20T14:31:00", "+01:00", ZoneFrom.PLACE
    )
    assert placed(local, Place(country="US")) is local


def test_zones_that_agree_on_that_day_place_it() -> None:
    navajo_or_not = Place("", "AZ", "", "US")
    assert placed(when("2026-01-15T12:00:00"), navajo_or_not).offset == "-07:00"
    assert placed(when("2026-07-15T12:00:00"), navajo_or_not).at is None
    assert placed(when("2023-07-15T12:00:00"), Place(country="KZ")).at is None
    assert placed(when("2026-07-15T12:00:00"), Place(country="KZ")).offset == "+05:00"  # united in March 2024


@pytest.mark.parametrize(
    ("wall", "why"),
    [("2026-03-29T02:30:00", "the clocks skipped it"), ("2026-10-25T02:30:00", "the clocks had it twice")],
)
def test_a_wall_time_that_does_not_exist_once_has_no_instant(wall: str, why: str) -> None:
    local = when(wall)
    assert placed(local, Place(country="DE")) is local, why
    assert in_zone(local, "Europe/Berlin") is local, why


@pytest.mark.parametrize(
    "told",
    [when("2026-11-20T14:31:00+09:00"), when("2026-11-20T14:31:00Z"), when("2026-11-20"), UNTIMED],
)
def test_what_the_carrier_told_or_never_told_stays(told: When) -> None:
    assert placed(told, Place(country="DE")) is told
    assert in_zone(told, "Europe/Berlin") is told


def test_a_carrier_with_one_documented_zone() -> None:
    moment = in_zone(when("2026-07-20T14:31:00"), "Europe/Berlin")
    assert moment == When(datetime(2026, 7, 20, 12, 31, tzinfo=UTC), "2026-07-20T14:31:00", "+02:00", ZoneFrom.PLACE)


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../etc/passwd", "Europe", "zone.tab"])
def test_a_zone_that_does_not_exist_is_a_mistake_of_ours(name: str) -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        in_zone(when("2026-07-20T14:31:00"), name)


def test_the_rules_are_those_of_the_library_not_of_the_machine() -> None:
    """Kazakhstan's change of 2024 stands for what an old machine does not know."""
    assert in_zone(when("2024-06-01T12:00:00"), "Asia/Almaty").offset == "+05:00"


def test_every_zone_and_word_of_the_tables_is_sound() -> None:
    for table in (REGIONS, POSTCODES):
        for country, rows in table.items():
            words = [word for _, text in rows for word in (text.split(",") if table is REGIONS else text.split())]
            assert len({fold(word) for word in words}) == len(words), f"{country}: a word stands twice"
            for zones, _ in rows:
                for zone in zones:
                    assert in_zone(when("2026-11-20T12:00:00"), zone).at is not None
    assert all(in_zone(when("2026-11-20T12:00:00"), zone).at for zones in LEGAL.values() for zone in zones)
    assert all(fold(name) == name for name in COUNTRY_NAMES)
    assert all(country_code(name) == code for name, code in COUNTRY_NAMES.items())


@pytest.mark.parametrize("country", sorted(POSTCODES))
def test_no_two_rows_claim_one_group_of_postcodes(country: str) -> None:
    ranges = sorted(
        (len(first), first, last or first)
        for _, text in POSTCODES[country]
        for first, _, last in (word.partition("-") for word in text.split())
    )
    for (length, _, last), (other, first, _) in pairwise(ranges):
        assert length != other or last < first


def test_names_of_countries_are_read_in_the_languages_of_carriers() -> None:
    assert {country_code(name) for name in ("Spanien", "Espagne", "España", "Spagna", "Spanje", "Hiszpania")} == {"ES"}
    assert "en" in LANGUAGES


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_text_of_a_carrier_breaks_it(country: str, region: str, postcode: str) -> None:
    zone_at(country, region, postcode)
    placed(when("2026-11-20T14:31:00"), Place("", region, postcode, country))


@given(
    st.datetimes(datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2037-12-31")),
    st.sampled_from([("US", "NY", "10001"), ("DE", "", ""), ("AU", "VIC", ""), ("BR", "SP", ""), ("IN", "", "")]),
)
def test_a_placed_time_reads_the_same_on_the_clock_there(wall: datetime, place: tuple[str, str, str]) -> None:
    moment = placed(when(wall.replace(microsecond=0).isoformat()), Place("", place[1], place[2], place[0]))
    zone = zone_at(*place)
    assert zone is not None
    if moment.at is None:  # within an hour of a change of clocks
        before, after = ((wall + timedelta(hours=h)).replace(tzinfo=zone).utcoffset() for h in (-3, 3))
        assert before != after
    else:
        assert moment.at.astimezone(zone).replace(tzinfo=None).isoformat() == moment.local


STAMPS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda wall: wall.isoformat(timespec="seconds"))  # noqa: DTZ001
PLACES = st.sampled_from(
    [
        Place(),
        Place("Köln", "", "50667", "DE"),
        Place("Phoenix", "AZ", "", "US"),
        Place("Phoenix", "AZ", "85001", "US"),
        Place("", "", "", "US"),
        Place("Sydney", "NSW", "2000", "AU"),
    ]
)


@given(STAMPS, st.sampled_from(["", "Z", "+05:45", ".5", " -0400", "+99:00", "x"]), PLACES)
def test_a_time_is_placed_alike_in_one_step_and_in_two(stamp: str, rest: str, place: Place) -> None:
    zones = zones_of(place.country, place.region, place.postcode)
    assert when_there(stamp + rest, zones) == placed(when(stamp + rest), place)


@pytest.mark.parametrize("value", [None, "", "2026-07-20", "20260720 143100", "2026-07-20 14:31Z", "soon"])
def test_any_other_spelling_is_placed_alike_too(value: str | None) -> None:
    assert when_there(value, zones_of("DE", "", "")) == placed(when(value), Place(country="DE"))


def test_when_clocks_change_one_step_is_as_careful_as_two() -> None:
    for wall in ("2026-03-29T02:30:00", "2026-10-25T02:30:00"):
        assert when_there(wall, zones_of("DE", "", "")).at is None
    assert when_there("2026-03-29T03:30:00", zones_of("DE", "", "")).offset == "+02:00"


@pytest.mark.parametrize("value", [5, True, [], {}])
def test_what_is_no_text_is_no_time(value: object) -> None:
    with pytest.raises(TypeError):
        when_there(value, ())
