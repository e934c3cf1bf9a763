"""Dates, times and money as people write them, by locale. Every function is pure and remembers what it made."""

from copy import copy
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_interval, format_skeleton

from returns.money import MoneyError, exponent

MINUS = "\u2212"
# Beyond this a bare weekday and month could be taken for the wrong year.
_YEAR_SHOWN_AFTER = timedelta(days=334)


@lru_cache(64)
def locale_of(tag: str) -> Locale:
    """Babel's locale for "de", "de-AT" or "pt_BR". English without a region writes the day before the month."""
    try:
        found = Locale.parse(tag.replace("-", "_"))
    except (ValueError, UnknownLocaleError, TypeError):
        found = Locale("en")
    return Locale("en", "GB") if str(found) == "en" else found


@lru_cache(4096)
def day(value: date, locale: str, today: date) -> str:
    """ "Tue 24 Nov"; with the year when that is far away."""
    far = abs(value - today) > _YEAR_SHOWN_AFTER
    return str(format_skeleton("yMMMEd" if far else "MMMEd", value, locale=locale_of(locale)))


@lru_cache(4096)
def span(first: date, last: date, locale: str, today: date) -> str:
    """ "Tue 24 – Wed 25 Nov"; one day where both are the same."""
    if first >= last:
        return day(last, locale, today)
    if abs(last - today) > _YEAR_SHOWN_AFTER or first.year != last.year:
        return f"{day(first, locale, today)} – {day(last, locale, today)}"
    place = locale_of(locale)
    if place.language == "en" and place.territory != "US" and first.month == last.month:
        # CLDR repeats the month in English; said once it reads faster, and it is the largest line of the page.
        return f"{short_day(first, locale)} – {day(last, locale, today)}"
    return str(format_interval(first, last, "MMMEd", locale=place)).replace("\u2009–\u2009", " – ")


@lru_cache(4096)
def short_day(value: date, locale: str) -> str:
    """ "Tue 24": where the month is clear from what stands around."""
    return str(format_skeleton("Ed", value, locale=locale_of(locale)))


@lru_cache(4096)
def clock(local: str) -> str:
    """ "14:31" of a wall clock like "2026-11-20T14:31:00"; empty for a bare date."""
    return local[11:16]


@lru_cache(4096)
def iso_day(local: str) -> date | None:
    """The date of a wall clock or a bare date; None for text that holds none."""
    try:
        return date.fromisoformat(local[:10])
    except ValueError:
        return None


@lru_cache(4096)
def money(minor: int, currency: str, locale: str) -> str:
    """ "£568.75", "−£63.20": the currency's own places, its symbol by locale, a real minus sign."""
    try:
        places = exponent(currency)
    except MoneyError:
        places = 2
    place = locale_of(locale)
    pattern = copy(place.currency_formats["standard"])
    # The pattern's own two places are no currency's; CLDR's digits differ from ISO 4217 for some.
    pattern.frac_prec = (places, places)
    amount = Decimal(minor).scaleb(-places)
    return str(pattern.apply(amount, place, currency=currency, currency_digits=False)).replace("-", MINUS)


def age(then: datetime, now: datetime) -> tuple[str, int]:
    """How long ago, as ("minutes" | "hours" | "days", count): words and plurals live in templates."""
    seconds = max(0, int((now - then).total_seconds()))
    if seconds < 5400:
        return "minutes", max(1, round(seconds / 60))
    if seconds < 129_600:
        return "hours", round(seconds / 3600)
    return "days", round(seconds / 86_400)
