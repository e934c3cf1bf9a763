"""Which carriers there are: every module of carriers/adapters, found by its folder."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from carriers import adapters
from carriers.contract import Carrier


@cache
def all_carriers() -> Mapping[str, Carrier]:
    """slug -> carrier, in alphabetical order. A module that declares no CARRIER of its own name stops the start."""
    names = sorted(found.name for found in pkgutil.iter_modules(adapters.__path__))
    return MappingProxyType({name: _declared(name) for name in names})


def _declared(name: str) -> Carrier:
    module = importlib.import_module(f"{adapters.__name__}.{name}")
    carrier = getattr(module, "CARRIER", None)
    if not isinstance(carrier, Carrier):
        raise RuntimeError(f"carriers/adapters/{name}.py must declare CARRIER, an object with `about`")
    if carrier.about.slug != name:
        raise RuntimeError(f"carriers/adapters/{name}.py declares the slug {carrier.about.slug!r}; it must be {name!r}")
    return carrier
