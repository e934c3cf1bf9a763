"""HTML to PDF bytes, by WeasyPrint in a process of its own that may read nothing, call nobody and not run for long.

The process that asks never imports WeasyPrint. What is drawn comes from strangers (names, carriers' labels), so the
worker gets a bare environment, a limit on memory and on processor time, and is killed when it takes too long; its
answer is bytes, never a pickle.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from queue import Empty, LifoQueue
from threading import Timer
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from returns.slip import Inset, Sheet

_HEAD = struct.Struct(">cQ")  # "+" or "-", length of what follows
_Message = tuple[bytes, bytes]
_OUT_OF_MEMORY = 77  # exit code
_MOST_BYTES = 32 * 1024 * 1024
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "HOME", "FONTCONFIG_FILE", "FONTCONFIG_PATH")
_POINTS_PER_MM = 72 / 25.4
_SLACK_MM = 1.5  # carriers round 4 by 6 inches differently


class PdfFailed(Exception):
    """No PDF came of it. The text says why, without quoting the document."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one worker may use. Memory is address space: sheets with carriers' labels reach 300 MB of it, 100 MB of that
    resident."""

    memory_bytes: int = 512 * 1024 * 1024
    cpu_seconds: int = 10  # for one sheet
    wall_seconds: float = 15  # for one sheet
    start_seconds: float = 60  # importing WeasyPrint on a busy machine with a cold disk
    wait_seconds: float = 60  # for a free worker
    sheets: int = 100  # then the worker is replaced, so that nothing it leaks adds up


class Press:
    """A pool of warm workers. Threads may share it; each job has a worker to itself. Close it when done."""

    def __init__(self, workers: int = 1, limits: Limits = Limits()) -> None:
        self._limits = limits
        self._size = workers
        self._idle: LifoQueue[_Worker | None] = LifoQueue()
        self._closed = False
        for _ in range(workers):
            self._idle.put(None)

    def sheet(self, sheet: Sheet) -> bytes:
        """A label sheet as PDF. CannotPrint values and everything else that fails: PdfFailed."""
        return self._run("sheet", sheet)

    def html(self, html: str, assets: Mapping[str, bytes]) -> bytes:
        """A document as PDF. It may refer to `assets` as asset:<name> and to nothing else, or PdfFailed."""
        return self._run("html", (html, dict(assets)))

    def close(self) -> None:
        """Ends the workers, waiting for those at work."""
        if self._closed:
            return
        self._closed = True
        for _ in range(self._size):
            worker = self._idle.get()
            if worker:
                worker.end()

    def __enter__(self) -> Press:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, kind: str, payload: object) -> bytes:
        if self._closed:
            raise PdfFailed("the press is closed")
        try:
            worker = self._idle.get(timeout=self._limits.wait_seconds)
        except Empty:
            raise PdfFailed("all PDF workers are busy; try again") from None
        try:
            worker = worker or _Worker(self._limits)
            return worker.run(kind, payload)
        finally:
            if worker and worker.is_spent:
                worker.end()
                worker = None
            self._idle.put(worker)


def render(html: str, assets: Mapping[str, bytes], limits: Limits = Limits()) -> bytes:
    """One document as PDF, by a worker started for it. For more than one keep a Press."""
    with Press(1, limits) as press:
        return press.html(html, assets)


class _Worker:
    """One child process, seen from the parent."""

    def __init__(self, limits: Limits) -> None:
        root = str(Path(__file__).resolve().parent.parent)
        environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        call = f"from returns.pdf import _serve; _serve({limits.memory_bytes}, {limits.cpu_seconds})"
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and text
            [sys.executable, "-P", "-c", call],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # WeasyPrint quotes the document there
            env={**environment, "PYTHONPATH": root},
            close_fds=True,
        )
        self._limits = limits
        self._left = limits.sheets
        self._is_mid_job = False  # stays so when an exception hits the parent between question and answer
        self._timed_out = False
        self._within(limits.start_seconds, self._answer)

    @property
    def is_spent(self) -> bool:
        """Whether it must not be asked again: worn out, gone, or with an answer to an older question in the pipe."""
        return self._left <= 0 or self._is_mid_job or self._timed_out or self._process.poll() is not None

    def run(self, kind: str, payload: object) -> bytes:
        self._left -= 1
        body = pickle.dumps((kind, payload))
        self._is_mid_job = True
        sign, answer = self._within(self._limits.wall_seconds, lambda: self._ask(body))
        self._is_mid_job = False
        if sign != b"+":
            raise PdfFailed(answer.decode(errors="replace"))
        return answer

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what was left unwritten when it was killed
                pipe.close() if pipe else None

    def _within(self, seconds: float, do: Callable[[], _Message]) -> _Message:
        """Kills the child if `do` takes longer, which ends the blocked read or write in `do`."""
        timer = Timer(seconds, self._run_out)
        timer.daemon = True
        timer.start()
        try:
            return do()
        except (OSError, EOFError):
            self.end()
            raise PdfFailed(self._epitaph(seconds)) from None
        finally:
            timer.cancel()

    def _run_out(self) -> None:
        self._timed_out = True
        self._process.kill()

    def _epitaph(self, seconds: float) -> str:
        if self._timed_out:
            return f"the PDF took longer than {seconds:g} seconds"
        if self._process.returncode == -signal.SIGXCPU:
            return f"the PDF took more than {self._limits.cpu_seconds} seconds of processor time"
        if self._process.returncode == _OUT_OF_MEMORY:
            return f"the PDF took more than {self._limits.memory_bytes >> 20} MB of memory"
        return f"the PDF worker ended (exit {self._process.returncode})"

    def _ask(self, body: bytes) -> _Message:
        assert self._process.stdin  # noqa: S101  a pipe was asked for
        _send(self._process.stdin, b"+", body)
        return self._answer()

    def _answer(self) -> _Message:
        assert self._process.stdout  # noqa: S101  a pipe was asked for
        return _receive(self._process.stdout)


def _send(pipe: IO[bytes], sign: bytes, body: bytes) -> None:
    pipe.write(_HEAD.pack(sign, len(body)) + body)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> _Message:
    """The next message. EOFError when the other side is gone or talks nonsense."""
    head = pipe.read(_HEAD.size)
    sign, size = _HEAD.unpack(head) if len(head) == _HEAD.size else (b"", _MOST_BYTES + 1)
    body = pipe.read(size) if size <= _MOST_BYTES else b""
    if len(body) != size:
        raise EOFError
    return sign, body


# From here on: the child.


def _serve(memory_bytes: int, cpu_seconds: int) -> None:
    """Reads jobs from stdin and answers on stdout until stdin ends."""
    jobs, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not garble an answer
    _limit(memory_bytes)
    from weasyprint.text.fonts import FontConfiguration

    sys.addaudithook(_refuse_contact)
    fonts = FontConfiguration()
    _send(answers, b"+", b"ready")
    with suppress(EOFError):
        while True:
            _, body = _receive(jobs)
            _allow_cpu(cpu_seconds)
            kind, payload = pickle.loads(body)  # noqa: S301  written by the parent
            sign, answer = _attempt(kind, payload, fonts)
            _send(answers, sign, answer)


def _limit(memory_bytes: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_BYTES, _MOST_BYTES))


def _allow_cpu(seconds: int) -> None:
    """Processor time is counted over the life of a process, so each job moves the mark."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


