"""The edge: awaits the request, runs the page in a thread inside one unit of work, turns its answer into a response.

Pages are plain synchronous functions. Returning commits, raising rolls back. Every page names who may see it; a page
without an access rule does not import.
"""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import secrets
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, NoReturn, TypeVar

import orjson
import structlog
from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, NoMatchFound, Route, Router
from starlette.types import Receive, Scope, Send

from portal.app import App
from portal.brands import host_name
from portal.db import is_outage, repeated
from portal.lines import Lines
from portal.quick import Reads, follow
from portal.refusal import Refusal
from portal.tables import Brand
from portal.web.answers import Blob, Cookie, Data, Go, Result, SignIn, View
from portal.web.csrf import is_own_site, token_matches
from portal.web.view_frame import frame
from portal.web.written import written

log = structlog.get_logger("portal.web")

MAX_FIELDS = 1000
MAX_FIELD_BYTES = 64 * 1024
RETRY_SECONDS = 5
# A name that holds its content's hash is kept for a year and never asked about again.
FOREVER_SECONDS = 365 * 24 * 3600
CONSOLE = "/console"
SHOP_PAGES = "portal.web.pages"
CONSOLE_PAGES = "portal.web.pages.console"


@dataclass(slots=True)
class Ask:
    """Everything that a page may know. `who` is what the page's access rule found.

    `body` holds form fields as text; a field sent more than once is a list. `session` is the stored hash of the session
    in force, set by the access rule: the form token is bound to it.
    """

    app: App
    site: Brand | None
    unit: Session | None
    now: datetime
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    body: Mapping[str, Any]
    client: str
    url_path: str
    who: Any = None
    session: str = ""

    @property
    def tx(self) -> Session:
        """The unit of work. A quick page has none."""
        if self.unit is None:
            raise RuntimeError(f"{self.url_path}: a quick page reads by portal.quick")
        return self.unit

    @property
    def brand(self) -> Brand:
        """The brand whose host was asked. Refused on a host without one."""
        if self.site is None:
            raise Refusal("unknown_host", 421)
        return self.site

    @property
    def csrf(self) -> str:
        """The token that forms on this page carry."""
        return self.app.keys.csrf(self.session)


T = TypeVar("T")
Access = Callable[[Ask], Any]
Run = Callable[[Ask], Result]


@dataclass(frozen=True, slots=True)
class Page:
    """One function, the method and path it answers, and who may ask. `writes`: needs a transaction, not a reading."""

    method: str
    path: str
    who: Access
    run: Run
    writes: bool

    def __call__(self, ask: Ask) -> Result:
        return self.run(ask)


@dataclass(frozen=True, slots=True)
class QuickPage:
    """A GET that reads a few rows by portal.quick and nothing else. Rule and function yield their reads."""

    path: str
    who: Callable[[Ask], Reads[Any]]
    run: Callable[[Ask], Reads[Result]]
    method: str = "GET"
    writes: bool = False

    def steps(self, ask: Ask) -> Reads[Result]:
        """The rule, then the page."""
        ask.who = yield from self.who(ask)
        result = yield from self.run(ask)
        return result


def page(method: str, path: str, *, who: Access, writes: bool | None = None) -> Callable[[Run], Page]:
    """Makes a function a page. Pages are found by their folder, so there is no list to edit.

    A POST writes; a GET reads unless `writes` says otherwise (a mailed link that is swapped for a session).
    """
    return lambda run: Page(method, path, who, run, method == "POST" if writes is None else writes)


def quick_page(path: str, *, who: Callable[[Ask], Reads[Any]]) -> Callable[[Callable[[Ask], Reads[Result]]], QuickPage]:
    """Makes a generator function a page that runs on the event loop (docs/adr/0001): it must not wait for anything.

    Handing such a page to a thread and back costs more than the page (docs/performance.md).
    """
    return lambda run: QuickPage(path, who, run)


def pages_below(package: str) -> list[Page | QuickPage]:
    """Every page of every module directly in a package. Raises LookupError for a module that declares none."""
    folder = importlib.import_module(package)
    found: list[Page | QuickPage] = []
    for info in sorted(pkgutil.iter_modules(folder.__path__, f"{package}."), key=lambda info: info.name):
        if info.ispkg:
            continue
        module = importlib.import_module(info.name)
        pages = [value for value in vars(module).values() if isinstance(value, Page | QuickPage)]
        if not pages:
            raise LookupError(f"{info.name} declares no page")
        found += pages
    return found


