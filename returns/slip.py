"""The sheet a shopper prints: the label, steps to follow and the packing slip, as values in and HTML out."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from carriers.address import Address
from returns import code128

_HERE = Path(__file__).resolve().parent.parent
_FOLDERS = (
    _HERE / "portal" / "_data" / "templates" / "pdf",
    _HERE / "templates" / "pdf",
)  # installed wheel, source tree
_DOTS_PER_MM = 203 / 25.4  # thermal printers; bars of whole dots stay sharp on them
_RTL = ("ar", "fa", "he", "ur", "yi", "dv", "ps", "sd", "ug")
_SLIP_LINES = 15  # for the items beside the label, with a gap after each
_SLIP_COLUMNS = 40  # characters across, near enough
_MOST_ITEMS = 200
_MOST_PIXELS = 40_000_000

ENGLISH: Mapping[str, str] = {
    "heading": "Three steps, then you’re done",
    "kicker": "{brand}, return {rma}",
    "drop_off_by": "Drop off by {deadline}. Keep the receipt you get at the counter.",
    "keep_receipt": "Keep the receipt you get at the counter.",
    "pack": "Pack.",
    "pack_text": "Use any sturdy box. Lay the slip from the bottom right of this page inside.",
    "stick": "Stick.",
    "stick_text": "Fold along the line, cut out the label and tape it flat on the largest side. Cover old labels.",
    "stick_apart_text": "The label is on the next page. Tape it flat on the largest side. Cover old labels.",
    "drop": "Drop off.",
    "drop_text": "Hand the parcel in where {carrier} takes parcels.",
    "questions": "Questions? {contact}",
    "follow": "Follow your return",
    "fold": "Fold here",
    "actual_size": "Print at actual size (100 %)",
    "inside": "Put this inside the box",
    "quantity": "× {quantity}",
    "item": "Item",
    "how_many": "How many",
    "only_these": "Only these items, please. Anything else in the box slows your return down.",
    "more_items": "{count} more in the list at the end",
    "all_items": "Everything in this return",
    "warehouse": "For our warehouse",
    "complete": "Complete",
    "as_described": "As described above",
    "other": "Other:",
    "found": "Found without its label? This parcel goes to {address}",
    "from": "From",
    "to": "To",
    "return": "Return {rma}",
    "order": "Order {order}",
    "label_apart": "The label is on the next page",
    "label_apart_text": "It is too large to stand here in its true size. Print it at 100 %.",
    "spoken": "Read this out if a code does not scan:",
    "alt_number": "Barcode of tracking number {number}",
    "alt_number_qr": "QR code of tracking number {number}",
    "alt_follow": "QR code of the page that follows this return",
    "alt_rma": "Barcode of return number {rma}",
    "alt_label": "Shipping label of {carrier}, tracking number {number}",
}


class CannotPrint(ValueError):
    """A sheet that cannot be drawn from these values. The text says which and why."""


class Size(StrEnum):
    """What it is printed on."""

    A4 = "a4"
    LETTER = "letter"
    LABEL = "4x6"  # the label alone, 4 by 6 inches


@dataclass(frozen=True, slots=True)
class LabelArt:
    """A label that we draw ourselves. `number` goes into Code 128 and QR exactly as it is; printed in groups of four.

    `service` is the big mark top left, `routing` the sorting mark, `postage` a line such as "Postage paid, up to 5 kg".
    """

    carrier: str
    service: str
    number: str
    sender: Address
    routing: str = ""
    postage: str = ""


@dataclass(frozen=True, slots=True)
class CarrierLabel:
    """The carrier's own document. A PDF stands in its true size; a picture fills 4 by 6 inches as far as it can."""

    carrier: str
    number: str
    format: str  # "pdf", "png" or "gif"
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PackedItem:
    """One line of the packing slip; `note` says why it comes back and what for."""

    title: str
    quantity: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered step: a word or two in bold, then what to do."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything on the page, as text for people in `lang`; nothing is looked up while drawing.

    `deadline` is a date as people say it, or empty. `steps` replace the three usual ones; `checks` are up to four
    tick boxes for the warehouse. `words` replaces any of ENGLISH. `spoken` is a code to read out at a counter.
    """

    size: Size
    brand: str
    rma: str
    order: str
    label: LabelArt | CarrierLabel
    return_address: Address
    items: tuple[PackedItem, ...]
    follow_url: str
    deadline: str = ""
    note: str = ""
    contact: str = ""
    spoken: str = ""
    steps: tuple[Step, ...] = ()
    checks: tuple[str, ...] = ()
    lang: str = "en"
    words: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Sheet({self.rma!r}, {self.size.value})"  # names and addresses stay out of logs


@dataclass(frozen=True, slots=True)
class Drawn:
    """HTML and the files it names as `asset:<name>`. `inset` is where a carrier's PDF belongs, or None."""

    html: str
    assets: Mapping[str, bytes]
    inset: Inset | None = None


