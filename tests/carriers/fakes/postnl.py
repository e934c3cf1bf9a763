"""PostNL's shipping status and labelling as its SDKs describe them, over real HTTP: key, warnings, labels, errors."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

KEY = "sesame"
CREDENTIALS = {
    "api_key": KEY,
    "customer_code": "DEVC",
    "customer_number": "11223344",
    "collection_location": "123456",
}
LABEL = b"%PDF-1.3 return label"
PRINTCODE = b"%PDF-1.3 printcode"


class FakePostNL(FakeServer):
    """`shipments` holds the tracking data per barcode; labels bought here are added to it under their reference.

    `announced` counts shipments and `orders` keeps the bodies that asked for labels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.shipments: dict[str, dict[str, Any]] = {}
        self.orders: list[dict[str, Any]] = []
        self.announced = 0
        self.routes = {
            r"GET /shipment/v2/status/barcode/(?P<barcode>[^/]+)": self._barcode,
            r"GET /shipment/v2/status/reference/(?P<reference>[^/]+)": self._reference,
            r"POST /shipment/v2_2/label": self._label,
        }

    def answer(self, received: Received) -> Answered:
        if received.headers.get("apikey") != KEY:
            return gateway(401, "Failed to resolve API Key variable 'request.header.apikey'")
        return super().answer(received)

    def _barcode(self, received: Received) -> Answered:
        return _status("CompleteStatus", self.shipments.get(received.groups["barcode"]))

    def _reference(self, received: Received) -> Answered:
        if received.query.get("customerNumber") != CREDENTIALS["customer_number"]:
            return error("3000", "Request format is invalid")
        wanted = received.groups["reference"]
        found = next((s for s in self.shipments.values() if s.get("Reference") == wanted), None)
        return _status("CurrentStatus", found)

    def _label(self, received: Received) -> Answered:
        order = received.json()
        (shipment,) = order["Shipments"]
        receiver = next(a for a in shipment["Addresses"] if a["AddressType"] == "01")
        if not receiver["HouseNr"].isdigit() or order["Customer"]["Address"]["AddressType"] != "02":
            return invalid("1280202", "Incorrect address specified in address type Receiver")
        self.orders.append(order)
        if not (barcode := shipment.get("Barcode", "")):
            self.announced += 1
            barcode = f"3SDEVC{self.announced:09d}"
            self.shipments[barcode] = {"Barcode": barcode, "Reference": shipment["Reference"]}
        kinds = [("Return Label", LABEL)]
        if {"Characteristic": "152", "Option": "025"} in shipment.get("ProductOptions", []):
            kinds.append(("PrintcodeLabel", PRINTCODE))
        labels = [{"Content": b64encode(b).decode(), "Labeltype": k, "OutputType": "PDF"} for k, b in kinds]
        bought = {"Barcode": barcode, "Errors": [], "Warnings": [], "Labels": labels}
        product = shipment["ProductCodeDelivery"]
        return Answered({"MergedLabels": [], "ResponseShipments": [{**bought, "ProductCodeDelivery": product}]})


def _status(name: str, shipment: dict[str, Any] | None) -> Answered:
    if shipment is None:
        return Answered({"CurrentStatus": {}, "Warnings": [{"Message": "No shipment found", "Code": "2"}]})
    return Answered({name: {"Shipment": shipment}})


def invalid(code: str, words: str) -> Answered:
    return Answered({"Errors": [{"Error": "Validation failed for shipment", "Code": code, "Description": words}]}, 400)


def error(code: str, words: str) -> Answered:
    found = {"ErrorCode": code, "ErrorDescription": words}
    return Answered({"RequestId": "09fd61fe", "Date": "2026-11-20T12:52:32.123Z", "Error": found}, 400)


def gateway(status: int, words: str) -> Answered:
    return Answered({"message": words, "http_status_code": float(status)}, status)
