"""Values made by the thousand: the quick way makes what the class makes, and neither can be changed afterwards."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import copy
from dataclasses import FrozenInstanceError, dataclass, field, replace
from datetime import UTC, datetime

import pytest

from carriers.contract import Place, Scan, ZoneFrom
from carriers.reading import Said, When, new_when, scan_of
from carriers.status import Status
from carriers.values import maker


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


point = maker(Point)


@pytest.mark.parametrize("make", [Point, point])
def test_a_value_is_the_same_whichever_way_it_was_made(make: Callable[..., Point]) -> None:
    made = make(1)
    assert type(made) is Point
    assert made == Point(1) == make(x=1, y=0) != make(1, 2)
    assert len({made, Point(1), point(1), make(2)}) == 2
    assert repr(made) == "Point(x=1, y=0)"
    assert copy(made) == pickle.loads(pickle.dumps(made)) == made  # noqa: S301 - our own bytes
    assert replace(made, y=3) == Point(1, 3)


@pytest.mark.parametrize("make", [Point, point])
def test_a_value_is_frozen_whichever_way_it_was_made(make: Callable[..., Point]) -> None:
    made = make(1)
    with pytest.raises(FrozenInstanceError):
        made.x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del made.x
    with pytest.raises((AttributeError, TypeError)):
        made.z = 3  # type: ignore[attr-defined]
    assert made == Point(1)


def test_what_the_class_would_refuse_is_refused() -> None:
    for arguments in ((), (1, 2, 3)):
        with pytest.raises(TypeError):
            point(*arguments)
    with pytest.raises(TypeError):
        point(1, z=2)  # type: ignore[call-arg]


def test_a_class_that_is_more_than_its_fields_has_no_quick_way() -> None:
    @dataclass(frozen=True, slots=True)
    class Counted:
        seen: list[int] = field(default_factory=list)

    @dataclass(frozen=True, slots=True)
    class Checked:
        x: int

        def __post_init__(self) -> None:
            raise NotImplementedError

    for cls in (Counted, Checked):
        with pytest.raises(TypeError, match="more than its fields"):
            maker(cls)


def test_a_scan_is_put_together_from_when_what_and_where() -> None:
    at, place = datetime(2026, 11, 20, 13, 31, tzinfo=UTC), Place("Köln", "", "50667", "DE")
    moment = When(at, "2026-11-20T14:31:00", "+01:00", ZoneFrom.PLACE)
    said = Said("ZU", "Delivered", Status.DELIVERED, "delivered.neighbour", detail="N")
    made = scan_of(moment, said, place)
    assert made == Scan(
        at=at,
        local="2026-11-20T14:31:00",
        offset="+01:00",
        zone_from=ZoneFrom.PLACE,
        code="ZU",
        text="Delivered",
        status=Status.DELIVERED,
        sub_status="delivered.neighbour",
        place=place,
        date_only=False,
        detail="N",
    )
    with pytest.raises(FrozenInstanceError):
        made.text = "lost"  # type: ignore[misc]
    day = new_when(None, "2026-11-20", None, ZoneFrom.UNKNOWN, date_only=True)
    assert scan_of(day, said, place).date_only
