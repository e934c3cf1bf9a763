"""Amounts as carriers write them, "11.01" with a currency, to and from integer minor units. Exact, without floats."""

import re
from decimal import Decimal
from typing import Final

# ISO 4217 currencies whose minor unit is not the hundredth part.
_EXPONENTS: Final = {
    **{code: 0 for code in re.findall("...", "BIFCLPDJFGNFISKJPYKMFKRWPYGRWFUGXUYIVNDVUVXAFXOFXPF")},
    **{code: 3 for code in re.findall("...", "BHDIQDJODKWDLYDOMRTND")},
}
_PLAIN = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")


def to_minor(amount: str, currency: str) -> int:
    """1101 for "11.01" in USD. Raises ValueError for what is not a plain decimal or does not fit the minor unit."""
    if not _PLAIN.fullmatch(amount):
        raise ValueError(f"{amount[:20]!r} is not an amount")
    value = Decimal(amount).scaleb(_EXPONENTS.get(currency, 2))
    if value != int(value):
        raise ValueError(f"{amount[:20]!r} does not fit {currency}")
    return int(value)


def to_text(minor: int, currency: str) -> str:
    """The decimal text, "11.01" for 1101 in USD."""
    return f"{Decimal(minor).scaleb(-_EXPONENTS.get(currency, 2)):f}"
