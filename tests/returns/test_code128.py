"""Code 128: whatever goes in comes out of an independent reader."""

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from returns.code128 import _WIDTHS, QUIET, CannotEncode, svg, symbols, width

printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=30)


def _drawn(text: str) -> Image.Image:
    """The bars as a picture, from the same symbol widths that the SVG is made of."""
    bits = [255] * QUIET
    for value in symbols(text):
        for place, digit in enumerate(_WIDTHS[value]):
            bits += [0 if place % 2 == 0 else 255] * int(digit)
    bits += [255] * QUIET
    row = Image.frombytes("L", (len(bits), 1), bytes(bits))
    return row.resize((len(bits) * 2, 60), Image.Resampling.NEAREST)


def _read(text: str) -> list[bytes]:
    found = zxingcpp.read_barcodes(_drawn(text), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.Code128))
    return [code.bytes for code in found]


@given(printable | st.from_regex(r"[A-Z]{0,3}[0-9]{1,20}[A-Z]{0,2}", fullmatch=True))
@settings(max_examples=150, deadline=None)
def test_any_printable_text_is_read_back(text: str) -> None:
    assert _read(text) == [text.encode()]


@pytest.mark.parametrize("value", range(100))
def test_each_of_the_symbols_is_read_back(value: int) -> None:
    text = f"{value:02d}{value:02d}"
    assert _read(text) == [text.encode()]


def test_every_pattern_is_eleven_modules_and_unlike_the_others() -> None:
    assert len(set(_WIDTHS)) == len(_WIDTHS) == 107
    assert {sum(map(int, w)) for w in _WIDTHS[:-1]} == {11}
    assert all(sum(map(int, w[::2])) % 2 == 0 for w in _WIDTHS[:-1])  # bars of a symbol are an even number of modules
    assert sum(map(int, _WIDTHS[-1])) == 13


def test_a_checksum_known_from_the_standards_example() -> None:
    assert symbols("PJJ123C")[-2] == 55


@pytest.mark.parametrize(
    ("text", "start_and_switches"),
    [
        ("1234", [105]),
        ("12", [105]),
        ("123", [104]),
        ("12345", [105, 100]),
        ("AB1234", [104, 99]),
        ("AB1234CD", [104]),
        ("NP44710926R1", [104, 99, 100]),
        ("A12345", [104, 99]),
        ("123456789012", [105]),
    ],
)
def test_digits_go_in_pairs_where_that_is_shorter(text: str, start_and_switches: list[int]) -> None:
    values = symbols(text)
    assert values[0] == start_and_switches[0]
    assert len(values) == len(_shortest(text))
    assert _read(text) == [text.encode()]


def _shortest(text: str) -> range:
    """The fewest symbols that hold the text in sets B and C, found by trying everything."""
    best = {("B", 0): 1, ("C", 0): 1}
    for at in range(len(text) + 1):
        for own, other in (("B", "C"), ("C", "B")):
            if (own, at) in best:
                best[(other, at)] = min(best.get((other, at), 99), best[(own, at)] + 1)
        if ("B", at) in best and at < len(text):
            best[("B", at + 1)] = min(best.get(("B", at + 1), 99), best[("B", at)] + 1)
        if ("C", at) in best and text[at : at + 2].isdigit() and len(text[at : at + 2]) == 2:
            best[("C", at + 2)] = min(best.get(("C", at + 2), 99), best[("C", at)] + 1)
    return range(min(best.get((s, len(text)), 99) for s in "BC") + 2)


@given(st.from_regex(r"[A-Z]{0,4}[0-9]{0,20}[A-Z]{0,3}[0-9]{0,9}", fullmatch=True).filter(bool))
def test_no_encoding_is_more_than_a_symbol_longer_than_the_shortest(text: str) -> None:
    assert len(_shortest(text)) <= len(symbols(text)) <= len(_shortest(text)) + 1


@pytest.mark.parametrize("text", ["", "é", "a\nb", "\x00", "x" * 49, "٣٤"])
def test_what_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(CannotEncode):
        symbols(text)


def test_the_drawing_has_its_quiet_zones_and_nothing_but_a_path() -> None:
    drawing = svg("AB").decode()
    across = width("AB")
    assert f'viewBox="0 0 {across} 1"' in drawing
    assert f"M{QUIET} 0" in drawing
    assert across == 2 * QUIET + 11 * 4 + 13
    assert drawing.count("<") == 3
