"""Amazon's Shipping API v2 as its model describes it, over real HTTP: refresh token, token, one number a call."""

from __future__ import annotations

from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

CREDENTIALS = {
    "client_id": "amzn1.application-oa2-client.juniper",
    "client_secret": "sesame",
    "refresh_token": "Atzr|open",
    "carrier_id": "AMZN_UK",
    "region": "eu",
    "business_id": "AmazonShipping_UK",
}


class FakeAmazon(FakeServer):
    """`parcels` holds the payload per number. `tokens_issued` counts token calls; only the last token is good."""

    def __init__(self) -> None:
        super().__init__()
        self.parcels: dict[str, dict[str, Any]] = {}
        self.tokens_issued = 0
        self.routes = {"POST /auth/o2/token": self._token, "GET /shipping/v2/tracking": self._track}

    def expire_tokens(self) -> None:
        """Every token given out so far is refused from now on."""
        self.tokens_issued += 1

    def _token(self, received: Received) -> Answered:
        given = {name: CREDENTIALS[name] for name in ("client_id", "client_secret", "refresh_token")}
        if received.form() != {"grant_type": "refresh_token", **given}:
            words = "The request has an invalid grant parameter : refresh_token"
            return Answered({"error": "invalid_grant", "error_description": words}, 400)
        self.tokens_issued += 1
        return Answered({"access_token": f"Atza|{self.tokens_issued}", "token_type": "bearer", "expires_in": 3600})

    def _track(self, received: Received) -> Answered:
        if received.headers.get("x-amz-access-token") != f"Atza|{self.tokens_issued}":
            return error(401, "Unauthorized", "Access to requested resource is denied.")
        if received.query.get("carrierId") != CREDENTIALS["carrier_id"]:
            return error(400, "InvalidInput", "carrierId is not valid")
        found = self.parcels.get(received.query.get("trackingId", ""))
        if found is None:
            return error(404, "NotFound", "The requested resource is invalid or doesn't exist")
        return Answered({"payload": found})


def error(status: int, code: str, message: str) -> Answered:
    return Answered({"errors": [{"code": code, "message": message, "details": ""}]}, status)
