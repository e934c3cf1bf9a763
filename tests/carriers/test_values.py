"""Values made by the thousand: as good as frozen ones, but for the assignment that only the type checker refuses."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, fields, replace

import pytest

from carriers.contract import Place, Scan, ZoneFrom
from carriers.reading import When
from carriers.values import lightly


@lightly
@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


@dataclass(frozen=True, slots=True)
class Frozen:
    x: int


def test_a_light_value_is_made_compared_hashed_copied_and_shown_as_before() -> None:
    assert Point(1) == Point(x=1, y=0) != Point(1, 2)
    assert len({Point(1), Point(1, 0), Point(2)}) == 2
    assert replace(Point(1), y=3) == Point(1, 3)
    assert repr(Point(1)) == "Point(x=1, y=0)"
    assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)  # noqa: S301 - our own bytes
    assert [field.name for field in fields(Point)] == ["x", "y"]
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]


def test_there_is_no_room_for_a_field_that_was_not_declared() -> None:
    with pytest.raises(AttributeError):
        Point(1).z = 3  # type: ignore[attr-defined]


def test_the_type_checker_refuses_to_assign() -> None:
    """mypy runs over this file: without the ignore it would complain, and with an ignore too many as well."""
    point, frozen = Point(1), Frozen(1)
    point.x = 2  # type: ignore[misc]
    assert point.x == 2
    with pytest.raises(FrozenInstanceError):
        frozen.x = 2  # type: ignore[misc]


def test_the_values_of_the_hot_path_are_light() -> None:
    for value in (Place(), When(None, "", None, ZoneFrom.UNKNOWN)):
        assert type(value).__setattr__ is object.__setattr__
    assert Scan.__setattr__ is object.__setattr__
    assert Scan(None, "", None, ZoneFrom.UNKNOWN, "", "", None).place == Place()
