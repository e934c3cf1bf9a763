"""Reading exports that strangers made: JSON documents with their line numbers, texts, amounts, counts and times."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from portal.shops.contract import MAX_MINOR, MAX_QUANTITY, Draft, RowFault, Unreadable
from returns.money import MoneyError, exponent
from returns.money import parse as parse_money

_SPACE = re.compile(r"[ \t\r\n]*")
_LIST_INSIDE = re.compile(r'\s*\{\s*"(?:orders|data)"\s*:\s*\[')
_CURRENCY = re.compile(r"[A-Z]{3}")
_EARLIEST, _LATEST = 1990, 2100
# Joiners and direction marks belong to names in many scripts and stay; overrides only disguise text.
_UNPRINTABLE = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
_BIDI_OVERRIDES = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON value of a file, and the line it begins on."""

    line: int
    value: Any


def text_of(body: bytes) -> str:
    """The file as text. Raises Unreadable for anything but UTF-8 (with or without byte order mark)."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"line {line} is not UTF-8 text; save the file as UTF-8") from None


def documents(body: bytes) -> Iterator[Document | RowFault]:
    """The JSON values of a file: one, the elements of one list (bare, or under "orders" or "data"), or JSON lines.

    A broken line of JSON lines is a fault of its own; after a break inside a list nothing further can be told apart.
    """
    try:
        text = text_of(body)
    except Unreadable as error:
        yield RowFault(1, str(error))
        return
    start = _skip(text, 0)
    if start == len(text):
        yield RowFault(1, "the file is empty")
        return
    inside = _LIST_INSIDE.match(text, start)
    if text[start] == "[" or inside:
        yield from _elements(text, inside.end() if inside else start + 1)
    elif _is_json_lines(text, start):
        yield from _lines(text)
    else:
        value = _value(text, start, _line(text, start))
        yield value if isinstance(value, RowFault) else value[0]


def drafts(body: bytes, read: Callable[[Document], Draft]) -> Iterator[Draft | RowFault]:
    """Every JSON value of a file as an order, or what `read` says is wrong with it by raising Unreadable."""
    for document in documents(body):
        if isinstance(document, RowFault):
            yield document
            continue
        try:
            yield read(document)
        except Unreadable as error:
            yield RowFault(document.line, str(error))


def _elements(text: str, at: int) -> Iterator[Document | RowFault]:
    at = _skip(text, at)
    counted, line = 0, 1  # lines are counted on from the last element: from the start each time would be quadratic
    while at < len(text) and text[at] != "]":
        line, counted = line + text.count("\n", counted, at), at
        found = _value(text, at, line, whole=False)
        if isinstance(found, RowFault):
            yield found
            return
        document, at = found
        yield document
        at = _skip(text, at)
        if at < len(text) and text[at] == ",":
            at = _skip(text, at + 1)
        elif at >= len(text) or text[at] != "]":
            yield RowFault(_line(text, at), "the list breaks off here; what follows was not read")
            return
    if at >= len(text):
        yield RowFault(_line(text, at), "the list is not closed; the file may be cut short")


def _is_json_lines(text: str, start: int) -> bool:
    lines = [line for line in text[start:].split("\n", 50)[:50] if line.strip()]
    return len(lines) > 1 and lines[0].rstrip().endswith("}") and lines[1].lstrip().startswith("{")


def _lines(text: str) -> Iterator[Document | RowFault]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            found = _value(line, _skip(line, 0), number)
            yield RowFault(number, found.reason) if isinstance(found, RowFault) else found[0]


def _value(text: str, at: int, line: int, *, whole: bool = True) -> tuple[Document, int] | RowFault:
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        return RowFault(error.lineno, f"not JSON: {error.msg} (column {error.colno})")
    except RecursionError:
        return RowFault(line, "nested too deeply to be an order")
    except ValueError as error:
        return RowFault(line, f"not JSON: {error}")
    if whole and _skip(text, end) != len(text):
        return RowFault(_line(text, end), "there is more after the end of the JSON value")
    return Document(line, value), end


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number that JSON knows")


# Decimals keep the digits as the shop wrote them: no amount passes through a binary float.
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def clean(value: Any, longest: int = 300) -> str:
    """One line of plain text: control characters and half surrogates dropped, white space folded, cut at `longest`."""
    if value is None or isinstance(value, bool | dict | list):
        return ""
    raw = format(value, "f") if isinstance(value, Decimal) else str(value)
    kept = "".join(" " if unicodedata.category(c) in _UNPRINTABLE or c in _BIDI_OVERRIDES else c for c in raw)
    return " ".join(kept.split())[:longest]


def currency_of(value: Any) -> str:
    """An ISO 4217 code in capitals. Raises Unreadable."""
    code = clean(value, 10).upper()
    if not _CURRENCY.fullmatch(code):
        raise Unreadable(f"currency is {code or 'missing'!r}; it must be three letters such as EUR")
    try:
        exponent(code)
    except MoneyError as error:
        raise Unreadable(str(error)) from None
    return code


def minor(value: Any, currency: str, what: str, *, nearest: bool = False, negative: bool = False) -> int:
    """An amount in minor units; nothing (None, "") is 0. Raises Unreadable, naming `what`."""
    if value is None or value == "":
        return 0
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Unreadable(f"{what} must be an amount such as 13.05, not {type(value).__name__}")
    plain = format(value, "f") if isinstance(value, Decimal) else str(value).strip()
    try:
        amount = parse_money(plain, currency, nearest=nearest).minor
    except MoneyError as error:
        raise Unreadable(f"{what}: {error}") from None
    if amount < 0 and not negative:
        raise Unreadable(f"{what} is below zero ({plain})")
    if abs(amount) > MAX_MINOR:
        raise Unreadable(f"{what} is too large ({plain[:30]})")
    return amount


def count(value: Any, what: str) -> int:
    """A whole number of units. Raises Unreadable for fractions, negatives and absurd sizes."""
    plain = value
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        plain = int(value) if abs(value) <= MAX_QUANTITY else MAX_QUANTITY + 1
    elif isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        plain = int(value)
    if isinstance(plain, bool) or not isinstance(plain, int) or not 0 <= plain <= MAX_QUANTITY:
        raise Unreadable(f"{what} must be a whole number from 0 to {MAX_QUANTITY}, not {clean(value, 30) or value!r}")
    return plain


def instant(value: Any, what: str, zone: ZoneInfo | None) -> datetime:
    """A moment in UTC from ISO 8601 text. A time (or date) without an offset is read in `zone`; None refuses it."""
    raw = clean(value, 40)
    try:
        moment = datetime.fromisoformat(raw.replace("/", "-"))
        if moment.tzinfo is None:
            if zone is None:
                raise Unreadable(f"{what} has no offset: {raw}; write it as 2026-11-20T14:31:00+01:00")
            moment = moment.replace(tzinfo=zone)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"{what} is {raw or 'missing'!r}; write it as 2026-11-20T14:31:00+01:00") from None
    if not _EARLIEST <= moment.year < _LATEST:
        raise Unreadable(f"{what} is {raw}, outside the years {_EARLIEST} to {_LATEST - 1}")
    return moment


def day(value: Any, what: str) -> date | None:
    """A calendar date from the front of ISO text; None for nothing. Raises Unreadable."""
    raw = clean(value, 40)
    if not raw:
        return None
    try:
        found = date.fromisoformat(raw[:10])
    except ValueError:
        raise Unreadable(f"{what} is {raw!r}; write it as 2026-11-20") from None
    if not _EARLIEST <= found.year < _LATEST:
        raise Unreadable(f"{what} is {raw}, outside the years {_EARLIEST} to {_LATEST - 1}")
    return found


def keys_of(value: Any) -> str:
    """The first keys of an object, to say what was found instead of an order."""
    if isinstance(value, dict):
        return "an object with " + ", ".join(clean(key, 30) for key in list(value)[:6]) if value else "an empty object"
    return {list: "a list", str: "a text", type(None): "null"}.get(type(value), "a number")


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(found: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects of a list under `key`; anything else in there, or instead of it, counts for nothing."""
    value = found.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
