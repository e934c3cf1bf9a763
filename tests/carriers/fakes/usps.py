"""USPS as its documents describe it, over real HTTP: one quota for everything, not-found as 400, paid labels."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

CLIENT_ID = "consumer-key"
CLIENT_SECRET = "sesame"
CREDENTIALS = {
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "webhook_secret": "0123456789abcdef0123456789ABCDEF",
    "alert_email": "shop@example.com",
    "crid": "12345678",
    "mid": "901000001",
    "manifest_mid": "901000002",
    "account_type": "EPS",
    "account": "1000000000",
    "box": "12x9x4",
}
LABEL = b"%PDF-1.4\n"
QR = b"\x89PNG\r\n\x1a\n"


class FakeUsps(FakeServer):
    """`parcels` holds the tracking answer per number; a number that is not there is a 400.

    `quota` counts down with every call, tokens included. `has_tracking` is whether the app has the product. A new
    subscription is only made when `greet` repeats its challenge.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parcels: dict[str, dict[str, Any]] = {}
        self.quota = 60
        self.has_tracking = True
        self.tokens_issued = 0
        self.payments_issued = 0
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, int] = {}
        self.greet: Any = lambda challenge: challenge
        self.labels: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self._valid: set[str] = set()
        self._paid: set[str] = set()
        self.routes = {
            "POST /oauth2/v3/token": self._token,
            "POST /payments/v3/payment-authorization": self._payment,
            "GET /tracking/v3/tracking/(?P<number>[^/]+)": self._track,
            "POST /subscriptions-tracking/v3/subscriptions": self._subscribe,
            "GET /subscriptions-tracking/v3/subscriptions/(?P<id>[^/]+)": self._subscription,
            "DELETE /subscriptions-tracking/v3/subscriptions/(?P<id>[^/]+)": self._unsubscribe,
            "POST /labels/v3/return-label": self._label,
        }

    def answer(self, received: Received) -> Answered:
        with self.lock:
            self.quota -= 1
            exhausted = self.quota < 0
        return quota_used_up() if exhausted else super().answer(received)

    def calls(self, path: str) -> list[Received]:
        return [r for r in self.requests if r.path.startswith(path)]

    def expire_payments(self) -> None:
        """Every payment authorization given out so far is refused from now on."""
        self._paid.clear()

    def _token(self, received: Received) -> Answered:
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        if received.form() != form:
            return errors(401, "401", "Invalid client credentials.")
        self.tokens_issued += 1
        token = f"tok-{self.tokens_issued}"
        self._valid.add(token)
        scope = "tracking labels payments" if self.has_tracking else "labels payments"
        return Answered({"access_token": token, "token_type": "Bearer", "expires_in": 28799, "scope": scope})

    def _refusal(self, received: Received) -> Answered | None:
        if received.headers.get("authorization", "").removeprefix("Bearer ") not in self._valid:
            return errors(401, "401", "Invalid or expired access token.")
        return None

    def _payment(self, received: Received) -> Answered:
        if refusal := self._refusal(received):
            return refusal
        roles = {role["roleName"]: role for role in received.json()["roles"]}
        if not {"PAYER", "LABEL_OWNER"} <= roles.keys() or not roles["PAYER"].get("accountNumber"):
            return errors(400, "400", "PAYER and LABEL_OWNER are required.")
        self.payments_issued += 1
        token = f"header.body.{self.payments_issued}"
        self._paid.add(token)
        return Answered({"paymentAuthorizationToken": token, "roles": list(roles.values())})

    def _track(self, received: Received) -> Answered:
        if not self.has_tracking:
            return errors(401, "401", "The client application identifier is invalid.")
        if refusal := self._refusal(received):
            return refusal
        number = received.groups["number"]
        if number not in self.parcels:
            return unknown()
        return Answered(self.parcels[number])

    def _subscribe(self, received: Received) -> Answered:
        if refusal := self._refusal(received):
            return refusal
        asked = received.json()
        if len(asked["secret"]) != 32 or not asked["adminNotification"][0]["email"]:
            return errors(400, "400", f'Invalid request {{"secret":"{asked["secret"]}"}}')
        for ref, held in self.subscriptions.items():
            if (held["listenerURL"], held["filterProperties"]) == (asked["listenerURL"], asked["filterProperties"]):
                return errors(400, "400", f"Duplicate subscription found. subscriptionId : {ref}")
        if self.greet("c-1") != "c-1":
            return errors(400, "400", f'Listener did not answer the challenge. "secret":"{asked["secret"]}"')
        ref = f"019db15c-0000-4000-8000-{len(self.versions):012d}"
        self.subscriptions[ref], self.versions[ref] = asked, 1
        return Answered({"subscriptionId": ref, "status": "ENABLED"}, 201)

    def _subscription(self, received: Received) -> Answered:
        ref = received.groups["id"]
        if ref not in self.subscriptions:
            return errors(404, "404", "No Subscriptions were found.")
        return Answered(self.subscriptions[ref], headers={"ETag": f'"{self.versions[ref]}"'})

    def _unsubscribe(self, received: Received) -> Answered:
        ref = received.groups["id"]
        if ref not in self.subscriptions:
            return errors(404, "404", "No Subscriptions were found.")
        if received.headers.get("if-match") != f'"{self.versions[ref]}"':
            return errors(412, "412", "Precondition failed.")
        del self.subscriptions[ref]
        return Answered(b"", 200)

    def _label(self, received: Received) -> Answered:
        if refusal := self._refusal(received):
            return refusal
        if received.headers.get("x-payment-authorization-token") not in self._paid:
            return errors(401, "401", "Invalid or expired payment authorization token.")
        asked = received.json()
        if asked["packageDescription"]["weight"] > 70:
            return errors(400, "160013", "Weight must not exceed 70 pounds.")
        key = received.headers.get("x-idempotency-key", "")
        if key in self.labels and self.labels[key][0] == received.body:
            return _as_asked(received, self.labels[key][1])
        number = f"9202{len(self.labels):018d}"
        made = _label_of(asked, number)
        self.labels[key or number] = (received.body, made)
        return _as_asked(received, made)


