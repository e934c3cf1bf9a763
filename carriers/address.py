"""A postal address as a value."""

from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import wrap


@dataclass(frozen=True, slots=True)
class Address:
    """Where somebody lives or works. Lines as printed; `country` is ISO 3166-1 alpha-2, upper case."""

    name: str
    lines: tuple[str, ...]
    city: str
    postcode: str
    country: str
    region: str = ""
    company: str = ""
    phone: str = ""
    email: str = ""

    def __repr__(self) -> str:
        return f"Address(…, {self.country})"  # personal data stays out of logs and tracebacks


def fitted_lines(lines: Iterable[str], width: int, most: int) -> list[str]:
    """The lines of an address in at most `most` lines of `width` characters, none of it lost.

    Lines that are too long are broken between words. Raises ValueError where that is not enough.
    """
    fitted = [part for line in lines for part in wrap(line, width, break_long_words=False)]
    if len(fitted) > most or any(len(line) > width for line in fitted):
        raise ValueError(f"the address does not fit into {most} lines of {width} characters")
    return fitted