def _refuse_contact(event: str, _: tuple[object, ...]) -> None:
    """Whatever gets past the fetcher still finds no network and no other program."""
    if event.startswith(("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.system", "os.fork", "urllib.")):
        raise PermissionError(f"{event} is not allowed here")


def _attempt(kind: str, payload: Any, fonts: object) -> tuple[bytes, bytes]:
    from weasyprint.urls import FatalURLFetchingError

    from returns.slip import CannotPrint

    try:
        if kind == "sheet":
            return b"+", _print_sheet(payload, fonts)
        html, assets = payload
        return b"+", _print_html(html, assets, fonts)
    except (CannotPrint, PdfFailed) as error:
        return b"-", str(error).encode()
    except FatalURLFetchingError as error:
        return b"-", str(_refusal(str(error))).encode()
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)  # what is left of the process cannot be relied on
    except Exception as error:  # the text of a foreign error may quote the document
        return b"-", f"the PDF could not be made ({type(error).__name__})".encode()


def _print_html(html: str, assets: Mapping[str, bytes], fonts: object) -> bytes:
    """No base URL, no style sheets, attachments or metadata from elsewhere: those were ways around a fetcher."""
    from weasyprint import HTML

    refused: list[str] = []
    document = HTML(string=html, base_url=None, url_fetcher=_fetcher(assets, refused))
    pdf = bytes(document.write_pdf(font_config=fonts, pdf_variant="pdf/ua-1"))
    if refused:  # while it draws an SVG, WeasyPrint swallows even fatal errors
        raise _refusal(refused[0])
    return pdf


def _refusal(url: str) -> PdfFailed:
    return PdfFailed(f"the document asks for {url[:100]!r}, which is refused")


def _fetcher(assets: Mapping[str, bytes], refused: list[str]) -> Any:
    from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

    types = {"svg": "image/svg+xml", "png": "image/png", "gif": "image/gif", "woff2": "font/woff2"}

    class Assets(URLFetcher):  # type: ignore[misc]
        """Knows the files it was given and stops the rendering at anything else."""

        def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
            scheme, _, name = url.partition(":")
            if scheme != "asset" or name not in assets:
                refused.append(url)
                raise FatalURLFetchingError(url)
            kind = types.get(name.rpartition(".")[2], "application/octet-stream")
            return URLFetcherResponse(url, assets[name], {"Content-Type": kind})

    return Assets()


def _print_sheet(sheet: Sheet, fonts: object) -> bytes:
    from returns.slip import CarrierLabel, Size, draw

    if not isinstance(sheet.label, CarrierLabel) or sheet.label.format != "pdf":
        drawn = draw(sheet)
        return _print_html(drawn.html, drawn.assets, fonts)
    label = _first_page(sheet.label.body)
    if not label.fits and sheet.size is Size.LABEL:
        raise PdfFailed("the carrier's label is larger than 4 by 6 inches; print it on a4 or letter")
    drawn = draw(sheet, label_apart=not label.fits)
    return _with_label(_print_html(drawn.html, drawn.assets, fonts), label, drawn.inset)


