"""Hermes's HSI as its OpenAPI documents describe it, over real HTTP: password token, up to a hundred shipments."""

from __future__ import annotations

from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

CREDENTIALS = {
    "client_id": "juniper",
    "client_secret": "sesame",
    "username": "ada",
    "password": "open",
    "language": "EN",
}
TOKEN = "/authorization-facade/oauth2/access_token"
BATCH = 100


class FakeHermes(FakeServer):
    """`shipments` holds the information per number. `asked` keeps the numbers of each call, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.shipments: dict[str, dict[str, Any]] = {}
        self.asked: list[list[str]] = []
        self.tokens_issued = 0
        self.routes = {f"POST {TOKEN}": self._token, "GET /shipmentinfo": self._info}

    def expire_tokens(self) -> None:
        """Every token given out so far is refused from now on."""
        self.tokens_issued += 1

    def _token(self, received: Received) -> Answered:
        form = {name: CREDENTIALS[name] for name in ("client_id", "client_secret", "username", "password")}
        if received.form() != {"grant_type": "password", **form}:
            words = "Given client ID does not match authenticated client."
            return Answered({"error": "invalid_client", "error_description": words}, 401)
        self.tokens_issued += 1
        return Answered({"access_token": f"tok-{self.tokens_issued}", "token_type": "bearer", "expires_in": 3599})

    def _info(self, received: Received) -> Answered:
        if received.headers.get("authorization") != f"Bearer tok-{self.tokens_issued}":
            return Answered({"error": "access_denied", "error_description": "Access denied for token"}, 401)
        numbers = received.all_of("shipmentID")
        self.asked.append(numbers)
        if not 0 < len(numbers) <= BATCH:
            return refused("e005", "Syntax error during validation")
        return Answered({"shipmentinfo": [self.shipments.get(number) or unknown(number) for number in numbers]})


def unknown(number: str) -> dict[str, Any]:
    result = {"code": "e001", "message": "There is no information for the entered value."}
    return {"shipmentID": number, "result": result}


def refused(code: str, words: str) -> Answered:
    return Answered({"listOfResultCodes": [{"code": code, "message": words}]}, 400)
