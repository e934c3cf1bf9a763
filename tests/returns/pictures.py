"""Looking at PDFs as a scanner does: pages as pictures, codes read from them."""

from __future__ import annotations

import pypdfium2
import zxingcpp
from PIL import Image


def page(pdf: bytes, dpi: int, number: int = 0, skew: float = 0) -> Image.Image:
    """One page in grey; `skew` turns it by so many degrees on a white ground."""
    with pypdfium2.PdfDocument(pdf) as document:
        leaf = document[number]
        picture: Image.Image = leaf.render(scale=dpi / 72, grayscale=True).to_pil().copy()
        leaf.close()
    return picture.rotate(skew, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC) if skew else picture


def codes(picture: Image.Image) -> set[tuple[str, str]]:
    """{("Code128", "NP44"), ("QRCode", "https://…")}"""
    formats = {zxingcpp.BarcodeFormat.Code128: "Code128", zxingcpp.BarcodeFormat.QRCode: "QRCode"}
    return {(formats[found.format], found.text) for found in zxingcpp.read_barcodes(picture) if found.format in formats}


def words(pdf: bytes, number: int = 0) -> str:
    """The text of one page, in the order it is drawn."""
    with pypdfium2.PdfDocument(pdf) as document:
        leaf = document[number]
        layer = leaf.get_textpage()
        text = layer.get_text_bounded()
        layer.close()
        leaf.close()
    return str(text)


def sizes_mm(pdf: bytes) -> list[tuple[float, float]]:
    """Width and height of every page."""
    with pypdfium2.PdfDocument(pdf) as document:
        points = [document.get_page_size(number) for number in range(len(document))]
    return [(round(width / 72 * 25.4, 1), round(height / 72 * 25.4, 1)) for width, height in points]
