"""A postal address as a value."""

from dataclasses import dataclass


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
