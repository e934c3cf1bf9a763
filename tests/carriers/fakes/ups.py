"""UPS as its documents describe it, over real HTTP: token, track, Track Alert, labels, and surprises."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

CLIENT_ID = "cid"
CLIENT_SECRET = "sesame"
LABELS = {"GIF": b"GIF89a\x01\x00\x01\x00", "PDF": b"%PDF-1.4\n", "ZPL": b"^XA^XZ"}
CREDENTIALS = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "account": "A1B2C3"}


class FakeUps(FakeServer):
    """`parcels` holds a package object per number; a number that is not there is unknown, in a 200.

    `labels` holds the shipment of every label that was sold and not voided; those of `used` are on their way.
    `subscribed` holds the request that subscribed each number; those of `refused_numbers` are invalid.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parcels: dict[str, dict[str, Any]] = {}
        self.subscribed: dict[str, dict[str, Any]] = {}
        self.refused_numbers: set[str] = set()
        self.labels: dict[str, dict[str, Any]] = {}
        self.used: set[str] = set()
        self.tokens_issued = 0
        self.transactions: set[str] = set()
        self._valid: set[str] = set()
        self.routes = {
            "POST /security/v1/oauth/token": self._token,
            "GET /api/track/v1/details/(?P<number>[^/]+)": self._track,
            "POST /api/track/(?P<version>v[12])/subscription/standard/package": self._subscribe,
            "POST /api/shipments/v2409/ship": self._ship,
            "DELETE /api/shipments/v2409/void/cancel/(?P<number>[^/]+)": self._void,
            "POST /api/labels/v1/recovery": self._recover,
        }

    def expire_tokens(self) -> None:
        """Every token given out so far is refused from now on, long before its time."""
        with self.lock:
            self._valid.clear()

    def calls(self, path: str) -> list[Received]:
        return [r for r in self.requests if r.path.startswith(path)]

    def _token(self, received: Received) -> Answered:
        basic = b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if received.headers.get("authorization") != f"Basic {basic}":
            return errors(401, "10401", "ClientId is Invalid")
        if received.form() != {"grant_type": "client_credentials"}:
            return errors(400, "10400", "Invalid/Missing Authorization Header")
        with self.lock:
            self.tokens_issued += 1
            token = f"tok-{self.tokens_issued}"
            self._valid.add(token)
        return Answered(
            {
                "token_type": "Bearer",
                "issued_at": "1760000000000",
                "client_id": CLIENT_ID,
                "access_token": token,
                "scope": "",
                "expires_in": "14399",
                "refresh_count": "0",
                "status": "approved",
            }
        )

    def _refusal(self, received: Received) -> Answered | None:
        """What every call but that for a token must bring."""
        if received.headers.get("authorization", "").removeprefix("Bearer ") not in self._valid:
            return errors(401, "250002", "Invalid Authentication Information.")
        transaction = received.headers.get("transid", "")
        if not transaction or transaction in self.transactions or not received.headers.get("transactionsrc"):
            return errors(400, "VSS002", "Missing transId.")
        self.transactions.add(transaction)
        return None

    def _track(self, received: Received) -> Answered:
        if refusal := self._refusal(received):
            return refusal
        number = received.groups["number"]
        if not 7 <= len(number) <= 34:
            return errors(400, "TV1002", "Invalid inquiry number")
        shipment: dict[str, Any] = {"inquiryNumber": number}
        if number in self.parcels:
            shipment["package"] = [self.parcels[number]]
        else:
            shipment["warnings"] = [{"code": "TW0001", "message": "Tracking Information Not Found"}]
        return Answered({"trackResponse": {"shipment": [shipment]}})

    def _subscribe(self, received: Received) -> Answered:
        if refusal := self._refusal(received):
            return refusal
        asked = received.json()
        numbers = asked["trackingNumberList"]
        if len(numbers) > 100:
            return errors(400, "VSS220", "TrackingNumberList exceeds 100 numbers.")
        if ("destination" in asked) != (received.groups["version"] == "v1"):
            return errors(400, "VSS500", "Destination is invalid.")
        invalid = [number for number in numbers if number in self.refused_numbers]
        valid = [number for number in numbers if number not in invalid]
        self.subscribed |= dict.fromkeys(valid, asked)
        if not valid:
            body = {
                "invalidTrackingNumbers": invalid,
                "response": {"errors": [{"code": "VSS210", "message": "Invalid"}]},
            }
            return Answered(body, 400)
        return Answered({"validTrackingNumbers": valid, **({"invalidTrackingNumbers": invalid} if invalid else {})})

    def _ship(self, received: Received) -> Answered:
        if refusal := self._refusal(received):
            return refusal
        asked = received.json()["ShipmentRequest"]
        shipment = asked["Shipment"]
        if "ReturnService" in shipment and not shipment["Package"][0].get("Description"):
            return errors(400, "120541", "A merchandise description is required for a return shipment.")
        if float(shipment["Package"][0]["PackageWeight"]["Weight"]) > 150:
            return errors(400, "120411", "Package weight exceeds the maximum.")
        with self.lock:
            number = f"1Z{len(self.labels):016d}"
            self.labels[number] = shipment
        results: dict[str, Any] = {
            "ShipmentIdentificationNumber": number,
            "ShipmentCharges": {"TotalCharges": {"CurrencyCode": "USD", "MonetaryValue": "11.40"}},
            "NegotiatedRateCharges": {"TotalCharge": {"CurrencyCode": "USD", "MonetaryValue": "9.35"}},
            "PackageResults": [
                {
                    "TrackingNumber": number,
                    "ShippingLabel": _image(asked["LabelSpecification"]["LabelImageFormat"]["Code"]),
                }
            ],
        }
        if "InternationalForms" in shipment.get("ShipmentServiceOptions", {}):
            results["Form"] = {"Code": "01", "Image": _image("PDF")}
        return Answered({"ShipmentResponse": {"Response": _success(), "ShipmentResults": results}})

    def _recover(self, received: Received) -> Answered:
        if refusal := self._refusal(received):
            return refusal
        asked = received.json()["LabelRecoveryRequest"]
        wanted = asked.get("ReferenceValues", {}).get("ReferenceNumber", {}).get("Value")
        numbers = [
            n for n, held in self.labels.items() if n == asked.get("TrackingNumber") or wanted in _references(held)
        ]
        if not numbers:
            return errors(400, "300097", "No label was found for the request.")
        if len(numbers) > 1:
            candidates = [{"TrackingNumber": number} for number in numbers]
            return Answered({"LabelRecoveryResponse": {"Response": _success(), "TrackingCandidate": candidates}})
        picture = _image(asked["LabelSpecification"]["LabelImageFormat"]["Code"])
        picture["LabelImageFormat"] = picture.pop("ImageFormat")
        result = {"TrackingNumber": numbers[0], "LabelImage": picture}
        answer = {"Response": _success(), "ShipmentIdentificationNumber": numbers[0], "LabelResults": result}
        return Answered({"LabelRecoveryResponse": answer})

    def _void(self, received: Received) -> Answered:
        if refusal := self._refusal(received):
            return refusal
        number = received.groups["number"]
        if number not in self.labels:
            return errors(400, "190102", "No shipment found within the allowed void period.")
        if number in self.used:
            status = {"Code": "0", "Description": "Not Voided"}
        else:
            del self.labels[number]
            status = {"Code": "1", "Description": "Voided"}
        return Answered({"VoidShipmentResponse": {"Response": _success(), "SummaryResult": {"Status": status}}})


def _success() -> dict[str, Any]:
    return {"ResponseStatus": {"Code": "1", "Description": "Success"}}


def _image(kind: str) -> dict[str, Any]:
    return {"ImageFormat": {"Code": kind, "Description": kind}, "GraphicImage": b64encode(LABELS[kind]).decode()}


def _references(shipment: dict[str, Any]) -> set[str]:
    listed = [*shipment.get("ReferenceNumber", []), *shipment["Package"][0].get("ReferenceNumber", [])]
    return {reference["Value"] for reference in listed}


def errors(status: int, code: str, message: str) -> Answered:
    return Answered({"response": {"errors": [{"code": code, "message": message}]}}, status)


def too_many() -> Answered:
    """The 429 that UPS sends; it carries no Retry-After."""
    return errors(429, "10429", "Too Many Requests")
