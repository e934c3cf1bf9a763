"""Carriers are found by their folder, each is loaded when it is needed, and a file that declares none is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from carriers import adapters
from carriers.registry import _declared, all_carriers


def test_every_module_of_the_folder_is_a_carrier() -> None:
    names = {path.stem for path in Path(adapters.__path__[0]).glob("*.py")} - {"__init__"}
    assert set(all_carriers()) == names
    assert list(all_carriers()) == sorted(names)
    assert all_carriers() is all_carriers()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "must declare CARRIER"),
        ("CARRIER = 1", "must declare CARRIER"),
        ("from carriers.adapters.northpost import CARRIER", "slug 'northpost'"),
    ],
)
def test_a_file_without_its_carrier_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, words: str
) -> None:
    (tmp_path / "stray.py").write_text(source)
    monkeypatch.setattr(adapters, "__path__", [*adapters.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "carriers.adapters.stray", raising=False)
    with pytest.raises(RuntimeError, match=words):
        _declared("stray")
    monkeypatch.delitem(sys.modules, "carriers.adapters.stray", raising=False)


def test_one_carrier_is_loaded_without_the_others() -> None:
    code = (
        "import sys; from carriers.registry import all_carriers; known = all_carriers();"
        "assert 'ups' in known and known.get('nobody') is None and len(known) > 20; known['ups'];"
        "print(*(name for name in sys.modules if name.startswith('carriers.adapters.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["carriers.adapters.ups"]


def test_the_library_imports_no_web_and_no_database() -> None:
    code = (
        "import sys; from carriers.registry import all_carriers; list(all_carriers().values());"
        "loaded = {name.partition('.')[0] for name in sys.modules};"
        "print(*loaded & {'starlette', 'sqlmodel', 'sqlalchemy', 'jinja2', 'portal', 'returns'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""
