"""How the clauses change a body one part at a time, in each format that carriers send: JSON, XML and X12."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Set
from functools import partial
from typing import Any, Final, Protocol
from xml.etree import ElementTree as ET

NEVER_SEEN: Final = "NEVERSEEN"


class Form(Protocol):
    """One format. A part is what a sender may leave out: a key, an element or attribute, a segment or its field."""

    def without_each_part(self, body: bytes) -> Iterator[tuple[str, bytes]]:
        """(what is missing, the body without it), once for every part."""
        ...

    def renamed(self, body: bytes, known: Set[str]) -> bytes:
        """The body with every value that is one of `known` replaced by NEVER_SEEN."""
        ...

    def values(self, body: bytes) -> int:
        """How many values `with_value` can replace."""
        ...

    def with_value(self, body: bytes, index: int, value: Any) -> bytes:
        """The body with the value at `index` replaced by anything JSON knows, written as the format can."""
        ...


class Json:
    def without_each_part(self, body: bytes) -> Iterator[tuple[str, bytes]]:
        value = json.loads(body)
        for path in _key_paths(value, ()):
            changed = copy.deepcopy(value)
            del _holder(changed, path)[path[-1]]
            yield "/".join(map(str, path)), json.dumps(changed).encode()

    def renamed(self, body: bytes, known: Set[str]) -> bytes:
        return json.dumps(_renamed(json.loads(body), known)).encode()

    def values(self, body: bytes) -> int:
        return len(list(_key_paths(json.loads(body), ())))

    def with_value(self, body: bytes, index: int, value: Any) -> bytes:
        changed = json.loads(body)
        path = list(_key_paths(changed, ()))[index]
        _holder(changed, path)[path[-1]] = value
        return json.dumps(changed).encode()


def _key_paths(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield (*path, key)
            yield from _key_paths(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _key_paths(child, (*path, index))


def _holder(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path[:-1]:
        value = value[step]
    return value


def _renamed(value: Any, known: Set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(child, known) for key, child in value.items()}
    if isinstance(value, list):
        return [_renamed(child, known) for child in value]
    if isinstance(value, str) and value.startswith("{"):
        return _renamed_inside(value, known)
    if isinstance(value, str | int) and not isinstance(value, bool) and _plain(str(value)) in known:
        return NEVER_SEEN
    return value


def _renamed_inside(value: str, known: Set[str]) -> str:
    """A text that is JSON itself: some carriers put what they push into an envelope that way."""
    try:
        return json.dumps(_renamed(json.loads(value), known))
    except ValueError:
        return value


def _plain(value: str) -> str:
    """As adapters read it: carriers break their phrases with newlines and tabs."""
    return " ".join(value.split())


class Xml:
    """Elements and attributes; a value is the text of an element or an attribute."""

    def without_each_part(self, body: bytes) -> Iterator[tuple[str, bytes]]:
        root = _tree(body)
        for parent in list(root.iter()):
            for index, child in enumerate(list(parent)):
                parent.remove(child)
                yield f"{_local(parent.tag)}/{_local(child.tag)}[{index}]", ET.tostring(root)
                parent.insert(index, child)
            for name, value in list(parent.attrib.items()):
                del parent.attrib[name]
                yield f"{_local(parent.tag)}/@{_local(name)}", ET.tostring(root)
                parent.set(name, value)

    def renamed(self, body: bytes, known: Set[str]) -> bytes:
        root = _tree(body)
        for value, put in _xml_values(root):
            if _plain(value) in known:
                put(NEVER_SEEN)
        return ET.tostring(root)

    def values(self, body: bytes) -> int:
        return len(list(_xml_values(_tree(body))))

    def with_value(self, body: bytes, index: int, value: Any) -> bytes:
        root = _tree(body)
        _, put = list(_xml_values(root))[index]
        put("".join(c for c in _as_text(value) if c.isprintable()))
        return ET.tostring(root)


def _tree(body: bytes) -> ET.Element:
    return ET.fromstring(body)  # noqa: S314  (our own fixtures)


def _xml_values(root: ET.Element) -> Iterator[tuple[str, Callable[[str], None]]]:
    """(text, setter) of every element and attribute; to give an element with children a text is rubbish too."""
    for element in root.iter():
        yield element.text or "", partial(setattr, element, "text")
        for name, value in element.attrib.items():
            yield value, partial(element.set, name)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


class Edi:
    """X12: the fourth character of the ISA segment parts the fields, the one after its sixteenth field the segments."""

    def without_each_part(self, body: bytes) -> Iterator[tuple[str, bytes]]:
        segments, between = _segments(body)
        for index, segment in enumerate(segments):
            rest = [*segments[:index], *segments[index + 1 :]]
            yield f"{segment[0]}[{index}]", _joined(rest, between)
            for position in range(1, len(segment)):
                bare = [*segment[:position], "", *segment[position + 1 :]]
                changed = [*segments[:index], bare, *segments[index + 1 :]]
                yield f"{segment[0]}{position:02d}[{index}]", _joined(changed, between)

    def renamed(self, body: bytes, known: Set[str]) -> bytes:
        segments, between = _segments(body)
        envelope = {"ISA", "GS", "ST", "SE", "GE", "IEA"}
        changed = [
            s if s[0] in envelope else [s[0], *(NEVER_SEEN if field in known else field for field in s[1:])]
            for s in segments
        ]
        return _joined(changed, between)

    def values(self, body: bytes) -> int:
        return sum(len(segment) for segment in _segments(body)[0])

    def with_value(self, body: bytes, index: int, value: Any) -> bytes:
        segments, between = _segments(body)
        row, column = [(row, column) for row, segment in enumerate(segments) for column in range(len(segment))][index]
        segments[row][column] = _as_text(value)
        return _joined(segments, between)


def _segments(body: bytes) -> tuple[list[list[str]], tuple[str, str]]:
    """The fields of every segment, and (what parts fields, what ends a segment)."""
    words = body.decode()
    field, end = words[3], words[105]
    return [segment.strip("\r\n").split(field) for segment in words.split(end) if segment.strip()], (field, end)


def _joined(segments: list[list[str]], between: tuple[str, str]) -> bytes:
    field, end = between
    return "".join(field.join(segment) + end for segment in segments).encode("utf-8", "replace")


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


FORMS: Final[dict[str, Form]] = {"json": Json(), "xml": Xml(), "edi": Edi()}
