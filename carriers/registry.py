"""Which carriers there are: every module of carriers/adapters, found by its folder."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache

from carriers import adapters
from carriers.contract import Carrier


class _Carriers(Mapping[str, Carrier]):
    """Each adapter is loaded when it is first looked at: a shop uses a few, and all take as long as a second."""

    def __init__(self, names: list[str]) -> None:
        self._loaded: dict[str, Carrier | None] = dict.fromkeys(names)

    def __getitem__(self, slug: str) -> Carrier:
        carrier = self._loaded[slug]
        if carrier is None:
            carrier = self._loaded[slug] = _declared(slug)
        return carrier

    def __contains__(self, slug: object) -> bool:
        return slug in self._loaded

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)


@cache
def all_carriers() -> Mapping[str, Carrier]:
    """slug -> carrier, in alphabetical order. RuntimeError for a module that declares no CARRIER of its own name."""
    return _Carriers(sorted(found.name for found in pkgutil.iter_modules(adapters.__path__)))


def _declared(name: str) -> Carrier:
    module = importlib.import_module(f"{adapters.__name__}.{name}")
    carrier = getattr(module, "CARRIER", None)
    if not isinstance(carrier, Carrier):
        raise RuntimeError(f"carriers/adapters/{name}.py must declare CARRIER, an object with `about`")
    if carrier.about.slug != name:
        raise RuntimeError(f"carriers/adapters/{name}.py declares the slug {carrier.about.slug!r}; it must be {name!r}")
    return carrier
