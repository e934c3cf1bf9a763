"""What a carrier adapter is: values, and the capability protocols that it fulfils by having the methods.

A capability *is* the methods: there is no flag to drift from the code, and no method that only raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from carriers.address import Address
from carriers.status import Status

if TYPE_CHECKING:
    import httpx

    from carriers.auth import Tokens
    from carriers.http import Http


class ZoneFrom(StrEnum):
    """Where the offset of a scan's time comes from."""

    CARRIER = "carrier"  # the carrier sent an offset or an instant
    PLACE = "place"  # local time, placed by the scan's country, region or postcode
    UNKNOWN = "unknown"  # local time, no zone: never stamped as UTC


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scan happened, as far as the carrier says. Empty text where it does not."""

    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""

    def normal(self) -> str:
        """For comparing: case and spacing folded, so that poll and webhook agree."""
        return "|".join(" ".join(p.casefold().split()) for p in (self.city, self.region, self.postcode, self.country))


@dataclass(frozen=True, slots=True)
class Scan:
    """One carrier event.

    `at` is the instant in UTC, or None where no instant can be known (date only, or a local time without a zone).
    `local` is the wall clock at the place, ISO 8601 without offset: "2026-11-20T14:31:00", or "2026-11-20" when
    `date_only`. `offset` is "+09:00" or None. `status` is None for a code that is not in our tables; `code` and `text`
    are always the carrier's own. `detail` is a finer code where a carrier's main code alone does not tell two scans
    of the same minute apart.
    """

    at: datetime | None
    local: str
    offset: str | None
    zone_from: ZoneFrom
    code: str
    text: str
    status: Status | None
    sub_status: str | None = None
    place: Place = Place()
    date_only: bool = False
    detail: str = ""

    def key(self) -> str:
        """Same time, code and place: the same scan, whatever the wording, polled or pushed. 32 hex digits."""
        when = self.at.strftime("%Y-%m-%dT%H:%M:%SZ") if self.at else self.local
        parts = (when, self.code, self.place.normal(), *filter(None, [self.detail]))
        return sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Estimate:
    """When the carrier expects delivery. Dates where it gave dates; aware UTC instants where it gave those.

    `source` is the carrier's own name of the field it came from, e.g. "SDD" or "ESTIMATED_DELIVERY".
    """

    start: date | datetime
    end: date | datetime
    source: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one answer says about one number. `scans` are sorted oldest first; an answer may hold none.

    `number` is empty where a body does not say whose history it is: see Answer.asked_for.
    """

    number: str
    scans: tuple[Scan, ...] = ()
    status: Status | None = None
    sub_status: str | None = None
    delivered_at: datetime | None = None
    estimated: Estimate | None = None
    service: str = ""
    is_return: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """An error that the carrier put into a body: for one number, or for the whole call when `number` is None."""

    number: str | None
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that one body says: parcels, numbers it does not know, errors. All three may be present at once."""

    parcels: tuple[Parcel, ...] = ()
    not_found: tuple[str, ...] = ()
    errors: tuple[Fault, ...] = ()

    @property
    def unmapped(self) -> tuple[str, ...]:
        """Codes without a status, each once, in order of appearance."""
        return tuple(dict.fromkeys(s.code for p in self.parcels for s in p.scans if s.status is None))

    def asked_for(self, numbers: Sequence[str]) -> Answer:
        """The same, where a parcel that the body does not name is the one number that was asked for.

        With several numbers asked for nobody knows whose history it is, and the parcel stays without one.
        """
        if len(numbers) != 1 or all(parcel.number for parcel in self.parcels):
            return self
        named = (parcel if parcel.number else replace(parcel, number=numbers[0]) for parcel in self.parcels)
        return replace(self, parcels=tuple(named))


@dataclass(frozen=True, slots=True)
class Fetched:
    """One body of a tracking call, as it came, with its HTTP status. Kept raw in the inbox before it is read."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook delivery as it arrived: raw body, header names in lower case, the path it came to.

    A header that came several times holds all its values joined by ", ": verify() then refuses it.
    """

    body: bytes
    headers: Mapping[str, str]
    path: str = ""


class Trust(StrEnum):
    """How much a webhook of this carrier proves."""

    SIGNED = "signed"  # the body is covered by a signature: it is ingested
    HINT = "hint"  # only a shared text or nothing: it brings the next poll forward and changes nothing by itself


@dataclass(frozen=True, slots=True)
class Greeting:
    """The answer to a call that only proves an address: sent back as it is, nothing is kept of the call itself.

    `challenge` and `ref` are set where the carrier wants to be called back before it pushes (see Activates); `ref` is
    then the text that `Subscribed.ref` has, because only what we asked for is activated.
    """

    body: bytes = b'{"ok":true}'
    content_type: str = "application/json"
    challenge: str = field(default="", repr=False)
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall be pushed, and where to. `numbers` is empty where a carrier pushes for a whole account."""

    hook_url: str
    secret: str = field(repr=False)
    numbers: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What a carrier made of one wish: a subscription with its end, or the carrier's words why not.

    `number` is empty for a whole account. `ref` is what ends it again, empty where nothing can.
    """

    number: str
    ref: str = ""
    expires_at: datetime | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """A promise to the carrier: at most `calls` per `per`, for one credential."""

    calls: int
    per: timedelta


@dataclass(frozen=True, slots=True)
class Field:
    """One thing an operator fills in to connect this carrier."""

    name: str
    label: str
    help: str = ""
    secret: bool = False
    required: bool = True
    default: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)  # value -> its words, where no other value will do
    fault: Callable[[str], str] | None = None  # what is wrong with a value, in words; empty text for one that will do


ENVIRONMENT: Final = Field(
    "environment",
    "Environment",
    required=False,
    default="live",
    choices={"live": "Live", "sandbox": "Sandbox, the carrier's test system"},
)
NO_OR_YES: Final = {"no": "No", "yes": "Yes"}


@dataclass(frozen=True, slots=True)
class About:
    """What a carrier is, as data."""

    slug: str
    name: str
    docs_url: str
    live: str
    sandbox: str = ""
    tracking_page: str = ""  # template with {number}; https only
    number_pattern: str = ""  # full-match regular expression over the normalised number
    codes: Mapping[str, str] = field(default_factory=dict)  # the carrier's code -> status or sub-status; for the docs
    budgets: Sequence[Budget] = ()
    batch_size: int = 1
    hook_trust: Trust = Trust.SIGNED
    hook_prompts: str = ""  # why signed pushes are no more than hints all the same; empty where they are ingested
    time_rule: str = ""
    fields: Sequence[Field] = ()
    hook_header_names: Sequence[str] = ()  # what `verify` reads; kept with a signed delivery, never with a hint
    hook_media_types: Sequence[str] = ()  # what its webhooks may be beside JSON; bodies of these are not JSON
    own_hook_secret: bool = False  # the webhook secret is ours to choose and goes with each subscription
    subscription_batch: int = 0  # numbers a subscribe call takes; 0: one subscription for the whole account
    subscription_life: timedelta | None = None  # how long one lasts; None: until it is ended
    void_within: timedelta | None = None  # how long after purchase a label can be given back; None: no deadline known
    relays: bool = False  # it tells of parcels of other carriers: a service for many, or an exchange of messages
    resells: bool = False  # it knows no key of ours: asked again for the same label, it sells a second one
    unmapped: Mapping[str, str] = field(default_factory=dict)  # known codes that say no status -> why
    assumed: Sequence[str] = ()  # what is built on a second-hand source alone, a sentence each
    sources: Sequence[str] = ()
    gaps: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One line on a return parcel, for customs and packing."""

    description: str
    quantity: int
    unit_price_minor: int
    currency: str
    sku: str = ""
    origin_country: str = ""
    hs_code: str = ""
    grams: int = 0


