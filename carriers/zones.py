"""The time zone of a place, so that a carrier's local time becomes an instant where, and only where, it is certain.

Country, region and postcode each say which zones are possible. What they leave is asked about the wall clock in
question: when every zone left gives the same instant, that is the instant, else there is none. So a scan in Arizona is
placed in winter, when Phoenix and the Navajo Nation agree, and in summer only with a postcode that tells them apart.
The rules come from the tzdata package and never from the machine, whose own tables may be years old.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from carriers.contract import Place, ZoneFrom
from carriers.memory import remembered
from carriers.reading import Ahead, When, common_spelling, new_when, offset_text, when
from carriers.zone_tables import COUNTRY_NAMES, LEGAL, POSTCODES, REGIONS

LANGUAGES: Final = ("en", "de", "fr", "es", "it", "nl", "pt", "pl")  # in which carriers write names of countries
_SINCE, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)

Zones = tuple[ZoneInfo, ...]
# looked up once: a member of an enum costs more than a call
_CARRIER, _PLACE, _UNKNOWN = ZoneFrom.CARRIER, ZoneFrom.PLACE, ZoneFrom.UNKNOWN


def zone_at(country: str, region: str = "", postcode: str = "") -> ZoneInfo | None:
    """The one zone of a place, or None where the country is unknown or split and the rest does not tell.

    `country` is a two- or three-letter code or a name ("US", "DEU", "Spanien"), `region` a code or name of a state or
    province, with or without the country before it ("CA", "US-CA", "California"). Zones that agree since 2020 count as
    one. A postcode that contradicts the region tells nothing.
    """
    zones = zones_of(country, region, postcode)
    return zones[0] if len(_rules(zones)) == 1 else None


def placed(when: When, place: Place) -> When:
    """A local time without a zone as an instant of the place; unchanged where place and time do not tell exactly one.

    A wall time that the place skipped or had twice, when clocks were changed, has no certain instant and stays local.
    Dates, and times that the carrier sent with an offset, stay as they are.
    """
    return when if when.at else _moved(when, zones_of(place.country, place.region, place.postcode))


def when_there(value: object, zones: Zones) -> When:
    """As `placed(when(value), place)`, where the zones of the place are known already. Raises TypeError as `when`."""
    parts = common_spelling(value) if isinstance(value, str) else None
    if parts is None:
        return _moved(when(value), zones)
    local, moment, (ahead, offset) = parts
    if ahead is not None:
        return new_when(moment - ahead, local, offset, _CARRIER)
    ahead, offset = _all_day(zones, local[:10])
    if ahead is None:
        return _moved(new_when(None, local, None, _UNKNOWN), zones)
    return new_when(moment - ahead, local, offset, _PLACE)


def in_zone(when: When, zone: str) -> When:
    """As `placed`, for a carrier whose documentation names the zone of its times ("Europe/Berlin").

    Raises ZoneInfoNotFoundError for a name that the time zone database does not have.
    """
    return _moved(when, (_load(zone),))


def _moved(when: When, zones: Zones) -> When:
    if when.at is not None or when.zone_from is not _UNKNOWN or when.date_only or not when.local:
        return when
    ahead, offset = _all_day(zones, when.local[:10])
    if ahead is None:
        ahead, offset = _told(_agreed(zones, when.local))
    if ahead is None:
        return when
    return new_when(datetime.fromisoformat(when.local + "+00:00") - ahead, when.local, offset, _PLACE)


@lru_cache(maxsize=4096)
def _all_day(zones: Zones, day: str) -> Ahead:
    """The offset of zones on a day when they change no clock: spares most scans a closer look."""
    first, last = _agreed(zones, f"{day}T00:00:00"), _agreed(zones, f"{day}T23:59:59")
    return _told(first if first == last else None)


def _told(ahead: timedelta | None) -> Ahead:
    return ahead, None if ahead is None else offset_text(ahead)


def _agreed(zones: Zones, local: str) -> timedelta | None:
    """The one offset that all zones have at a wall time; None without zones."""
    wall = datetime.fromisoformat(local)
    ahead = _ahead(zones[0], wall) if zones else None
    return ahead if all(_ahead(zone, wall) == ahead for zone in zones[1:]) else None


def _ahead(zone: ZoneInfo, wall: datetime) -> timedelta | None:
    """The offset at a wall time, None where the time does not exist or exists twice: then the two folds differ."""
    ahead = zone.utcoffset(wall)
    return ahead if ahead == zone.utcoffset(wall.replace(fold=1)) else None


@remembered(4096)
def zones_of(country: str, region: str, postcode: str) -> Zones:
    """The zones that a place may be in; none where nothing is known or its parts contradict each other."""
    code = country_code(country)
    whole = names = _countries().get(code, ())
    for told in (_of_region(code, region), _of_postcode(code, postcode)):
        if told and names:
            possible = {_rule(name) for name in names}
            kept = tuple(name for name in told if _rule(name) in possible)
            # a far territory under its country's name, such as 97400 in FR, lies outside of all the country's zones
            names = kept or (told if names is whole else ())
    return tuple(_load(name) for name in names)


@lru_cache(maxsize=1024)
def country_code(country: str) -> str:
    """The two letters of a country in any spelling that carriers use; empty where it is not known."""
    word = country.strip()
    upper = word.upper()
    if upper in _countries():
        return upper
    folded = fold(word)
    if not folded:
        return ""
    return COUNTRY_NAMES.get(folded) or _alpha3(upper) or _country_names().get(folded, "")


def fold(text: str) -> str:
    """Lower case, no accents, letters and digits with single spaces between."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"[^\W_]+", "".join(c for c in plain if not unicodedata.combining(c))))


