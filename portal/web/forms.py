"""Forms as frozen pydantic models: text from outside becomes typed values, or faults by field."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError


class Faults(dict[str, str]):
    """What is wrong, by field name; the values are codes whose words live in templates ("missing", "too_long", ...)."""


class Form(BaseModel):
    """Base of every form. Unknown fields are refused; surrounding white space is dropped."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, str_max_length=4000)

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self | Faults:
        """The form, or its faults. `csrf` is the edge's business and is taken out here."""
        try:
            return cls.model_validate({k: v for k, v in body.items() if k != "csrf"})
        except ValidationError as error:
            return Faults({str(e["loc"][0]) if e["loc"] else "form": _code(dict(e)) for e in error.errors()})


def _code(error: dict[str, Any]) -> str:
    kind = str(error["type"])
    if kind in {"missing", "string_too_short"}:
        return "missing"
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    return {"string_too_long": "too_long", "extra_forbidden": "unknown_field"}.get(kind, "wrong")
