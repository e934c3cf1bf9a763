"""Words for every code, and dates, times and money as people write them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from carriers.status import SUB_STATUSES, Status
from portal.speech import words
from portal.speech.dates import MINUS, age, day, locale_of, money, span
from returns.machine import State
from returns.policy import all_rules
from returns.reasons import REASONS

TODAY = date(2026, 11, 22)


def test_every_status_and_sub_status_has_words() -> None:
    assert set(words.STATUS) == {s.value for s in Status}
    assert set(words.SUB_STATUS) == set(SUB_STATUSES)


def test_every_return_state_and_reason_has_words() -> None:
    assert set(words.RETURN_STATUS) == {s.value for s in State}
    assert set(words.REASON) == set(REASONS)


def test_every_code_that_a_rule_can_say_has_words() -> None:
    said = {
        constant
        for rule in all_rules().values()
        for constant in rule.judge.__code__.co_consts
        if isinstance(constant, str) and constant.replace("_", "").isalpha() and "_" in constant
    }
    not_codes = {"faulty_any_time_", "last_day", "days_late", "grace_days", "transit_days", "faulty_allowed"}
    assert {code for code in said - not_codes if code not in words.OPINION} == set()


def test_a_code_never_seen_has_no_words_of_ours() -> None:
    assert words.happened(None, None) == ""
    assert words.happened("made.up", "also_made_up") == ""


def test_a_missing_fact_leaves_a_gap_and_no_error() -> None:
    assert words.fill("until %(last_day)s.", {"days": 3}) == "until …."
    assert words.fill("bis %(last_day)s.", {"last_day": "3. Dez."}) == "bis 3. Dez."


@pytest.mark.parametrize(
    ("locale", "first", "last", "text"),
    [
        ("en", date(2026, 11, 24), date(2026, 11, 25), "Tue 24 – Wed 25 Nov"),
        ("en", date(2026, 11, 30), date(2026, 12, 1), "Mon 30 Nov – Tue 1 Dec"),
        ("en", date(2026, 11, 24), date(2026, 11, 24), "Tue 24 Nov"),
        ("en-US", date(2026, 11, 24), date(2026, 11, 25), "Tue, Nov 24 – Wed, Nov 25"),
        ("de", date(2026, 11, 24), date(2026, 11, 25), "Di., 24. – Mi., 25. Nov."),
        ("no such locale", date(2026, 11, 24), date(2026, 11, 25), "Tue 24 – Wed 25 Nov"),
    ],
)
def test_a_range_is_written_as_people_of_the_locale_write_it(locale: str, first: date, last: date, text: str) -> None:
    assert span(first, last, locale, TODAY) == text


def test_a_far_date_says_its_year() -> None:
    assert "2028" in day(date(2028, 1, 1), "en", TODAY)
    assert "2026" not in day(date(2026, 12, 24), "en", TODAY)


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "text"),
    [
        (56875, "GBP", "en", "£568.75"),
        (-6320, "GBP", "en", f"{MINUS}£63.20"),
        (0, "GBP", "en", "£0.00"),
        (1300, "JPY", "ja", "￥1,300"),
        (1234567, "KWD", "en", "KWD1,234.567"),
        (123450, "EUR", "de", "1.234,50\u00a0€"),
    ],
)
def test_money_has_its_currencys_places_and_a_real_minus(minor: int, currency: str, locale: str, text: str) -> None:
    assert money(minor, currency, locale).replace("KWD\u00a0", "KWD") == text


def test_age_is_counted_in_the_unit_that_people_would_use() -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert age(now - timedelta(seconds=5), now) == ("minutes", 1)
    assert age(now - timedelta(hours=3), now) == ("hours", 3)
    assert age(now - timedelta(days=4), now) == ("days", 4)


def test_a_locale_from_outside_never_breaks_a_page() -> None:
    assert all(str(locale_of(tag)) for tag in ("", "xx", "de_DE", "pt-BR", "zh-Hant-TW", "../../etc", "x" * 99))