@dataclass(frozen=True, slots=True)
class LabelOrder:
    """A return parcel to be labelled: from the customer, to the warehouse, as a person would read it off the label.

    `key` is ours and stays the same for every try, so that a carrier can recognise a repeat. Adapters whose API wants
    the outbound direction swap the two themselves; the printed direction is tested per adapter.
    """

    key: str
    customer: Address
    warehouse: Address
    grams: int
    items: Sequence[Item]
    rma: str
    service: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """A bought label. `body` is the carrier's document as bytes; empty with `format` "none" where we draw our own.

    `service` and `routing` are the texts to print on a label that we draw. `qr` is what a counter scans instead of
    paper, a picture (PNG) or the PDF that the carrier draws, `counter_code` the text to type where scanning fails.
    `size` is as the carrier names it ("4x6", "A6"). `url` is where the document lies when the answer only points to it;
    it is fetched at purchase.
    """

    ref: str
    number: str
    body: bytes
    format: str  # "pdf", "png", "gif", "zpl", or "none"
    cost_minor: int | None
    currency: str
    voidable_until: datetime | None = None
    qr: bytes = b""
    service: str = ""
    routing: str = ""
    counter_code: str = ""
    size: str = ""
    url: str = field(default="", repr=False)
    customs: bytes = b""

    def __repr__(self) -> str:
        return f"Label({self.ref!r}, {self.format!r}, {len(self.body)} bytes)"


