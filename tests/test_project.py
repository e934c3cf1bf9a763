"""The project's own promises: dependency floors hold, and the documents speak of what exists."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import typer

from portal.cli import app
from portal.commands.accounts import BrandFile
from portal.settings import Settings
from portal.shops.contract import Draft, all_sources
from portal.shops.sources.json import Line, OrderShape, Parcel, ShipTo
from portal.theme.tokens import check_tokens
from returns.policy import read_policy

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

# The oldest release without a known hole that touches us; docs/adr/0005 gives the reasons.
FLOORS = {
    "starlette": "1.3.1",
    "python-multipart": "0.0.31",
    "uvicorn": "0.54.0",
    "jinja2": "3.1.6",
    "weasyprint": "70.0",
    "pillow": "13.0.0",
    "httpx": "0.28.1",
    "sqlmodel": "0.0.50",
    "alembic": "1.20",
    "psycopg": "3.3.9",
    "apscheduler": "3.11.3",
    "aiosmtplib": "5.1.3",
    "argon2-cffi": "25.1.0",
    "nh3": "0.3.8",
    "cryptography": "50.0.2",
    "tzdata": "2026.6",
    "idna": "3.7",
}


def _parts(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


@pytest.mark.parametrize("name", FLOORS)
def test_the_declared_floor_and_what_is_installed_are_safe(name: str) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    found = [re.search(r">=([\d.]+)", item) for item in declared if re.match(rf"{re.escape(name)}(\[.*\])?[><=]", item)]
    assert len(found) == 1
    assert found[0] is not None
    assert _parts(found[0].group(1)) >= _parts(FLOORS[name])
    assert _parts(version(name)) >= _parts(FLOORS[name])


# Never imported by us: uvicorn and Starlette look for them by name, and the zones are read as files.
FOUND_BY_NAME = {"uvloop", "httptools", "python-multipart", "tzdata"}


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


def test_what_is_imported_is_declared_and_the_other_way_round() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    ours = {"portal", "returns", "carriers"}
    files = [path for package in ours for path in (ROOT / package).rglob("*.py")]
    names = set().union(*map(_imported, files)) - ours - sys.stdlib_module_names
    owners = packages_distributions()
    imported = {owner.lower() for name in names for owner in owners[name]}
    assert imported | FOUND_BY_NAME == {re.split(r"[\[><=;]", item)[0] for item in declared}


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert f"`DOORSTEP_{name.upper()}`" in page
        assert field.description
        assert field.description in page


def _commands() -> set[str]:
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    top = {_name(command) for command in app.registered_commands}
    nested = {f"{name} {_name(c)}" for name, group in groups.items() if group for c in group.registered_commands}
    return top | nested | {str(name) for name in groups}


def _name(command: typer.models.CommandInfo) -> str:
    callback = command.callback
    return command.name or (callback.__name__.replace("_", "-") if callback else "")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_documents_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    known = _commands()
    for first, second in re.findall(r"(?:\.venv/bin/|`)doorstep ([a-z][a-z-]*)(?: ([a-z]+))?", text):
        is_group = f"{first} {second}" in known
        assert first in known, f"{path.name}: doorstep {first}"
        assert is_group or not any(name.startswith(f"{first} ") for name in known) or not second, f"{first} {second}"
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE):
        assert target in targets, f"{path.name}: make {target}"


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name in _commands() - {"carriers", "brand", "agent", "connection"}:
        assert f"doorstep {name}" in page, name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_in_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if not target.startswith(("https://", "mailto:")) and "screens/" not in target:
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_order_source_and_json_field_is_documented() -> None:
    page = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    for slug in all_sources():
        assert f"`{slug}`" in page
    for shape in (OrderShape, Line, Parcel, ShipTo):
        for name in shape.model_fields:
            assert f"`{name}`" in page or f'"{name}"' in page, name


def test_the_examples_in_the_documents_are_accepted() -> None:
    order = _example("import.md")
    (draft,) = all_sources()["json"].read(order.encode(), ZoneInfo("UTC"))
    assert isinstance(draft, Draft)
    brand = BrandFile.model_validate_json(_example("cli.md", after="## A brand file"))
    assert check_tokens(brand.theme or {})[1] == {}
    assert read_policy({"version": 1, "rules": brand.policy}).rules


def _example(page: str, after: str = "") -> str:
    """The first JSON block of a document, after a heading."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = re.search(r"```json\n(.*?)```", text[text.index(after) :], re.DOTALL)
    assert found
    return found.group(1)