def _alpha3(code: str) -> str:
    from babel.core import get_global  # a table of 500 kB, opened with the first code of this kind

    if not re.fullmatch("[A-Z]{3}", code):
        return ""
    (two, *others) = get_global("territory_aliases").get(code) or [""]
    return str(two) if not others and two in _countries() else ""


@lru_cache(maxsize=1)
def _country_names() -> dict[str, str]:
    """Names of countries in the languages of LANGUAGES. A name that two of them give to different countries is left
    out."""
    from babel import Locale  # as above: opened with the first country that is written out

    found: dict[str, str] = {}
    for language in LANGUAGES:
        for code, name in Locale(language).territories.items():
            if code in _countries():
                key = fold(name)
                found[key] = code if found.get(key, code) == code else ""
    return found


@lru_cache(maxsize=1)
def _countries() -> dict[str, tuple[str, ...]]:
    """Country -> its zones, most populous first, from zone.tab and what we know beyond it."""
    found: dict[str, tuple[str, ...]] = {}
    for line in (resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            code, _, name, *_ = line.split("\t")
            found[code] = (*found.get(code, ()), name)
    return {**found, **LEGAL}


@lru_cache(maxsize=512)
def _load(name: str) -> ZoneInfo:
    try:
        with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (OSError, ValueError):
        raise ZoneInfoNotFoundError(f"no time zone {name!r}") from None


@lru_cache(maxsize=512)
def _rule(name: str) -> tuple[timedelta | None, ...]:
    """What tells two zones apart: their offsets every week, from 2020 on."""
    zone, step = _load(name), timedelta(days=7)
    count = (_UNTIL - _SINCE) // step
    return tuple((_SINCE + step * n).astimezone(zone).utcoffset() for n in range(count))


def _rules(zones: Sequence[ZoneInfo]) -> set[tuple[timedelta | None, ...]]:
    return {_rule(str(zone.key)) for zone in zones}


def _of_region(country: str, region: str) -> tuple[str, ...]:
    key = fold(region)
    table = _regions(country)
    return table.get(key) or table.get(key.removeprefix(f"{country.casefold()} "), ())


@lru_cache(maxsize=64)
def _regions(country: str) -> dict[str, tuple[str, ...]]:
    return {fold(name): zones for zones, names in REGIONS.get(country, ()) for name in names.split(",")}


def _of_postcode(country: str, postcode: str) -> tuple[str, ...]:
    table = _postcodes(country)
    code = "".join(c for c in postcode.upper() if c.isalnum())
    return next((table[code[:n]] for n in range(len(code), 0, -1) if code[:n] in table), ()) if table else ()


@lru_cache(maxsize=64)
def _postcodes(country: str) -> dict[str, tuple[str, ...]]:
    return {
        start: zones for zones, ranges in POSTCODES.get(country, ()) for word in ranges.split() for start in _each(word)
    }


def _each(word: str) -> Iterator[str]:
    """ "010-012" -> 010, 011, 012; anything else is itself."""
    first, _, last = word.partition("-")
    spell: Callable[[int], str] = f"{{:0{len(first)}d}}".format
    return map(spell, range(int(first), int(last) + 1)) if last else iter((first,))
