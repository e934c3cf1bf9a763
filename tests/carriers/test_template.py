"""docs/add-a-carrier.md, followed to the letter: what the template gives keeps every promise at once."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "docs" / "carrier-template"
GUIDE = ROOT / "docs" / "add-a-carrier.md"


def start() -> ModuleType:
    spec = importlib.util.spec_from_file_location("start_of_template", TEMPLATE / "start.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tree(folder: Path) -> Path:
    """The carriers and their tests, with Northpost as the only adapter beside the newcomer."""
    unwanted = shutil.ignore_patterns("__pycache__", "test_*.py", "*.pyc")
    shutil.copytree(ROOT / "carriers", folder / "carriers", ignore=unwanted)
    shutil.copytree(ROOT / "tests" / "carriers", folder / "tests" / "carriers", ignore=unwanted)
    for name in ("tests/__init__.py", "tests/carriers/test_contract.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    keep = {"__init__.py", "northpost.py", "northpost"}
    for place in ("carriers/adapters", "tests/carriers/signers", "tests/carriers/fixtures"):
        for path in (folder / place).iterdir():
            if path.name not in keep:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    return folder


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture
def grown(tmp_path: Path) -> Path:
    folder = tree(tmp_path)
    start().lay_out("zenith_post", "Zenith Post", folder)
    return folder


@pytest.mark.slow
def test_a_carrier_from_the_template_keeps_every_promise(grown: Path) -> None:
    done = pytest_in(grown, "tests/carriers/test_contract.py", "tests/carriers/test_zenith_post.py", "-k", "zenith")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(".") > 25  # every clause ran, over every fixture
    left = [
        path
        for path in grown.rglob("*zenith*")
        if path.is_file() and re.search(r"your ?carrier", path.read_text(), re.I)
    ]
    assert left == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("promised", "broken", "told_by"),
    [
        ("meant(CODES.get(code))", 'meant(CODES.get(code, "in_transit"))', "never_seen"),
        ('placed(when(event.get("time")), place)', 'when(str(event.get("time")) + "Z")', "values"),
        ('check_hmac(one_header(hook.headers, "x-signature"), secret, hook.body)', "return", "signatures"),
    ],
)
def test_an_adapter_that_breaks_a_promise_is_told_so(grown: Path, promised: str, broken: str, told_by: str) -> None:
    adapter = grown / "carriers" / "adapters" / "zenith_post.py"
    text = adapter.read_text()
    assert promised in text
    adapter.write_text(text.replace(promised, broken))
    done = pytest_in(grown, "tests/carriers/test_contract.py", "-k", f"zenith and {told_by}")
    assert done.returncode == 1, done.stdout


def test_nothing_is_written_over_and_no_odd_name_is_taken(tmp_path: Path) -> None:
    module = start()
    module.lay_out("zenith", "Zenith", tmp_path)
    with pytest.raises(FileExistsError):
        module.lay_out("zenith", "Zenith", tmp_path)
    for slug in ("", "Zenith", "../zenith", "zenith-post", "1st"):
        with pytest.raises(ValueError, match="no slug"):
            module.lay_out(slug, "Zenith", tmp_path)


def test_the_guide_names_every_file_of_the_template_and_every_capability() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    for name in ("adapter.py", "signer.py", "test_adapter.py", "start.py", "track_delivered.json"):
        assert name in guide, name
    contract = (ROOT / "carriers" / "contract.py").read_text(encoding="utf-8")
    protocols = re.findall(r"^class (\w+)\((?:\w+, )?Protocol\):", contract, re.M)
    assert len(protocols) >= 10
    assert [name for name in protocols if f"`{name}`" not in guide] == []


def test_the_guide_speaks_of_files_that_exist() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    named = {path for path in re.findall(r"`((?:carriers|tests|docs|benchmarks)/[\w./-]+\.\w+)`", guide)}
    assert named
    assert [path for path in sorted(named) if "acme" not in path and not (ROOT / path).exists()] == []
    assert {path for path in named if "acme" in path} >= {
        place.format(slug="acme") for source, place in start().PLACES.items() if source.endswith(".py")
    }
