"""A sheet to be varied, and carriers' labels to put on it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import segno
from PIL import Image, ImageDraw

from carriers.address import Address
from returns.code128 import _WIDTHS, QUIET, symbols
from returns.slip import CarrierLabel, LabelArt, PackedItem, Sheet, Size

NUMBER = "NP44710926R1"
CARRIERS_NUMBER = "1Z12345E0205271688"
RMA = "R-7KQ4-XM27"
FOLLOW = "https://track.tarnwick.example/r/8f3kq2m4x7c9v1b5n6"
ADA = Address("Ada Marlow", ("14 Sandgate Row",), "Keswick", "CA12 0ZZ", "GB")
DOCK = Address("Tarnwick Returns", ("Dock 4, Weir Lane",), "Kendal", "LA9 0ZZ", "GB")
ART = LabelArt("Northpost", "NP 48", NUMBER, ADA, "KDL-4", "Postage paid, up to 5 kg")
ITEMS = (
    PackedItem("Rime down jacket, size M", 1, "Too small. Exchange for size L"),
    PackedItem("Fell enamel mug", 2, "Damaged. Refund £26.10"),
)


def sheet(size: Size = Size.A4, **changes: Any) -> Sheet:
    values: dict[str, Any] = {
        "brand": "Tarnwick",
        "rma": RMA,
        "order": "TW-48213",
        "label": ART,
        "return_address": DOCK,
        "items": ITEMS,
        "follow_url": FOLLOW,
        "deadline": "Mon 7 Dec 2026",
        "contact": "returns@tarnwick.example",
        "spoken": "MOSS 482 KITE",
    }
    return Sheet(size=size, **(values | changes))


def label_picture(wide_in: float, high_in: float, dpi: int = 203) -> Image.Image:
    """What a carrier might draw: a frame at the very edge, a Code 128 and a QR code of its number."""
    picture = Image.new("L", (round(wide_in * dpi), round(high_in * dpi)), 255)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 0, picture.width - 1, picture.height - 1), outline=0, width=3)
    x = round(dpi * 0.25) + QUIET * 2
    for value in symbols(CARRIERS_NUMBER):
        for place, digit in enumerate(_WIDTHS[value]):
            if place % 2 == 0:
                pen.rectangle((x, dpi, x + int(digit) * 2 - 1, 2 * dpi), fill=0)
            x += int(digit) * 2
    out = BytesIO()
    segno.make_qr(CARRIERS_NUMBER).save(out, kind="png", scale=6, border=4)
    picture.paste(Image.open(out), (round(dpi * 0.3), round(2.2 * dpi)))
    return picture


def saved(picture: Image.Image, form: str, dpi: int = 203) -> bytes:
    """The picture as file bytes; as a PDF its page has the picture's true size."""
    out = BytesIO()
    picture.save(out, form.upper(), **({"resolution": dpi} if form == "pdf" else {}))
    return out.getvalue()


def carriers(form: str, wide_in: float = 4, high_in: float = 6) -> CarrierLabel:
    return CarrierLabel("UPS", CARRIERS_NUMBER, form, saved(label_picture(wide_in, high_in), form))
