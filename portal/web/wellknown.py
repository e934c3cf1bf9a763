"""What machines ask every host for: robots.txt and security.txt. The same for all brands, and without a database."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from portal.app import App

# Pages hold what one person may know, or a form: nothing is for a search engine. Names no path: this is no secret list.
ROBOTS = "User-agent: *\nDisallow: /\n"
_DAY = {"Cache-Control": "public, max-age=86400"}
# RFC 9116 wants a date, so that a forgotten file is not believed for ever. This one is written anew at every request.
_BELIEVED = timedelta(days=90)


def well_known_routes(app: App) -> list[Route]:
    """GET /robots.txt and, where DOORSTEP_SECURITY_CONTACT is set, /.well-known/security.txt."""

    async def robots(_: Request) -> Response:
        return PlainTextResponse(ROBOTS, headers=_DAY)

    async def security(_: Request) -> Response:
        return PlainTextResponse(security_txt(app.settings.security_contact, app.now()), headers=_DAY)

    routes = [Route("/robots.txt", robots, methods=["GET"])]
    if app.settings.security_contact:
        routes.append(Route("/.well-known/security.txt", security, methods=["GET"]))
    return routes


def security_txt(contact: str, now: datetime) -> str:
    """RFC 9116: whom to tell about a weakness, and until when to believe it (a midnight: the text changes daily)."""
    expires = datetime.combine(now.date() + _BELIEVED, time(), now.tzinfo)
    return f"Contact: {contact}\nExpires: {expires.isoformat()}\n"
