"""How the product says no: a code whose words live in templates, never a bare error."""

from typing import Any


class Refusal(Exception):
    """The request is understood and declined. Raising rolls the unit of work back.

    `code` names the words in templates/pages/refusal.html, `facts` fill them in, `status` is the HTTP status.
    """

    def __init__(self, code: str, status: int = 409, *, wait_seconds: int | None = None, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.wait_seconds = wait_seconds
        self.facts = facts
