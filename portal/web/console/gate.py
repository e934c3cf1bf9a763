"""The sign-in page: the form, what went wrong, and what was written before the session ended."""

from portal.refusal import Refusal
from portal.web.answers import Cookie, View
from portal.web.console.frame import look
from portal.web.edge import Ask


def gate(
    ask: Ask,
    after: str,
    *,
    email: str = "",
    refusal: Refusal | None = None,
    written: list[dict[str, str]] | None = None,
    status: int = 200,
) -> View:
    """The form. `written` goes with it and comes back once somebody has signed in."""
    values = {
        **look(),
        "csrf": ask.app.keys.csrf(""),  # nobody is signed in here, whatever the browser still holds
        "next": after,
        "email": email,
        "fault": refusal.code if refusal else "",
        "minutes": -(-(refusal.wait_seconds or 0) // 60) if refusal else 0,
        "written": written or [],
        "is_in": False,
    }
    wait = {"Retry-After": str(refusal.wait_seconds)} if refusal and refusal.wait_seconds else {}
    return View("console/sign_in.html", values, refusal.status if refusal else status, headers=wait)


def welcome_back(after: str, written: list[dict[str, str]], cookie: Cookie) -> View:
    """Signed in, with what was written before: to be sent once more."""
    return View("console/sign_in.html", {**look(), "next": after, "written": written, "is_in": True}, cookies=(cookie,))