class Later(BaseRoute):
    """Everything below a path, loaded when it is first asked for: a server that only shoppers see is up sooner."""

    def __init__(self, prefix: str, load: Callable[[], Awaitable[Router]]) -> None:
        self._prefix = prefix
        self._load = load
        self._router: Router | None = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the path lies below."""
        path = scope["path"]
        is_below = scope["type"] == "http" and (path == self._prefix or path.startswith(f"{self._prefix}/"))
        return Match.FULL if is_below else Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets the routes below decide."""
        if self._router is None:
            self._router = await self._load()
        await self._router(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> NoReturn:
        """No route here has a name."""
        raise NoMatchFound(name, path_params)


class Edge:
    """Runs pages for HTTP requests."""

    def __init__(self, app: App, threads: ThreadPoolExecutor) -> None:
        self.app = app
        self.threads = threads
        self.lines = Lines(app.db) if app.db.is_postgres else None

    def routes(self) -> list[BaseRoute]:
        """The shopper's pages and, once somebody asks for it, the console."""
        return [*self._routes(SHOP_PAGES), Later(CONSOLE, self._console)]

    def _routes(self, package: str) -> list[Route]:
        """One route per page; fixed paths before patterns, so that no pattern hides one, but the hottest first of all.

        A path is compared with one route after the other. No fixed path looks like one of a quick page (tested).
        """
        pages = pages_below(package)
        pages.sort(key=lambda page: (isinstance(page, Page), page.path.count("{"), page.path))
        return [Route(page.path, self.endpoint(page), methods=[page.method]) for page in pages]

    async def _console(self) -> Router:
        return Router(await self._in_thread(self._routes, CONSOLE_PAGES), redirect_slashes=False)

    async def close(self) -> None:
        """Lets go of what the event loop holds."""
        if self.lines:
            await self.lines.close()

    def endpoint(self, page: Page | QuickPage) -> Callable[[Request], Any]:
        """The ASGI side of one page."""
        if isinstance(page, QuickPage):
            return partial(self._serve_quick, page)

        async def serve(request: Request) -> Response:
            try:
                body = await read_form(request) if page.method == "POST" else {}
            except Refusal as refusal:
                return await self._in_thread(self.run, _refusing(page.path, refusal), request, {})
            return await self._in_thread(self.run, page, request, body)

        return serve

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.threads, partial(function, *arguments))

    async def _serve_quick(self, page: QuickPage, request: Request) -> Response:
        if not self.app.brands.is_fresh():
            try:
                await self._in_thread(self.app.brands.all)
            except Exception as error:
                return self._failed(request, None, error)
        steps = self._quick_steps(page, request)
        return await self.lines.follow(steps) if self.lines else follow(self.app.db, steps)

    def _quick_steps(self, page: QuickPage, request: Request) -> Reads[Response]:
        """As `run`, for a page that yields its reads."""
        site: Brand | None = None
        try:
            site = self._site(request, page)
            ask = self._ask(request, {}, site, None)
            result = yield from page.steps(ask)
            return self.respond(result, site, ask)
        except Exception as error:
            return self._failed(request, site, error)

    async def nowhere(self, request: Request, error: Exception) -> Response:
        """An address that no page has, or not for this method: told like any refusal, with the way on.

        One slash too many is taken off, by a path of our own: the Host header has no say in where that leads.
        """
        status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (404, None)
        path = request.scope["path"]
        shorter = own_path(path.rstrip("/"), "")
        if status == 404 and path.endswith("/") and shorter and request.method in {"GET", "HEAD"}:
            return RedirectResponse(shorter, 303)
        where = CONSOLE if path.startswith(CONSOLE) else ""
        page = _refusing(where, Refusal("not_found", status))
        response = await self._in_thread(self.run, page, request, {})
        response.headers.update(headers or {})
        return response

    def run(self, page: Page, request: Request, body: Mapping[str, Any]) -> Response:
        """One page as one unit of work, in a thread. Answers every failure, so that nothing escapes as a bare 500."""
        site: Brand | None = None
        try:
            site = self._site(request, page)
            return repeated(partial(self._work, page, request, body, site))
        except Exception as error:
            return self._failed(request, site, error)

    def _failed(self, request: Request, site: Brand | None, error: Exception) -> Response:
        """The answer instead of a page's own: somewhere else, a refusal in words, or trouble of ours."""
        match error:
            case SignIn():
                return self.respond(error.view, site) if error.view else RedirectResponse(error.to, 303)
            case Refusal():
                return self.refused(request, site, error)
            case _:
                return self._broken(request, site, error)

    def _site(self, request: Request, page: Page | QuickPage) -> Brand | None:
        if "\x00" in request.scope["path"]:  # PostgreSQL takes none, and no address of ours has one
            raise Refusal("not_found", 404)
        if page.path.startswith(CONSOLE) and self.app.settings.console_host:
            if not self._is_console_host(request):
                raise Refusal("not_found", 404)
            return None
        brand = self.app.brands.at(request.headers.get("host", ""))
        if brand is None:
            if not self._is_console_host(request):
                raise Refusal("unknown_host", 421)
            if page.path == "/":
                raise SignIn(CONSOLE)
            raise Refusal("not_found", 404)
        return brand

    def _is_console_host(self, request: Request) -> bool:
        """Whether this is the host that the console has to itself."""
        own = self.app.settings.console_host
        return own != "" and host_name(request.headers.get("host", "")) == own

    def _is_console(self, request: Request) -> bool:
        """Whether agents see the answer."""
        return request.scope["path"].startswith(CONSOLE) or self._is_console_host(request)

    def _work(self, page: Page, request: Request, body: Mapping[str, Any], site: Brand | None) -> Response:
        with self.app.db.transaction() if page.writes else self.app.db.reading() as unit:
            ask = self._ask(request, body, site, unit)
            ask.who = page.who(ask)
            if page.method == "POST":
                self._check_origin(ask)
            result = page.run(ask)
            # Rendered inside: values may be rows, and a template that fails must roll back what the page did.
            return self.respond(result, site, ask)

    def _ask(self, request: Request, body: Mapping[str, Any], site: Brand | None, unit: Session | None) -> Ask:
        return Ask(
            app=self.app,
            site=site,
            unit=unit,
            now=self.app.now(),
            path=request.path_params,
            query=_query(request),
            headers=request.headers,
            cookies=request.cookies,
            body=body,
            client=request.client.host if request.client else "",
            url_path=request.scope["path"],
        )

    def _check_origin(self, ask: Ask) -> None:
        own = is_own_site(ask.headers)
        if own is False:
            raise Refusal("foreign_form", 403)
        needs_token = own is None or bool(ask.session)
        if needs_token and not token_matches(ask.body.get("csrf"), ask.csrf):
            raise Refusal("stale_form", 403, written=written(ask.body) if ask.url_path.startswith(CONSOLE) else [])

    def respond(self, result: Result, site: Brand | None, ask: Ask | None = None) -> Response:
        """The HTTP response of a page's answer."""
        response: Response
        match result:
            case View():
                html = self.app.renderer.page(result.template, result.values, site=site, ask=ask)
                response = Response(html, result.status, dict(result.headers), "text/html; charset=utf-8")
            case Go():
                response = RedirectResponse(result.to, 303)
            case Data():
                response = Response(orjson.dumps(result.values), result.status, None, "application/json")
            case Blob():
                response = _file(result, ask.headers.get("accept-encoding", "") if ask else "")
        for cookie in getattr(result, "cookies", ()):
            self._set(response, cookie)
        return response

    def _set(self, response: Response, cookie: Cookie) -> None:
        response.set_cookie(
            cookie.name,
            cookie.value,
            max_age=cookie.max_age,
            path=cookie.path,
            secure=self.app.settings.https,
            httponly=True,
            samesite="lax",
        )

    def refused(self, request: Request, site: Brand | None, refusal: Refusal) -> Response:
        """The words of a refusal, as a page or as problem+json by what was asked for."""
        if wants_json(request.scope["path"]):
            response: Response = problem(refusal.code, refusal.status, **refusal.facts)
        else:
            values = {"code": refusal.code, "facts": refusal.facts, "wait_seconds": refusal.wait_seconds}
            response = self._told(request, site, View("pages/refusal.html", values, refusal.status))
        if refusal.wait_seconds is not None:
            response.headers["Retry-After"] = str(max(1, refusal.wait_seconds))
        return response

    def _broken(self, request: Request, site: Brand | None, error: Exception) -> Response:
        if is_outage(error):
            log.warning("database_out", path=request.scope["path"], kind=type(error).__name__)
            if wants_json(request.scope["path"]):
                return unavailable()
            response = self._told(request, site, View("pages/unavailable.html", {}, 503))
            response.headers["Retry-After"] = str(RETRY_SECONDS)
            return response
        incident = secrets.token_hex(4)
        log.error("page_failed", incident=incident, path=request.scope["path"], exc_info=error)
        changed = request.method == "POST"
        if wants_json(request.scope["path"]):
            return problem("internal", 500, incident=incident)
        view = View("pages/broken.html", {"incident": incident, "changed": changed}, 500)
        return self._told(request, site, view, framed=False)  # what broke may be the frame

    def _told(self, request: Request, site: Brand | None, view: View, *, framed: bool = True) -> Response:
        """A page instead of the one that was asked for: in the shop's look, or the console's for agents."""
        console = self._is_console(request)
        around = frame(site) if framed and site and not console else {}
        values = {**around, **view.values, "console": console}
        return self.respond(replace(view, values=values), None if console else site)


