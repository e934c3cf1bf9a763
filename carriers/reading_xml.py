"""Reading XML: no document types, no entities, no depth without end; what is wrong is BadPayload as with JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from xml.etree import ElementTree as ET
from xml.parsers import expat

from carriers.errors import BadPayload
from carriers.reading import text

MAX_DEPTH: Final = 64
MAX_ELEMENTS: Final = 200_000


def as_xml(body: bytes) -> ET.Element:
    """The root element, names without their namespaces. Raises BadPayload: empty, JSON, HTML, entities, too deep.

    Namespaces are dropped because one carrier writes the same element with several; attributes keep their local names.
    """
    body = body.removeprefix(b"\xef\xbb\xbf").strip()
    if not body:
        raise BadPayload("the body is empty")
    if not body.startswith(b"<"):
        raise BadPayload("the body is not XML")
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.EntityDeclHandler = _refuse_doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise BadPayload(f"the body is not XML: {error}"[:200]) from None
    root = builder.tree.close()
    if root.tag.lower() == "html":
        raise BadPayload("the body is an HTML page, not an answer")
    return root


def child_text(element: ET.Element | None, path: str, limit: int = 500) -> str:
    """Text of the first element at `path` ("a/b"), cleaned as carriers.reading.text does; empty where it is absent."""
    found = element.find(path) if element is not None else None
    return text(found.text, limit) if found is not None else ""


def children(element: ET.Element | None, path: str) -> Iterator[ET.Element]:
    """Every element at `path`, in document order; nothing where the holder is absent."""
    return iter(element.findall(path)) if element is not None else iter(())


class _Builder:
    """A tree builder that counts."""

    def __init__(self) -> None:
        self.tree = ET.TreeBuilder()
        self.data = self.tree.data
        self._depth = self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise BadPayload("the body is nested too deep or holds too many elements")
        self.tree.start(_local(name), {_local(key): value for key, value in attributes.items()})

    def end(self, name: str) -> None:
        self._depth -= 1
        self.tree.end(_local(name))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _refuse_doctype(*_: Any) -> None:
    raise BadPayload("the body declares a document type or entities")