def _label_of(asked: dict[str, Any], number: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "labelAddress": asked["toAddress"],
        "routingInformation": f"420{asked['toAddress']['ZIPCode']}",
        "trackingNumber": number,
        "postage": 8.75,
        "SKU": "DURX0XXXXC03010",
        "zone": "03",
        "returnLabelImage": b64encode(LABEL).decode(),
    }
    if asked["imageInfo"]["imageType"] == "LABEL_BROKER":
        made |= {"labelBrokerID": "RLB0000001", "labelBrokerQR": b64encode(QR).decode()}
    return made


def _as_asked(received: Received, made: dict[str, Any]) -> Answered:
    """One JSON for those who ask for it, else parts whose pictures are base64 text."""
    if received.headers.get("accept") == "application/vnd.usps.labels+json":
        return Answered(made)
    metadata = {name: value for name, value in made.items() if not name.endswith(("Image", "QR"))}
    parts = [("returnLabelMetadata", "application/json", json.dumps(metadata))]
    parts += [(name, "application/pdf", value) for name, value in made.items() if name.endswith(("Image", "QR"))]
    return Answered(multipart(parts), headers={"Content-Type": "multipart/form-data; boundary=part"})


def multipart(parts: list[tuple[str, str, str]]) -> bytes:
    lines = []
    for name, kind, value in parts:
        lines += ["--part", f"Content-Type: {kind}", f'Content-Disposition: form-data; name="{name}"', "", value]
    return "\r\n".join([*lines, "--part--", ""]).encode()


def unknown() -> Answered:
    return errors(
        400, "150002", "7: The tracking number may be incorrect or the status update is not yet available. - "
    )


def errors(status: int, code: str, message: str) -> Answered:
    error = {"status": str(status), "code": code, "title": message, "detail": ""}
    return Answered({"apiVersion": "v3", "error": {"code": str(status), "message": message, "errors": [error]}}, status)


def quota_used_up() -> Answered:
    errors = [{"title": "Too Many Requests.", "detail": "Too many requests have been received."}]
    body = {"apiVersion": "v3", "error": {"code": "429", "message": "Exceeded quota limit.", "errors": errors}}
    return Answered(body, 429, {"Retry-After": "1800"})


def signed(body: dict[str, str], secret: str) -> dict[str, str]:
    """The header of a push."""
    digest = hmac.digest(secret.encode(), (body["timestamp"] + body["payload"]).encode(), "sha256")
    return {"x-hmac": b64encode(digest).decode()}
