"""GLS's Track And Trace as its OpenAPI documents describe it, over real HTTP: Basic for a token, ten parcels a call."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import unquote

from tests.carriers.fakes.server import Answered, FakeServer, Received

CREDENTIALS = {"client_id": "juniper", "client_secret": "sesame", "language": "DE"}
BATCH = 10
TRACK = "/track-and-trace-v1/tracking/simple/trackids/"


class FakeGls(FakeServer):
    """`parcels` holds what is known per number. `tokens_issued` counts token calls; only the last token is good."""

    def __init__(self) -> None:
        super().__init__()
        self.parcels: dict[str, dict[str, Any]] = {}
        self.tokens_issued = 0
        self.routes = {"POST /oauth2/v2/token": self._token, f"GET {TRACK}(?P<numbers>.+)": self._track}

    def expire_tokens(self) -> None:
        """Every token given out so far is refused from now on."""
        self.tokens_issued += 1

    def _token(self, received: Received) -> Answered:
        basic = b64encode(f"{CREDENTIALS['client_id']}:{CREDENTIALS['client_secret']}".encode()).decode()
        if received.headers.get("authorization") != f"Basic {basic}":
            return Answered(
                {"fault": {"faultstring": "Invalid client", "detail": {"errorcode": "invalid_client"}}}, 401
            )
        assert received.form() == {"grant_type": "client_credentials"}
        self.tokens_issued += 1
        return Answered({"access_token": f"tok-{self.tokens_issued}", "token_type": "Bearer", "expires_in": 14400})

    def _track(self, received: Received) -> Answered:
        if received.headers.get("authorization") != f"Bearer tok-{self.tokens_issued}":
            words = "The Token has expired: policy(Verify-JWT)"
            return Answered({"fault": {"faultstring": words, "detail": {"errorcode": "steps.jwt.TokenExpired"}}}, 401)
        numbers = [unquote(number) for number in received.groups["numbers"].split(",")]
        if len(numbers) > BATCH:
            words = f"Provided references of size '{len(numbers)}' is more than allowed limit of {BATCH}"
            return Answered({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": words}, 400)
        return Answered({"parcels": [self.parcels.get(number) or unknown(number) for number in numbers]})


def unknown(number: str) -> dict[str, str]:
    return {"requested": number, "errorCode": "E_404_01", "errorMessage": "Resource Not Found"}