@dataclass(frozen=True, slots=True)
class Inset:
    """A place on the first page, in millimetres from its top left corner."""

    left: float
    top: float
    width: float = 101.6
    height: float = 152.4


@dataclass(frozen=True, slots=True)
class _Paper:
    width: float
    height: float

    @property
    def fold(self) -> float:
        """How far down the fold line is: what remains above a label with its margins."""
        return self.height - 152.4 - 9


_PAPERS = {Size.A4: _Paper(210, 297), Size.LETTER: _Paper(215.9, 279.4), Size.LABEL: _Paper(101.6, 152.4)}


def draw(sheet: Sheet, *, label_apart: bool = False) -> Drawn:
    """The sheet as HTML. `label_apart` says that a carrier's PDF is too large for it and follows as a page of its own.

    CannotPrint for values that cannot be drawn: a ZPL label, a number that no barcode holds, a link that is not one.
    """
    _check_link(sheet.follow_url)
    if len(sheet.items) > _MOST_ITEMS:
        raise CannotPrint(f"a sheet lists at most {_MOST_ITEMS} items, not {len(sheet.items)}; split the return")
    paper = _PAPERS[sheet.size]
    label = sheet.label
    to_lines = _lines(sheet.return_address, abroad=_is_abroad(sheet))
    assets = {**_fonts(), "follow.svg": _qr(sheet.follow_url), "rma.svg": _bars(sheet.rma)}
    view: dict[str, Any] = {
        "sheet": sheet,
        "paper": paper,
        "art": label if isinstance(label, LabelArt) else None,
        "picture": None,
        "label_apart": label_apart,
        "direction": "rtl" if sheet.lang.split("-")[0].lower() in _RTL else "ltr",
        "say": _speaker({**ENGLISH, **sheet.words}),
        "steps": sheet.steps,
        "rma_mm": _bars_mm(sheet.rma, 80),
        "listed": _beside_the_label(sheet.items),
        "to_lines": to_lines,
        "found_line": ", ".join(to_lines),
    }
    inset = None
    if isinstance(label, LabelArt):
        assets |= {"number.svg": _bars(label.number), "number-qr.svg": _qr(label.number)}
        view |= _label_view(label, to_lines, abroad=_is_abroad(sheet))
    elif label.format == "pdf":
        inset = None if label_apart else _inset(sheet.size, paper)
    else:
        name = f"label.{label.format}"
        assets[name] = label.body
        view["picture"] = {"name": name, "is_turned": _is_wide(label)}
    return Drawn(_environment().get_template("sheet.html").render(view), assets, inset)


def _label_view(art: LabelArt, to_lines: list[str], *, abroad: bool) -> dict[str, Any]:
    return {
        "number_mm": _bars_mm(art.number, 94),
        "number_grouped": grouped(art.number),
        "service_size": _mark_size(art.service),
        "routing_size": _mark_size(art.routing),
        "from_line": ", ".join(_lines(art.sender, abroad=abroad)),
        "to_size": _to_size(to_lines),
    }


def grouped(number: str) -> str:
    """A number as people read it: in fours."""
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def _speaker(words: Mapping[str, str]) -> Any:
    def say(key: str, **facts: object) -> Markup:
        return Markup(escape(words[key])).format(**facts)  # noqa: S704  escaped first; format() escapes the facts

    return say


