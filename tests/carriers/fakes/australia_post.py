"""Australia Post's tracking call as its published answers show it, over real HTTP."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

CREDENTIALS = {"api_key": "k3y", "password": "sesame", "account_number": "0000123456"}


class FakeAustraliaPost(FakeServer):
    """`articles` holds an article per number; a number that is not there is an error among the results, in a 200."""

    def __init__(self) -> None:
        super().__init__()
        self.articles: dict[str, dict[str, Any]] = {}
        self.routes = {"GET /shipping/v1/track": self._track}

    def _track(self, received: Received) -> Answered:
        basic = b64encode(f"{CREDENTIALS['api_key']}:{CREDENTIALS['password']}".encode()).decode()
        if received.headers.get("authorization") != f"Basic {basic}":
            return errors(401, {"error_code": "API_001", "error_name": "Unable to authenticate request"})
        if received.headers.get("account-number") != CREDENTIALS["account_number"]:
            return errors(404, {"code": "41001", "name": "CUSTOMER_NOT_FOUND", "message": "Customer not found."})
        numbers = received.query["tracking_ids"].split(",")
        if len(numbers) > 10:
            return errors(400, {"code": "51101", "name": "TOO_MANY_AP_TRACKING_IDS", "message": "10 or less"})
        return Answered({"tracking_results": [self._result(number) for number in numbers]})

    def _result(self, number: str) -> dict[str, Any]:
        if number in self.articles:
            return {"tracking_id": number, "trackable_items": [self.articles[number]]}
        return {"tracking_id": number, "errors": [{"code": "ESB-10001", "name": "Invalid tracking ID"}]}


def errors(status: int, *told: dict[str, str]) -> Answered:
    return Answered({"errors": list(told)}, status)
