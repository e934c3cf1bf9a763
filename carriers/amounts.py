"""Amounts as carriers write them, "11.01" with a currency, to and from integer minor units. Exact, without floats."""

from decimal import Decimal, InvalidOperation
from typing import Final

# ISO 4217 currencies whose minor unit is not the hundredth part.
_WITHOUT: Final = frozenset(["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"])
_THOUSANDTHS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def exponent(currency: str) -> int:
    """How many decimals the minor unit has: 2, save for the listed currencies."""
    return 0 if currency in _WITHOUT else 3 if currency in _THOUSANDTHS else 2


def to_minor(amount: str, currency: str) -> int:
    """1101 for "11.01" in USD. Raises ValueError for what is not a plain decimal or does not fit the minor unit."""
    try:
        value = Decimal(amount).scaleb(exponent(currency))
        whole = int(value)
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError(f"{amount[:20]!r} is not an amount") from None
    if whole != value or abs(whole) > 10**15:
        raise ValueError(f"{amount[:20]!r} does not fit {currency}")
    return whole


def to_text(minor: int, currency: str) -> str:
    """ "11.01" for 1101 in USD."""
    return f"{Decimal(minor).scaleb(-exponent(currency)):f}"