def _nobody(ask: Ask) -> None:
    """Access.nobody, which is built on this module."""


def _refusing(path: str, refusal: Refusal) -> Page:
    """A page in the place of one at `path` that is not asked at all."""

    def refuse(ask: Ask) -> Result:
        raise refusal

    return Page("GET", path, _nobody, refuse, writes=False)


async def read_form(request: Request) -> dict[str, Any]:
    """The fields of a form body. Refusal where there are none to be had."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        raise Refusal("unreadable_form", 415)
    fields: dict[str, Any] = {}
    try:
        async with request.form(max_files=0, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES) as form:
            for key, value in form.multi_items():
                if not isinstance(value, str) or not _is_storable(key + value):
                    raise Refusal("unreadable_form", 400)
                fields[key] = [*_listed(fields[key]), value] if key in fields else value
    except HTTPException as error:
        raise Refusal("unreadable_form", error.status_code) from None
    except (ClientDisconnect, ValueError, UnicodeError):
        raise Refusal("unreadable_form", 400) from None
    return fields


def _is_storable(text: str) -> bool:
    """No NUL and nothing that UTF-8 cannot spell: a part of a form may name a charset that yields both."""
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _query(request: Request) -> Mapping[str, str]:
    """The parameters of the address, NULs left out: no database could look for them."""
    raw: bytes = request.scope["query_string"]
    if not raw:
        return {}
    given = request.query_params
    if b"%00" not in raw and b"\x00" not in raw:
        return given
    return {key.replace("\x00", ""): value.replace("\x00", "") for key, value in given.items()}


def wants_json(path: str) -> bool:
    """Route prefixes whose errors are problem+json."""
    return path.startswith(("/api/", "/hooks/", "/health"))


def problem(code: str, status: int, **facts: Any) -> JSONResponse:
    """An RFC 9457 body: `type` is the code, no secrets, no input echoed."""
    body = {"type": f"about:blank#{code}", "title": code.replace("_", " "), "status": status, **facts}
    return JSONResponse(body, status, media_type="application/problem+json")


def unavailable() -> Response:
    """503 that asks for another try: the database is lost, full or locked."""
    response = problem("unavailable", 503)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def own_path(path: object, otherwise: str) -> str:
    """A `next` that stays on our own site: a plain path, or `otherwise`."""
    if not isinstance(path, str) or not path.startswith("/") or path.startswith(("//", "/\\")):
        return otherwise
    return otherwise if any(ord(c) < 0x20 or c == "\\" for c in path) else path


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _file(blob: Blob, accepted: str) -> Response:
    disposition = "inline" if blob.inline else "attachment"
    headers = {"Cache-Control": f"public, max-age={blob.max_age}" if blob.max_age else "private, no-store"}
    if blob.max_age >= FOREVER_SECONDS:
        headers["Cache-Control"] += ", immutable"
    body = blob.body
    if blob.packed:
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in accepted:
            headers["Content-Encoding"], body = "gzip", blob.packed
    if blob.filename:
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in blob.filename if c.isascii())
        headers["Content-Disposition"] = f'{disposition}; filename="{safe}"'
    return Response(body, 200, headers, blob.media_type)
