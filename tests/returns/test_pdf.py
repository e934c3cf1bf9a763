"""PDFs: right size, readable by scanners, and made by a process that reads nothing and calls nobody."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, RectangleObject, StreamObject, TextStringObject

from carriers.address import Address
from returns.pdf import Limits, PdfFailed, Press, render
from returns.slip import CarrierLabel, LabelArt, PackedItem, Size
from tests.returns import pictures
from tests.returns.sheets import (
    ADA,
    ART,
    CARRIERS_NUMBER,
    FOLLOW,
    NUMBER,
    RMA,
    carriers,
    label_picture,
    saved,
    sheet,
)

PAPER = {Size.A4: (210.0, 297.0), Size.LETTER: (215.9, 279.4), Size.LABEL: (101.6, 152.4)}
PLAIN = '<html lang="en"><title>x</title><body><p>hello</p>'


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    with Press(1) as warm:
        yield warm


# What is on the paper


@pytest.mark.parametrize("size", list(Size))
def test_our_own_sheet_is_one_page_of_its_size_and_small(press: Press, size: Size) -> None:
    pdf = press.sheet(sheet(size))
    assert pictures.sizes_mm(pdf) == [PAPER[size]]
    assert len(pdf) < 60_000


@pytest.mark.parametrize("skew", [0, 2])
@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("size", list(Size))
def test_every_code_of_our_own_sheet_is_read(press: Press, size: Size, dpi: int, skew: int) -> None:
    found = pictures.codes(pictures.page(press.sheet(sheet(size)), dpi, skew=skew))
    on_label = {("Code128", NUMBER), ("QRCode", NUMBER)}
    on_sheet = {("Code128", RMA), ("QRCode", FOLLOW)}
    assert found == (on_label if size is Size.LABEL else on_label | on_sheet)


@pytest.mark.parametrize("number", ["1", "420100019400111899223100001234", "A" * 24])
def test_short_and_long_numbers_are_read_at_203_dpi(press: Press, number: str) -> None:
    pdf = press.sheet(sheet(Size.LABEL, label=replace(ART, number=number)))
    assert pictures.codes(pictures.page(pdf, 203)) == {("Code128", number), ("QRCode", number)}


@pytest.mark.parametrize("dpi", [203, 300])
@pytest.mark.parametrize("size", list(Size))
@pytest.mark.parametrize("form", ["pdf", "png", "gif"])
@pytest.mark.parametrize("shape", [(4, 6), (6, 4)])
def test_a_carriers_label_is_read_from_the_sheet_in_any_form(
    press: Press, form: str, size: Size, dpi: int, shape: tuple[int, int]
) -> None:
    found = pictures.codes(pictures.page(press.sheet(sheet(size, label=carriers(form, *shape))), dpi))
    assert {("Code128", CARRIERS_NUMBER), ("QRCode", CARRIERS_NUMBER)} <= found


@pytest.mark.parametrize("form", ["pdf", "png"])
@pytest.mark.parametrize(("size", "top"), [(Size.A4, 297 - 152.4 - 4.5), (Size.LETTER, 279.4 - 152.4 - 4.5)])
def test_a_carriers_label_stands_in_its_true_size_at_the_bottom_left(
    press: Press, form: str, size: Size, top: float
) -> None:
    picture = pictures.page(press.sheet(sheet(size, label=carriers(form))), 254)  # 10 dots per millimetre
    area = picture.crop((0, round(top * 10) - 20, 1070, picture.height)).point(lambda dot: 255 if dot < 128 else 0)
    frame = area.getbbox()
    assert frame
    left, upper, right, lower = frame
    assert [left, upper] == pytest.approx([45, 20], abs=4)
    assert [right - left, lower - upper] == pytest.approx([1016, 1524], abs=5)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("shift", [0, 36])
def test_a_pdf_label_that_is_turned_or_cropped_is_still_upright_and_whole(
    press: Press, turned: int, shift: int
) -> None:
    writer = PdfWriter(clone_from=BytesIO(saved(label_picture(4, 6), "pdf")))
    page = writer.pages[0]
    page.rotate(turned)
    page.mediabox = RectangleObject((-shift, -shift, 288 + shift, 432 + shift))
    page.cropbox = RectangleObject((0, 0, 288, 432))
    out = BytesIO()
    writer.write(out)
    pdf = press.sheet(sheet(label=CarrierLabel("UPS", CARRIERS_NUMBER, "pdf", out.getvalue())))
    assert pictures.sizes_mm(pdf) == [PAPER[Size.A4]]
    assert ("Code128", CARRIERS_NUMBER) in pictures.codes(pictures.page(pdf, 203))


def test_a_label_too_large_for_the_sheet_follows_on_a_page_of_its_own(press: Press) -> None:
    pdf = press.sheet(sheet(label=carriers("pdf", 8.5, 11)))
    assert pictures.sizes_mm(pdf) == [(210.0, 297.0), (pytest.approx(215.9, abs=0.2), pytest.approx(279.4, abs=0.2))]
    assert ("Code128", CARRIERS_NUMBER) in pictures.codes(pictures.page(pdf, 300, number=1))
    assert ("Code128", CARRIERS_NUMBER) not in pictures.codes(pictures.page(pdf, 203))
    assert "next page" in pictures.words(pdf)


def test_a_label_too_large_for_label_paper_is_refused_with_the_way_out(press: Press) -> None:
    with pytest.raises(PdfFailed, match="print it on a4 or letter"):
        press.sheet(sheet(Size.LABEL, label=carriers("pdf", 8.5, 11)))


def test_scripts_links_and_attachments_of_a_carriers_pdf_do_not_come_along(press: Press) -> None:
    writer = PdfWriter(clone_from=BytesIO(saved(label_picture(4, 6), "pdf")))
    script = {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("app.alert('CANARY')")}
    writer.root_object[NameObject("/OpenAction")] = DictionaryObject(script)
    writer.add_attachment("canary.txt", b"CANARY")
    writer.add_uri(0, "http://127.0.0.1/CANARY", RectangleObject((0, 0, 50, 50)))
    out = BytesIO()
    writer.write(out)
    pdf = press.sheet(sheet(label=CarrierLabel("UPS", "1Z", "pdf", out.getvalue())))
    plain = PdfWriter(clone_from=BytesIO(pdf))
    for thing in plain._objects:
        assert b"CANARY" not in (thing.get_data() if isinstance(thing, StreamObject) else repr(thing).encode())


@pytest.mark.parametrize(
    "body", [b"", b"no pdf", b"%PDF-1.7\n%%EOF", saved(label_picture(4, 6), "pdf")[:900], b"<html>Sign in</html>"]
)
def test_a_carriers_label_that_is_no_pdf_fails_clearly(press: Press, body: bytes) -> None:
    with pytest.raises(PdfFailed, match="carrier's label"):
        press.sheet(sheet(label=CarrierLabel("UPS", "1Z", "pdf", body)))


def test_a_locked_label_and_an_empty_page_fail_clearly(press: Press) -> None:
    locked = PdfWriter(clone_from=BytesIO(saved(label_picture(4, 6), "pdf")))
    locked.encrypt("secret")
    empty = PdfWriter()
    empty.add_blank_page(288, 432)
    for writer in (locked, empty):
        out = BytesIO()
        writer.write(out)
        with pytest.raises(PdfFailed, match="carrier's label"):
            press.sheet(sheet(label=CarrierLabel("UPS", "1Z", "pdf", out.getvalue())))


LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 4


@pytest.mark.parametrize("size", [Size.A4, Size.LETTER])
def test_the_longest_texts_stay_in_their_places_and_every_code_is_read(press: Press, size: Size) -> None:
    person = Address(LONG[:300], ("x" * 300, "Dock 4", "Weir Lane", "Line 4"), "K" * 100, "LA9 0ZZ", "US", company=LONG)
    full = sheet(
        size,
        brand=LONG[:300],
        label=LabelArt(LONG, LONG, NUMBER, replace(person, country="GB"), LONG, LONG),
        return_address=person,
        items=tuple(PackedItem(LONG[:300], n, LONG[:300]) for n in range(1, 20)),
        note=LONG,
        contact=LONG,
        deadline=LONG,
        spoken=LONG,
        checks=(LONG,) * 9,
    )
    pdf = press.sheet(full)
    assert pictures.sizes_mm(pdf) == [PAPER[size]] * 3
    for dpi in (203, 300):
        found = pictures.codes(pictures.page(pdf, dpi))
        assert found == {("Code128", NUMBER), ("QRCode", NUMBER), ("Code128", RMA), ("QRCode", FOLLOW)}


def _from(name: str) -> LabelArt:
    return replace(ART, sender=replace(ADA, name=name))


@pytest.mark.parametrize(
    ("lang", "text"),
    [("de", "Größe M, Ärmel weiß"), ("ar", "سترة شتوية"), ("el", "Μπουφάν"), ("en", "<script>alert(1)</script>")],
)
def test_text_of_any_language_is_printed_as_text(press: Press, lang: str, text: str) -> None:
    pdf = press.sheet(sheet(lang=lang, items=(PackedItem(text, 1, text),), label=_from(text)))
    if lang == "ar":  # the order of the letters on paper is right to left; what counts is that each has a shape
        fonts = _inner(_inner(PdfReader(BytesIO(pdf)).pages[0], "/Resources"), "/Font")
        assert any("Archivo" not in str(_inner(fonts, name)["/BaseFont"]) for name in fonts)
    else:
        assert pictures.words(pdf).replace("\r\n", " ").count(text) >= 2


def test_the_document_is_tagged_titled_and_says_its_language(press: Press) -> None:
    pdf = press.sheet(sheet(lang="en-GB", label=carriers("pdf")))
    root = PdfReader(BytesIO(pdf)).root_object
    assert pdf.startswith(b"%PDF-1.7")
    assert _told(pdf) == (f"Tarnwick, return {RMA}", "Tarnwick")
    assert str(root["/Lang"]) == "en-GB"
    assert _inner(root, "/MarkInfo")["/Marked"]
    described = _inner(root, "/Metadata")
    assert isinstance(described, StreamObject)
    assert b"pdfuaid" in described.get_data()
    elements = _elements(_inner(root, "/StructTreeRoot"))
    figures = [element for element in elements if element.get("/S") == "/Figure"]
    assert figures
    assert all(figure.get("/Alt") for figure in figures)


def _inner(outer: DictionaryObject, name: str) -> DictionaryObject:
    inner = outer[name]
    assert isinstance(inner, DictionaryObject)
    return inner


def _told(pdf: bytes) -> tuple[str | None, str | None]:
    """Title and author."""
    facts = PdfReader(BytesIO(pdf)).metadata
    assert facts
    return facts.title, facts.author


def _elements(node: DictionaryObject) -> Iterator[DictionaryObject]:
    yield node
    kids = node.get("/K", [])
    for kid in kids if isinstance(kids, list) else [kids]:
        thing = kid.get_object()
        if isinstance(thing, DictionaryObject) and "/S" in thing:
            yield from _elements(thing)


# What it may not do


@contextmanager
def _canary_server() -> Iterator[tuple[str, list[str]]]:
    calls: list[str] = []

    class Canary(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"CANARY")

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Canary)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/canary", calls
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


VECTORS = {
    "img": '<img src="{url}">',
    "css link": '<link rel="stylesheet" href="{url}">',
    "css import": '<style>@import url("{url}");</style>',
    "font": '<style>@font-face {{ font-family: f; src: url("{url}") }} p {{ font-family: f }}</style><p>x</p>',
    "attachment": '<link rel="attachment" href="{url}">',
    "link attachment": '<a rel="attachment" href="{url}">x</a>',
    "svg image": '<svg width="9" height="9"><image href="{url}" width="9" height="9"/></svg>',
    "svg use": '<svg width="9" height="9"><use href="{url}#a"/></svg>',
    "object": '<object data="{url}"></object>',
    "embed": '<embed src="{url}">',
    "background": '<p style="background: url({url})">x</p>',
    "page background": "<style>@page {{ background: url({url}) }}</style>",
    "content": "<style>p::before {{ content: url({url}) }}</style><p>x</p>",
    "list mark": '<ul style="list-style-image: url({url})"><li>x</li></ul>',
    "base": '<base href="{url}"><img src="x.png">',
    "svg inside": '<img src="asset:evil.svg">',
}


@pytest.mark.parametrize("vector", VECTORS)
@pytest.mark.parametrize("kind", ["http", "file", "data", "ftp"])
def test_nothing_is_read_and_nobody_is_called(press: Press, vector: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "canary.txt").write_text("CANARY")
    with _canary_server() as (http, calls):
        urls = {
            "http": http,
            "file": (tmp_path / "canary.txt").as_uri(),
            "data": "data:text/plain,CANARY",
            "ftp": http.replace("http:", "ftp:"),
        }
        image = f'<image href="{urls[kind]}" width="9" height="9"/>'
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{image}</svg>'
        html = f'<html lang="en"><title>x</title><body>{VECTORS[vector].format(url=urls[kind])}</body>'
        # An svg's use of another document is not followed by the renderer at all; everything else must be loud.
        if vector == "svg use":
            pdf = _try(press, html, {})
            assert b"CANARY" not in pdf
        else:
            with pytest.raises(PdfFailed, match="refused"):
                press.html(html, {"evil.svg": svg.encode()})
        assert calls == []


def _try(press: Press, html: str, assets: dict[str, bytes]) -> bytes:
    try:
        return press.html(html, assets)
    except PdfFailed:
        return b""


@pytest.mark.parametrize("url", ["canary.txt", "/etc/passwd", "//127.0.0.1/x"])
def test_a_relative_address_leads_nowhere(press: Press, url: str) -> None:
    for markup in VECTORS.values():
        pdf = _try(press, f'<html lang="en"><title>x</title><body>{markup.format(url=url)}', {"evil.svg": b"<svg/>"})
        assert b"root:" not in pdf


def test_an_asset_that_was_not_given_stops_the_rendering(press: Press) -> None:
    with pytest.raises(PdfFailed, match="asset:other"):
        press.html('<html lang="en"><body><img src="asset:other.png">', {"mine.png": b""})


def test_a_worker_that_refused_still_serves(press: Press) -> None:
    with pytest.raises(PdfFailed):
        press.html('<img src="file:///etc/passwd">', {})
    assert press.html(PLAIN, {}).startswith(b"%PDF")


SPIN = "from returns import pdf; pdf._print_html = lambda *_: exec('while True: pass'); pdf._serve(2**29, {cpu})"
BURST = "from returns import pdf; pdf._print_html = lambda *_: bytes(2**31); pdf._serve(2**29, 10)"
CALL = (
    "from returns import pdf; import socket; "
    "pdf._print_html = lambda *_: socket.create_connection(('127.0.0.1', {port})); pdf._serve(2**29, 10)"
)
ENVIRONMENT = (
    "from returns import pdf; import os; "
    "pdf._print_html = lambda *_: repr(dict(os.environ)).encode(); pdf._serve(2**29, 10)"
)
CRASH = "from returns import pdf; import os; pdf._print_html = lambda *_: os.abort(); pdf._serve(2**29, 10)"


@pytest.fixture
def instead(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """instead(code): workers run this in place of the usual call."""

    def swap(code: str) -> None:
        real = subprocess.Popen
        monkeypatch.setattr(subprocess, "Popen", lambda call, **rest: real([*call[:-1], code], **rest))

    return swap


def test_a_render_that_takes_too_long_is_killed_and_the_next_one_works(
    instead: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Press(1, Limits(wall_seconds=1)) as press:
        instead(SPIN.format(cpu=60))
        with pytest.raises(PdfFailed, match="longer than 1 seconds"):
            press.html(PLAIN, {})
        monkeypatch.undo()
        assert press.html(PLAIN, {}).startswith(b"%PDF")


def test_processor_time_is_limited_for_each_sheet(instead: Callable[[str], None]) -> None:
    instead(SPIN.format(cpu=1))
    with Press(1, Limits(cpu_seconds=1)) as press, pytest.raises(PdfFailed, match="1 seconds of processor time"):
        press.html(PLAIN, {})


def test_memory_is_limited(instead: Callable[[str], None]) -> None:
    instead(BURST)
    with Press(1) as press, pytest.raises(PdfFailed, match="512 MB of memory"):
        press.html(PLAIN, {})


def test_a_worker_that_crashes_is_said_so(instead: Callable[[str], None]) -> None:
    instead(CRASH)
    with Press(1) as press, pytest.raises(PdfFailed, match="worker ended"):
        press.html(PLAIN, {})


def test_even_past_the_fetcher_there_is_no_network(instead: Callable[[str], None]) -> None:
    with _canary_server() as (url, calls):
        instead(CALL.format(port=url.split(":")[2].split("/")[0]))
        with Press(1) as press, pytest.raises(PdfFailed, match="PermissionError"):
            press.html(PLAIN, {})
        assert calls == []


@pytest.mark.slow
def test_a_layout_without_end_is_killed() -> None:
    endless = PLAIN + "<p>a line and another" * 100_000
    with Press(1, Limits(cpu_seconds=2, wall_seconds=6)) as press, pytest.raises(PdfFailed, match=r"seconds|ended"):
        press.html(endless, {})


# The pool


def test_the_process_that_asks_never_imports_weasyprint() -> None:
    code = (
        "import sys; from returns import pdf, slip; pdf.render('<html lang=en><p>x', {}); "
        "loaded = {'weasyprint', 'pypdf', 'PIL', 'fontTools'} & set(sys.modules); "
        "sys.exit(str(loaded) if loaded else 0)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_worker_sees_none_of_our_settings(monkeypatch: pytest.MonkeyPatch, instead: Callable[[str], None]) -> None:
    monkeypatch.setenv("DOORSTEP_SECRET", "CANARY")
    instead(ENVIRONMENT)
    with Press(1) as press:
        assert b"CANARY" not in press.html(PLAIN, {})


def test_a_worker_is_replaced_after_its_share_of_sheets() -> None:
    with Press(1, Limits(sheets=2)) as press:
        pids = []
        for _ in range(4):
            press.html(PLAIN, {})
            worker = press._idle.queue[0]
            pids.append(worker and worker._process.pid)
    assert pids[0] is not None
    assert pids[1] is None
    assert pids[2] not in (None, pids[0])


def test_threads_share_the_workers_and_each_gets_its_own_answer() -> None:
    answers: dict[int, bytes] = {}

    def ask(press: Press, n: int) -> None:
        answers[n] = press.html(f'<html lang="en"><title>number {n}</title><body>x', {})

    with Press(2) as press:
        threads = [threading.Thread(target=ask, args=(press, n)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    titles = {n: _told(pdf)[0] for n, pdf in answers.items()}
    assert titles == {n: f"number {n}" for n in range(8)}


def test_no_free_worker_is_an_error_and_not_a_wait_for_ever(instead: Callable[[str], None]) -> None:
    instead(SPIN.format(cpu=60))
    with Press(1, Limits(wall_seconds=2, wait_seconds=0.1)) as press:
        first = threading.Thread(target=lambda: _try(press, PLAIN, {}))
        first.start()
        while press._idle.qsize():
            pass
        with pytest.raises(PdfFailed, match="busy"):
            press.html(PLAIN, {})
        first.join()


def test_a_closed_press_says_so_and_leaves_no_process() -> None:
    press = Press(1)
    press.html(PLAIN, {})
    worker = press._idle.queue[0]
    assert worker
    process = worker._process
    press.close()
    press.close()
    assert process.poll() is not None
    with pytest.raises(PdfFailed, match="closed"):
        press.html(PLAIN, {})


def test_a_document_is_rendered_once_without_a_press() -> None:
    assert render(
        '<html lang="en"><body><img alt="a" src="asset:a.svg">', {"a.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}
    ).startswith(b"%PDF")
