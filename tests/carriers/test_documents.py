"""What a label is and how large, from its bytes; damaged ones have no size and break nothing."""

from __future__ import annotations

import io
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfWriter

from carriers.documents import MAX_BYTES, Measure, measured, unpacked


def picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("1", (812, 1218)).save(out, kind)
    return out.getvalue()


def pdf() -> bytes:
    out = io.BytesIO()
    writer = PdfWriter()
    writer.add_blank_page(288, 432)
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["png", "gif"])
def test_a_picture_has_pixels(kind: str) -> None:
    assert measured(picture(kind)) == Measure(kind, pixels=(812, 1218))


def test_a_pdf_has_the_millimetres_of_its_first_page() -> None:
    assert measured(pdf()) == Measure("pdf", millimetres=(102, 152))


def test_printer_code_has_the_dots_that_it_names() -> None:
    assert measured(b"^XA^PW812^LL1218^FO10,10^FDx^FS^XZ") == Measure("zpl", pixels=(812, 1218))
    assert measured(b"^XA^FDx^FS^XZ") == Measure("zpl")


def test_what_is_not_recognised_has_no_format() -> None:
    assert measured(b"<html>") == measured(b"") == Measure("")


def test_a_document_of_absurd_size_is_not_opened() -> None:
    assert measured(b"%PDF-1.4" + b" " * MAX_BYTES) == Measure("pdf")


@given(st.integers(0, 400), st.binary(max_size=20))
def test_damaged_documents_break_nothing(cut: int, noise: bytes) -> None:
    for whole in (picture("png"), picture("gif"), pdf()):
        assert measured(whole[:cut] + noise + whole[cut + len(noise) :]).format in {"", "png", "gif", "pdf"}


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_a_document_is_unpacked_with_and_without_its_padding(cut: int) -> None:
    whole = b"%PDF-1.4 label" + b"x" * cut
    packed = b64encode(whole).decode()
    assert unpacked(packed) == unpacked(f" {packed} ") == unpacked(packed.rstrip("=")) == whole
    assert whole.startswith(unpacked(packed.rstrip("=")[:-1]))


@pytest.mark.parametrize("content", [None, "", 7, ["JVBERi0="], "not base64!", "aGVsbG8=", "QRLabel"])
def test_what_is_no_document_unpacks_to_nothing(content: object) -> None:
    assert unpacked(content) == b""


def test_a_damaged_pdf_is_not_complained_of_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    assert measured(b"%PDF-1.4 broken").millimetres is None
    assert capfd.readouterr() == ("", "")
