"""Everything that can go wrong with a carrier, and whether waiting helps."""

from datetime import timedelta


class CarrierError(Exception):
    """Base of all of them. `code` and `text` are the carrier's own words where it gave some."""

    retry = False

    def __init__(self, text: str = "", code: str = "") -> None:
        super().__init__(f"{code}: {text}" if code else text)
        self.code = code
        self.text = text


class Unavailable(CarrierError):
    """5xx, timeout, network, an endless or oversized answer. Nobody's move; try again, backing off."""

    retry = True


class OutcomeUnknown(Unavailable):
    """The request may have been carried out, the answer was lost. Ask before doing it again."""


class RateLimited(CarrierError):
    """429 or its like. `after` is how long the whole credential pauses."""

    retry = True

    def __init__(self, after: timedelta, text: str = "", code: str = "") -> None:
        super().__init__(text, code)
        self.after = after


class UnknownNumber(CarrierError):
    """The carrier does not know the number (yet). Retried while the shipment is younger than 48 hours."""

    retry = True


class BadCredentials(CarrierError):
    """Token or key refused. The operator's move; the connection is shown red."""


class Forbidden(BadCredentials):
    """The same by 403: some carriers also say "too many" with it, so adapters may tell the two apart."""


class Refused(CarrierError):
    """A label or a void was declined. An agent's move, with the carrier's words."""


class BadPayload(CarrierError):
    """Bytes that we cannot read. Ours to mend; the row is kept for replay."""


class BadSignature(CarrierError):
    """A webhook that is not signed as agreed. Answered 401, counted, not stored."""
