"""Static files and style sheets: right types, kept for a year only under the right name, nothing outside the folder."""

import re

import pytest

from portal.assets import assets
from portal.settings import root
from portal.speech import words
from tests.client import Client
from tests.world import World


def test_the_style_sheet_of_a_page_is_there_and_immutable(client: Client, world: World) -> None:
    page = client.get("/").text
    url = re.findall(r'href="(/brand/[^"]+)"', page)
    assert len(url) == 1, "one blocking request"
    sheet = client.get(url[0])
    assert sheet.headers["content-type"].startswith("text/css")
    assert "immutable" in sheet.headers["cache-control"]
    assert "--c-primary:#0f5c55" in sheet.text
    assert "@layer" in sheet.text


def test_each_host_has_its_own_style_sheet(client: Client, world: World) -> None:
    assert client.get("/brand/juniper.css").status_code == 200
    assert client.get("/brand/basalt.css").status_code == 404
    assert client.get("/brand/juniper-0000000000.css").headers["cache-control"].startswith("public, max-age=300")


def test_every_file_that_pages_and_sheets_name_is_served(client: Client, world: World) -> None:
    page, sheet = client.get("/").text, client.get("/brand/juniper.css").text
    named = set(re.findall(r"/static/[\w./-]+", page + sheet))
    assert named
    for path in named:
        response = client.get(path)
        assert response.status_code == 200, path
        assert "max-age=31536000" in response.headers["cache-control"]


@pytest.mark.parametrize(
    "path", ["nothing.css", "../portal/app.py", "..%2fpyproject.toml", "%2e%2e/pyproject.toml", "fonts", "/etc/passwd"]
)
def test_nothing_outside_the_folder_is_served(client: Client, world: World, path: str) -> None:
    response = client.get(f"/static/{path}")
    assert response.status_code == 404
    assert "import" not in response.text


def test_every_icon_and_drawing_that_templates_and_words_name_exists() -> None:
    icons = set(re.findall(r'id="([\w-]+)"', assets().text("icons.svg")))
    tables = (words.STATUS, words.STAGE, words.RETURN_STATUS)
    named = {shown.icon for table in tables for shown in table.values()}
    folders = [root() / "templates" / part for part in ("pages", "parts")]
    files = [path for folder in folders for path in folder.rglob("*.html")]
    for path in files:
        text = path.read_text()
        named |= set(re.findall(r'icon\(icons, "([\w-]+)"', text)) | set(re.findall(r"icons \}\}#([\w-]+)\"", text))
    assert named
    assert named <= icons


def test_every_icon_is_drawn_somewhere() -> None:
    sources = [*(root() / "templates").rglob("*.html"), *(root() / "portal").rglob("*.py")]
    told = "".join(path.read_text(encoding="utf-8") for path in sources)
    named = set(re.findall(r"""["'#]([a-z][a-z-]*)["']""", told))
    assert set(re.findall(r'id="([\w-]+)"', assets().text("icons.svg"))) <= named


def test_what_compresses_well_is_packed_once() -> None:
    found = assets().find("portal.css")
    assert found is not None
    assert 0 < len(found[0].packed) < len(found[0].body) / 2


def test_those_who_take_gzip_get_it_and_the_others_the_same_file_as_it_is(client: Client, world: World) -> None:
    path = "/static/portal.js"
    plain = client.get(path, headers={"accept-encoding": "identity"})
    small = client.get(path, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"])
    assert small.content == plain.content
    assert plain.headers["vary"] == small.headers["vary"] == "Accept-Encoding"
    assert "immutable" not in plain.headers["cache-control"]  # this name may hold another content tomorrow