@dataclass(frozen=True, slots=True)
class _Page:
    """The page of a carrier's document that holds the label: what it draws, and its visible box in points."""

    content: bytes
    resources: Any
    box: tuple[float, float, float, float]  # left, bottom, right, top
    turned: int  # degrees clockwise that a viewer turns it: 0, 90, 180 or 270

    @property
    def size(self) -> tuple[float, float]:
        """Width and height as seen."""
        left, bottom, right, top = self.box
        return (top - bottom, right - left) if self.turned % 180 else (right - left, top - bottom)

    @property
    def fits(self) -> bool:
        """Whether it is, upright or on its side, no larger than 4 by 6 inches."""
        short, long = sorted(self.size)
        return short <= (101.6 + _SLACK_MM) * _POINTS_PER_MM and long <= (152.4 + _SLACK_MM) * _POINTS_PER_MM


def _first_page(pdf: bytes) -> _Page:
    """PdfFailed if it is no PDF, is locked, has no page, or a page that is no page."""
    from pypdf import PdfReader
    from pypdf.generic import ArrayObject, DictionaryObject

    try:
        page = PdfReader(BytesIO(pdf)).pages[0]
        contents = page.get("/Contents", ArrayObject()).get_object()
        parts = contents if isinstance(contents, ArrayObject) else [contents]
        content = b"\n".join(part.get_object().get_data() for part in parts)
        resources = page.get("/Resources", DictionaryObject()).get_object()
        left, bottom, right, top = (float(edge) for edge in page.cropbox)
        label = _Page(content, resources, (left, bottom, right, top), page.rotation % 360)
    except MemoryError:
        raise
    except Exception as error:  # pypdf raises many kinds on broken files
        raise PdfFailed(f"the carrier's label is not a PDF that can be read ({type(error).__name__})") from None
    if not content or min(label.size) < 1 or max(label.size) > 14400 or label.turned % 90:
        raise PdfFailed("the carrier's label is an empty or impossible page")
    return label


def _with_label(sheet: bytes, label: _Page, inset: Inset | None) -> bytes:
    """The carrier's page put on our first page in true size, or behind it as a page of its own.

    Drawn as a form of its own, so that fonts of the same name do not meet, and marked as an artifact: the page says in
    words what the label is. Only what is drawn is taken over, not links, scripts or attachments.
    """
    from pypdf import PdfWriter

    writer = PdfWriter(clone_from=BytesIO(sheet))
    writer.pdf_header = "%PDF-1.7"
    width, height = label.size
    if inset:
        page = writer.pages[0]
        x = (inset.left + inset.width / 2) * _POINTS_PER_MM
        y = float(page.mediabox.height) - (inset.top + inset.height / 2) * _POINTS_PER_MM
        turn = label.turned + (90 if width > height else 0)
    else:
        writer.insert_blank_page(width, height, 1)
        page, x, y, turn = writer.pages[1], width / 2, height / 2, label.turned
    _draw(writer, page, _form(writer, label), _placed(label, x, y, turn))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def _placed(label: _Page, x: float, y: float, turn: int) -> str:
    """The matrix that puts the middle of the label at x, y, turned clockwise, in true size."""
    left, bottom, right, top = label.box
    cx, cy = (left + right) / 2, (bottom + top) / 2
    cos, sin = ((1, 0), (0, -1), (-1, 0), (0, 1))[turn // 90 % 4]
    return f"{cos} {sin} {-sin} {cos} {x - cos * cx + sin * cy:.4f} {y - sin * cx - cos * cy:.4f} cm"


def _form(writer: Any, label: _Page) -> Any:
    from pypdf.generic import ArrayObject, FloatObject, NameObject, StreamObject

    form = StreamObject()
    form.set_data(label.content)
    form[NameObject("/Type")] = NameObject("/XObject")
    form[NameObject("/Subtype")] = NameObject("/Form")
    form[NameObject("/BBox")] = ArrayObject([FloatObject(edge) for edge in label.box])
    form[NameObject("/Resources")] = label.resources.clone(writer)
    return writer._add_object(form.flate_encode())


def _draw(writer: Any, page: Any, form: Any, matrix: str) -> None:
    from pypdf.generic import ArrayObject, DictionaryObject, NameObject, StreamObject

    resources = page.setdefault(NameObject("/Resources"), DictionaryObject()).get_object()
    forms = resources.setdefault(NameObject("/XObject"), DictionaryObject()).get_object()
    forms[NameObject("/CarrierLabel")] = form
    before, after = StreamObject(), StreamObject()
    before.set_data(b"q\n")
    after.set_data(f"\nQ /Artifact BMC q {matrix} /CarrierLabel Do Q EMC\n".encode())
    old = [page.raw_get("/Contents")] if "/Contents" in page else []  # WeasyPrint writes one stream; a blank page none
    page[NameObject("/Contents")] = ArrayObject([writer._add_object(before), *old, writer._add_object(after)])
