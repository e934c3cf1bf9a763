"""Money as whole minor units of one currency: add, compare, share out without losing a cent. No floats anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# ISO 4217, codes in use plus those withdrawn since 2022, because an old order keeps its currency.
_IN_USE = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
    CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD
    HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD
    MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG
    QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD
    TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ZWL
"""
_NO_PLACES = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_PLACES = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_PLACES = "CLF UYW"
_EXPONENTS = {
    **dict.fromkeys(_IN_USE.split(), 2),
    **dict.fromkeys(_NO_PLACES.split(), 0),
    **dict.fromkeys(_THREE_PLACES.split(), 3),
    **dict.fromkeys(_FOUR_PLACES.split(), 4),
}
_DECIMAL = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?")
_LONGEST = 15  # digits before the point: fits a 64-bit column in any currency, and is more than any order


class MoneyError(ValueError):
    """An amount that cannot be: wrong currency, wrong type, not decimal text. The text says what to do."""


def exponent(currency: str) -> int:
    """Decimal places of a currency by ISO 4217 (JPY 0, EUR 2, KWD 3, CLF 4). MoneyError for a code that is none."""
    if not isinstance(currency, str) or currency not in _EXPONENTS:
        raise MoneyError(f"{currency!r} is not an ISO 4217 currency code; write three capital letters such as EUR")
    return _EXPONENTS[currency]


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` units (cents, yen, fils) of `currency`. May be negative. Amounts of two currencies never mix."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        _whole(self.minor, "an amount in minor units")
        exponent(self.currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def __str__(self) -> str:
        return f"{self.plain()} {self.currency}"

    def times(self, count: int) -> Money:
        """`count` of these; whole numbers only."""
        return Money(self.minor * _whole(count, "a count"), self.currency)

    def part(self, numerator: int, denominator: int) -> Money:
        """numerator/denominator of this, rounded to the nearest minor unit, halves away from zero."""
        top, bottom = self.minor * _whole(numerator, "a numerator"), _whole(denominator, "a denominator")
        if bottom < 1:
            raise MoneyError("a denominator must be 1 or more")
        size = (2 * abs(top) + bottom) // (2 * bottom)
        return Money(size if top >= 0 else -size, self.currency)

    def split(self, weights: Sequence[int]) -> list[Money]:
        """Shares in proportion to `weights`, by largest remainder; they always add up to this.

        Equal remainders go to the earlier share. All weights zero means equal shares. No share has the wrong sign.
        """
        if not weights or any(_whole(w, "a weight") < 0 for w in weights):
            raise MoneyError("weights must be one or more whole numbers, none below zero")
        parts = list(weights) if sum(weights) else [1] * len(weights)
        whole, size = sum(parts), abs(self.minor)
        shares = [size * part // whole for part in parts]
        by_remainder = sorted(range(len(parts)), key=lambda i: -(size * parts[i] % whole))
        for i in by_remainder[: size - sum(shares)]:
            shares[i] += 1
        return [Money(share if self.minor >= 0 else -share, self.currency) for share in shares]

    def plain(self) -> str:
        """Decimal text with exactly the currency's places: "-13.05", "1300", "0.500". For people, format by locale."""
        places = exponent(self.currency)
        digits = str(abs(self.minor)).rjust(places + 1, "0")
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits

    def _same(self, other: Money) -> int:
        if not isinstance(other, Money):
            raise MoneyError(f"money goes with money, not with {type(other).__name__}")
        if other.currency != self.currency:
            raise MoneyError(f"{self.currency} and {other.currency} do not mix; convert before")
        return other.minor


def zero(currency: str) -> Money:
    """Nothing, in this currency."""
    return Money(0, currency)


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum; of nothing, zero of `currency`. MoneyError if one of them has another currency."""
    return sum(amounts, start=zero(currency))


def parse(text: str, currency: str, *, nearest: bool = False) -> Money:
    """Money from decimal text with a point, as shops export it: "13.05", "-4", "16.5289".

    Exact: more places than the currency has are refused unless they are zeros, or unless `nearest` asks for rounding
    (halves away from zero; some shops keep tax to six places). No grouping, no exponent, no symbol, ASCII digits only.
    """
    places = exponent(currency)
    if not isinstance(text, str):
        raise MoneyError(f'an amount must be text, not {type(text).__name__}; write it as "13.05"')
    found = _DECIMAL.fullmatch(text.strip())
    if not found or len(found[2]) > _LONGEST or len(found[3] or "") > _LONGEST:
        raise MoneyError(f"{text[:40]!r} is not an amount; write digits with a point, such as 1234.50")
    sign, whole, fraction = found[1], found[2], found[3] or ""
    kept, rest = fraction[:places].ljust(places, "0"), fraction[places:]
    if rest.strip("0") and not nearest:
        raise MoneyError(f"{text.strip()!r} has more than the {places} decimal places of {currency}")
    minor = int(whole + kept) + (rest[:1] >= "5")
    return Money(-minor if sign == "-" else minor, currency)


def _whole(value: int, what: str) -> int:
    """`value`, if it is an int and nothing else; True and 1.0 are refused."""
    if type(value) is not int:
        raise MoneyError(f"{what} must be a whole number, not {type(value).__name__}")
    return value
