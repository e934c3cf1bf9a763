"""Royal Mail's Tracking API v2 as published clients know it, over real HTTP."""

from __future__ import annotations

from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

CREDENTIALS = {"client_id": "cid", "client_secret": "sesame"}
UNRECOGNISED = {
    "errorCode": "E1142",
    "errorDescription": "Barcode reference isn't recognised",
    "errorCause": "A mail item with that barcode cannot be located",
    "errorResolution": "Check barcode and resubmit",
}


class FakeRoyalMail(FakeServer):
    """`events` holds the events of each number, newest first. Unknown numbers: an error in a 200 of the summary, an
    error of the whole call in the history. After `calls_left` calls the plan is used up."""

    def __init__(self) -> None:
        super().__init__()
        self.events: dict[str, list[dict[str, str]]] = {}
        self.calls_left = 50
        self.routes = {
            "GET /mailpieces/v2/summary": self._summary,
            "GET /mailpieces/v2/(?P<number>[0-9A-Z]+)/events": self._history,
        }

    def _history(self, received: Received) -> Answered:
        if refusal := self._refusal(received):
            return refusal
        number = received.groups["number"]
        if number not in self.events:
            return refused(404, "Not Found", UNRECOGNISED)
        return Answered({"mailPieces": {"mailPieceId": number, "events": self.events[number], "links": {}}})

    def _summary(self, received: Received) -> Answered:
        if refusal := self._refusal(received):
            return refusal
        numbers = received.query["mailPieceId"].split(",")
        if len(numbers) > 30:
            return refused(400, "Bad Request", {"errorCode": "E1144", "errorDescription": "Too many mail piece ids"})
        return Answered({"mailPieces": [self._piece(number) for number in numbers]})

    def _piece(self, number: str) -> dict[str, Any]:
        if number not in self.events:
            return {"mailPieceId": number, "status": "404", "error": UNRECOGNISED}
        last = {f"last{key[0].upper()}{key[1:]}": value for key, value in self.events[number][0].items()}
        last["lastEventLocationName"] = last.pop("lastLocationName")
        return {"mailPieceId": number, "status": "200", "summary": last}

    def _refusal(self, received: Received) -> Answered | None:
        headers = received.headers
        told = {"client_id": headers.get("x-ibm-client-id"), "client_secret": headers.get("x-ibm-client-secret")}
        if told != CREDENTIALS:
            return Answered(
                {"httpCode": "401", "httpMessage": "Unauthorized", "moreInformation": "Not registered"}, 401
            )
        if headers.get("x-accept-rmg-terms") != "yes":
            error = {"errorCode": "E0004", "errorDescription": "Failed header validation for X-Accept-RMG-Terms"}
            return refused(400, "Bad Request", error)
        self.calls_left -= 1
        if self.calls_left < 0:
            return Answered({"httpCode": "429", "httpMessage": "Too Many Requests", "moreInformation": "Limit"}, 429)
        return None


def refused(status: int, message: str, error: dict[str, str]) -> Answered:
    return Answered({"httpCode": str(status), "httpMessage": message, "errors": [error]}, status)