def _check_link(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.netloc or len(url) > 400:
        raise CannotPrint("follow_url must be a full http(s) address of at most 400 characters")


def _inset(size: Size, paper: _Paper) -> Inset:
    return Inset(0, 0) if size is Size.LABEL else Inset(4.5, paper.fold + 4.5)


def _bars(text: str) -> bytes:
    try:
        return code128.svg(text)
    except code128.CannotEncode as error:
        raise CannotPrint(str(error)) from None


def _bars_mm(text: str, most: float) -> float:
    """Width of the barcode: each module a whole number of printer dots, at most four, where that fits into `most`."""
    modules = code128.width(text)
    dots = min(int(most * _DOTS_PER_MM / modules), 4)
    return round(modules * dots / _DOTS_PER_MM, 3) if dots else most


def _qr(text: str) -> bytes:
    out = BytesIO()
    try:
        segno.make_qr(text, error="m").save(out, kind="svg", border=4, xmldecl=False, nl=False)
    except (ValueError, segno.DataOverflowError) as error:
        raise CannotPrint(f"this does not go into a QR code: {error}") from None
    return out.getvalue()


def _is_abroad(sheet: Sheet) -> bool:
    return isinstance(sheet.label, LabelArt) and sheet.label.sender.country != sheet.return_address.country


def _lines(address: Address, *, abroad: bool) -> list[str]:
    """An address as printed: name, company, street, place, and the country in English capitals on its way abroad."""
    place = " ".join(part for part in (address.city, address.region, address.postcode) if part)
    country = _country(address.country) if abroad else ""
    return [line for line in (address.name, address.company, *address.lines, place, country) if line.strip()]


def _country(code: str) -> str:
    from babel import Locale  # only labels that cross a border need it

    return str(Locale("en").territories.get(code, code)).upper()


def _beside_the_label(items: tuple[PackedItem, ...]) -> tuple[PackedItem, ...]:
    """As many items as the packing slip has room for; a list of all follows at the end if these are not all."""
    left = _SLIP_LINES
    for count, item in enumerate(items):
        left -= 1 + (2 if len(item.title) > _SLIP_COLUMNS else 1) + bool(item.note)
        if left < 0:
            return items[:count]
    return items


def _mark_size(mark: str) -> str:
    return "short" if len(mark) <= 9 else "long"


def _to_size(lines: list[str]) -> str:
    """Type size by how much there is to say; what is longer still is cut at the box, never pushed into the barcode."""
    longest = max((len(line) for line in lines), default=0)
    if len(lines) <= 5 and longest <= 30:
        return "large"
    return "middle" if len(lines) <= 6 and longest <= 44 else "small"


def _is_wide(label: CarrierLabel) -> bool:
    """Whether the picture lies on its side. CannotPrint if it is no picture, or too large to be a label."""
    if label.format == "png" and label.body[:8] == b"\x89PNG\r\n\x1a\n" and len(label.body) >= 24:
        across, down = struct.unpack(">II", label.body[16:24])
    elif label.format == "gif" and label.body[:6] in (b"GIF87a", b"GIF89a") and len(label.body) >= 10:
        across, down = struct.unpack("<HH", label.body[6:10])
    elif label.format in ("png", "gif"):
        raise CannotPrint(f"the label says it is {label.format} and is not")
    else:
        raise CannotPrint(f"a label in format {label.format!r} cannot stand on a sheet; use pdf, png or gif")
    if not 0 < across * down <= _MOST_PIXELS:
        raise CannotPrint(f"a label of {across} by {down} pixels is not a label")
    return bool(across > down)


@cache
def _fonts() -> dict[str, bytes]:
    """Archivo (OFL) in fixed weights: making them from the variable font cost 40 % of each sheet."""
    return {name: _file(name).read_bytes() for name in ("sheet-regular.woff2", "sheet-bold.woff2")}


def _file(name: str) -> Path:
    return next(folder / name for folder in _FOLDERS if (folder / name).is_file())


def _cut(text: str, most: int = 240) -> str:
    """More than any box shows is not laid out either: its cost grows with the text."""
    return text if len(text) <= most else text[: most - 1] + "…"


@cache
def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(_FOLDERS), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.filters["cut"] = _cut
    return made
