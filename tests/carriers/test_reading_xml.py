"""XML from outside: what is read, and what is refused before it can do harm."""

from __future__ import annotations

import pytest

from carriers.errors import BadPayload
from carriers.reading_xml import MAX_DEPTH, as_xml, child_text, children


def test_names_lose_their_namespaces() -> None:
    root = as_xml(b'\xef\xbb\xbf<a:r xmlns:a="urn:x" a:k="v"><a:e> x\n y </a:e><e xmlns="urn:z">2</e></a:r>')
    assert root.tag == "r"
    assert root.attrib == {"k": "v"}
    assert [child.text for child in children(root, "e")] == [" x\n y ", "2"]
    assert child_text(root, "e") == "x y"
    assert child_text(root, "nowhere/at/all") == ""
    assert child_text(None, "e") == ""
    assert list(children(None, "e")) == []


def test_other_encodings_are_read() -> None:
    assert as_xml('<?xml version="1.0" encoding="ISO-8859-1"?><r>Orléans</r>'.encode("latin-1")).text == "Orléans"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b'{"json": 1}', "not XML"),
        (b"<html><body>Sorry</body></html>", "HTML"),
        (b"<a><b></a>", "mismatched"),
        (b"<a>", "no element"),
        (b'<?xml version="1.0" encoding="x-nothing"?><a/>', "encoding"),
        (b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>', "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1), "too deep"),
        (b"<a>\xff</a>", "not XML"),
    ],
)
def test_what_is_no_answer_is_bad_payload(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        as_xml(body)
