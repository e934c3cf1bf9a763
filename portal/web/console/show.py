"""Dates, times, ages and money as agents read them: in the brand's zone, in the words of the console's language."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_timedelta

from portal.speech import dates
from portal.tables import Brand
from portal.web.edge import Ask
from returns.money import Money

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words with named gaps, and what fills them. Only our own tables make one: `_()` trusts words, never facts."""

    words: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant for a page: `iso` for machines, `day` may be the word for today, `clock` is "14:58"."""

    iso: str
    day: str
    clock: str
    is_today: bool


@dataclass(frozen=True, slots=True)
class Show:
    """How one brand's facts are shown at one moment."""

    zone: ZoneInfo
    locale: str
    now: datetime

    @property
    def zone_name(self) -> str:
        """For people: "Europe/London (GMT)", but "UTC"."""
        short = self.now.astimezone(self.zone).tzname()
        return self.zone.key if short == self.zone.key else f"{self.zone.key} ({short})"

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def day(self, value: date | str | None) -> str:
        """ "Tue 24 Nov", with the year when it is far away; empty for None and for what is no date."""
        found = _date(value)
        return dates.day(found, self.locale, self.today) if found else ""

    def span(self, first: date | str | None, last: date | str | None) -> str:
        """Two dates as one text: "Tue 24 – Wed 25 Nov"; one where only one is known."""
        start, end = _date(first), _date(last)
        if start and end:
            return dates.span(start, end, self.locale, self.today)
        return self.day(end or start)

    def moment(self, at: datetime | None) -> Moment | None:
        """An instant on the brand's clock."""
        if at is None:
            return None
        local = at.astimezone(self.zone)
        utc = at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return Moment(utc, self.day(local.date()), local.strftime("%H:%M"), local.date() == self.today)

    def ago(self, at: datetime | None) -> str:
        """How long it has lasted: "3 hr", "2 days"; empty for None."""
        if at is None:
            return ""
        passed = max(self.now - at, timedelta(0))
        return format_timedelta(passed, "minute", threshold=1.5, format="short", locale=self.locale)

    def money(self, minor: int, currency: str) -> str:
        """ "£296.10", "−£4.00": the currency's own places, a real minus sign."""
        return dates.money(minor, currency, self.locale)

    def plain(self, minor: int, currency: str) -> str:
        """ "296.10": as a form field holds it."""
        return Money(minor, currency).plain()

    def facts(self, facts: Mapping[str, Any], currency: str = "") -> dict[str, Any]:
        """Facts for a sentence: ISO dates become days, "x_minor" also gives "x" as money; lists do not pass."""
        plain = {key: value for key, value in facts.items() if isinstance(value, str | int)}
        shown = {key: self.day(v) if isinstance(v, str) and _ISO_DATE.fullmatch(v) else v for key, v in plain.items()}
        amounts = {key: value for key, value in plain.items() if key.endswith("_minor") and type(value) is int}
        money = {key.removesuffix("_minor"): self.money(value, currency) for key, value in amounts.items() if currency}
        return shown | money


def show_for(ask: Ask, brand: Brand | None) -> Show:
    """For one brand's facts, or with None for the installation's (UTC). Language: that of the console."""
    return Show(_zone(brand.zone if brand else "UTC"), console_locale(ask), ask.now)


def console_locale(ask: Ask) -> str:
    """The language the page around it is written in."""
    return str(dates.locale_of(ask.site.locale if ask.site else "en"))


def phrase(words: Mapping[str, str], code: str, facts: Mapping[str, Any] | None = None) -> Phrase:
    """The sentence for a code. A code without one, or with a fact missing, is shown as it is, never an error."""
    given = facts or {}
    sentence = words.get(code)
    if sentence is not None:
        try:
            sentence % given
        except (KeyError, ValueError, TypeError):
            sentence = None
    if sentence is None:
        return Phrase("%(code)s", {"code": code.replace("_", " ").replace(".", ": ")})
    return Phrase(sentence, given)


def _date(value: date | str | None) -> date | None:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
