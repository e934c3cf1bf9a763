"""What `uv build` puts into the wheel is all that the program needs, wherever it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_LOOK = """
from pathlib import Path
import portal, returns.slip
from portal.settings import root
from portal.assets import Assets
print(root())
print(next(folder for folder in returns.slip._FOLDERS if folder.is_dir()))
Assets(root() / "static")
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder laid out as pyproject.toml says for the wheel, beside a stranger's `templates`."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    place = tmp_path / "site-packages"
    (place / "templates" / "pdf").mkdir(parents=True)
    wanted = {name: name for name in wheel["packages"]} | wheel["force-include"]
    for source, target in wanted.items():
        shutil.copytree(ROOT / source, place / target, ignore=shutil.ignore_patterns("__pycache__"))
    return place


def test_an_installed_program_finds_its_own_templates(installed: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", _LOOK]
    environment = os.environ | {"PYTHONPATH": str(installed)}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    data = installed / "portal" / "_data"
    assert ended.stdout.splitlines() == [str(data), str(data / "templates" / "pdf")], ended.stderr


def test_every_template_and_drawing_is_in_the_wheel(installed: Path) -> None:
    for folder in ("templates", "static"):
        here = {str(path.relative_to(ROOT / folder)) for path in (ROOT / folder).rglob("*") if path.is_file()}
        there = installed / "portal" / "_data" / folder
        assert here == {str(path.relative_to(there)) for path in there.rglob("*") if path.is_file()}