@runtime_checkable
class Carrier(Protocol):
    """Every adapter module names one: `CARRIER = Ups()`."""

    @property
    def about(self) -> About: ...


@runtime_checkable
class Authorises(Protocol):
    """Proves who we are on every call."""

    def auth(self, http: Http, tokens: Tokens) -> httpx.Auth:
        """`http` has base and credentials but no auth yet: token calls go through it. Does no I/O itself."""
        ...


@runtime_checkable
class Reads(Protocol):
    """Its bodies can be read, however they come: fetched, in files, or written by people here."""

    def parse(self, body: bytes, status: int = 200) -> Answer:
        """As Tracks.parse."""
        ...


@runtime_checkable
class ReadsFiles(Reads, Protocol):
    """Comes in files that somebody puts into the folder named by its field `folder`."""

    def is_whole(self, body: bytes) -> bool:
        """Pure. Whether a file seems written to its end. One that never does is read after a while all the same."""
        ...


@runtime_checkable
class Tracks(Protocol):
    """Can be polled."""

    def fetch(self, http: Http, numbers: Sequence[str]) -> Fetched:
        """One call for at most `about.batch_size` numbers. I/O, a few lines. Raises CarrierError subclasses."""
        ...

    def parse(self, body: bytes, status: int = 200) -> Answer:
        """Pure. Error bodies and not-found answers are understood, not raised; what is not understood is BadPayload."""
        ...


@runtime_checkable
class Hooked(Protocol):
    """Pushes to us."""

    def verify(self, hook: Hook, secret: str, now: datetime) -> None:
        """Raises BadSignature. An empty secret never verifies."""
        ...

    def hook_key(self, hook: Hook) -> str:
        """The carrier's own delivery id, else the sha256 of the body: what makes a repeat harmless."""
        ...

    def parse_hook(self, body: bytes) -> Answer:
        """Pure. For a HINT carrier the answer names numbers to poll; its scans are not ingested."""
        ...


@runtime_checkable
class Labels(Protocol):
    """Sells return labels."""

    def buy_label(self, http: Http, order: LabelOrder) -> Label:
        """Buys one. A second call with the same `order.key` finds the first purchase; where the API cannot tell,
        `about.resells` says so, and no second call is made by itself."""
        ...

    def void_label(self, http: Http, label_ref: str) -> None:
        """Gives it back. Raises Refused where the carrier does not."""
        ...


@runtime_checkable
class ReadsLabels(Protocol):
    """Its label answers can be read apart from the purchase, as `doorstep carriers parse --label` does."""

    def parse_label(self, body: bytes) -> Label:
        """Pure. What an answer to a purchase holds. Raises Refused in the carrier's words, or BadPayload."""
        ...


@runtime_checkable
class Subscribes(Protocol):
    """Pushes only what was asked for by API."""

    def subscribe(self, http: Http, wanted: Wanted) -> Sequence[Subscribed]:
        """At most `about.subscription_batch` numbers a call. Asking again for what is subscribed is no error."""
        ...

    def unsubscribe(self, http: Http, ref: str) -> None:
        """Ends it. One that is gone already is no error."""
        ...


@runtime_checkable
class Activates(Protocol):
    """Wants to be called back before it pushes."""

    def activate(self, http: Http, ref: str, challenge: str) -> None: ...


@runtime_checkable
class Greets(Protocol):
    """Sends calls to the hook address that are no deliveries."""

    def greet(self, hook: Hook, secret: str) -> Greeting | None:
        """What to answer, or None for a delivery. Pure; asked before `verify`, so it must give nothing away."""
        ...


@runtime_checkable
class IssuesTokens(Protocol):
    """Fetches a token from us before it pushes, at the hook address + "/token"."""

    def issue_token(self, hook: Hook, secret: str, now: datetime) -> Greeting:
        """The OAuth token answer. Raises BadSignature for a caller that does not know the secret."""
        ...
