"""The sheet as HTML: everything on it, nothing of it alive."""

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carriers.address import Address
from returns.slip import ENGLISH, CannotPrint, CarrierLabel, LabelArt, PackedItem, Sheet, Size, Step, draw, grouped
from tests.returns.sheets import ADA, ART, DOCK, FOLLOW, ITEMS, carriers, sheet

_Element = tuple[str, tuple[str, ...]]


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[_Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(sorted(name for name, _ in attrs))))


def _elements(html: str) -> list[_Element]:
    reader = _Elements()
    reader.feed(html)
    return reader.seen


def _hostile(text: str) -> Sheet:
    """A sheet with `text` wherever text can stand."""
    person = Address(text, (text, text), text, text, "GB", region=text, company=text)
    return sheet(
        brand=text,
        order=text,
        label=LabelArt(text, text, "NP1", person, text, text),
        return_address=person,
        items=(PackedItem(text, 1, text),),
        deadline=text,
        note=text,
        contact=text,
        spoken=text,
        steps=(Step(text, text),),
        checks=(text,),
    )


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "'><link rel=attachment href=file:///etc/passwd>",
        "</style><style>@import url(http://127.0.0.1/)</style>",
        "{{ 7*7 }}{% raw %}{sheet.__class__}",
        "<![CDATA[<b>",
        "&lt;b&gt;",
    ],
)
def test_text_stays_text_wherever_it_stands(text: str) -> None:
    assert _elements(draw(_hostile(text)).html) == _elements(draw(_hostile("plain")).html)


@given(st.text(min_size=1, max_size=80))
@settings(max_examples=60, deadline=None)
def test_no_text_at_all_adds_an_element(text: str) -> None:
    assert _elements(draw(_hostile("x" + text)).html) == _elements(draw(_hostile("plain")).html)


@pytest.mark.parametrize("size", list(Size))
def test_every_file_that_is_named_is_given_and_the_other_way_round(size: Size) -> None:
    drawn = draw(sheet(size))
    named = {piece.split('"')[0].split(")")[0] for piece in drawn.html.split("asset:")[1:]}
    assert named <= set(drawn.assets)
    assert "http://" not in drawn.html
    assert FOLLOW not in drawn.html  # it is in the QR code alone: nobody types it


def test_the_label_says_the_number_in_fours() -> None:
    assert grouped("NP44710926R1") == "NP44 7109 26R1"
    assert "NP44 7109 26R1" in draw(sheet()).html


def test_a_country_is_named_only_on_its_way_abroad() -> None:
    assert "UNITED KINGDOM" not in draw(sheet()).html
    abroad = Address("Jo", ("Lange Str. 1",), "München", "80331", "DE")
    html = draw(sheet(label=LabelArt("Northpost", "NP", "NP1", abroad))).html
    assert "UNITED KINGDOM" in html
    assert "GERMANY" in html


def test_words_are_replaced_and_the_rest_stays_english() -> None:
    html = draw(sheet(lang="de", words={"heading": "Drei <Schritte>", "drop_off_by": "Bis {deadline}."})).html
    assert "Drei &lt;Schritte&gt;" in html
    assert "Bis <b>Mon 7 Dec 2026</b>." in html
    assert ENGLISH["inside"] in html
    assert '<html lang="de" dir="ltr">' in html


@pytest.mark.parametrize("lang", ["ar", "he-IL", "fa"])
def test_languages_from_the_right_turn_the_sheet(lang: str) -> None:
    assert 'dir="rtl"' in draw(sheet(lang=lang)).html


def test_own_steps_replace_the_usual_ones() -> None:
    html = draw(sheet(steps=(Step("Bring it.", "To Mill Street Store."),))).html
    assert "Bring it." in html
    assert ENGLISH["stick"] not in html


def test_many_items_go_to_a_list_at_the_end() -> None:
    html = draw(sheet(items=ITEMS * 10)).html
    assert "more in the list at the end" in html
    assert "more in the list at the end" not in draw(sheet(items=ITEMS)).html


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"follow_url": "javascript:alert(1)"}, "follow_url"),
        ({"follow_url": "/r/1"}, "follow_url"),
        ({"follow_url": "https://x/" + "y" * 500}, "follow_url"),
        ({"label": LabelArt("N", "S", "ÄÖÜ", ADA)}, "Code 128"),
        ({"label": LabelArt("N", "S", "", ADA)}, "Code 128"),
        ({"label": CarrierLabel("UPS", "1Z", "zpl", b"^XA^XZ")}, "'zpl'"),
        ({"label": CarrierLabel("UPS", "1Z", "png", b"GIF89a")}, "says it is png"),
        ({"label": CarrierLabel("UPS", "1Z", "gif", b"")}, "says it is gif"),
        ({"label": CarrierLabel("UPS", "1Z", "gif", b"GIF89a\x00\x00\x00\x00")}, "0 by 0 pixels"),
        (
            {"label": CarrierLabel("UPS", "1Z", "png", b"\x89PNG\r\n\x1a\n" + b"\0" * 8 + b"\xff" * 8)},
            "is not a label",
        ),
        ({"items": ITEMS * 101}, "at most 200 items"),
    ],
)
def test_what_cannot_be_drawn_says_why(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(CannotPrint, match=says):
        draw(sheet(**changes))


def test_a_label_that_lies_on_its_side_is_stood_up() -> None:
    assert 'class="turned"' in draw(sheet(label=carriers("png", 6, 4))).html
    assert 'class="upright"' in draw(sheet(label=carriers("gif"))).html


@pytest.mark.parametrize("value", [sheet(), ART, carriers("png")])
def test_nobodys_name_or_label_is_in_a_repr(value: object) -> None:
    assert "Ada" not in repr(value)
    assert "PNG" not in repr(value)
    assert DOCK.name not in repr(value)
