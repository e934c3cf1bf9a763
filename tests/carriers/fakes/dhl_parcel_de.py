"""Parcel DE Tracking and Parcel DE Returns over real HTTP: three ways to log in, XML in the query, labels as base64."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from xml.etree import ElementTree as ET

from tests.carriers.fakes.server import Answered, FakeServer, Received

CREDENTIALS = {"client_id": "app-key", "client_secret": "app-secret", "username": "shop", "password": 'p<&"ss'}
PDF = b"%PDF-1.4\nreturn label"
PNG = b"\x89PNG\r\n\x1a\ncode"
MAX_NUMBERS = 20
RETURNS = "/parcel/de/shipping/returns/v1/orders"
SHIPPER = {"name1", "addressStreet", "addressHouse", "postalCode", "city"}


class FakeDhlParcelDe(FakeServer):
    """`pieces` holds a piece-shipment element, as text, per number. `receivers` are those set up in the portal."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: dict[str, str] = {}
        self.receivers = {"deu", "che", "fra", "gbr"}
        self.sold: list[dict[str, Any]] = []
        self.tokens_issued = 0
        self._valid: set[str] = set()
        self.routes = {
            "GET /parcel/de/tracking/v0/shipments": self._track,
            "POST /parcel/de/account/auth/ropc/v1/token": self._token,
            f"POST {RETURNS}": self._order,
        }

    def expire_tokens(self) -> None:
        """Every token given out so far is refused from now on, long before its time."""
        with self.lock:
            self._valid.clear()

    def _track(self, received: Received) -> Answered:
        if received.headers.get("authorization") != basic("client_id", "client_secret"):
            return Answered(b"<html><title>401 Unauthorized</title></html>", 401)
        asked = ET.fromstring(received.query["xml"])  # noqa: S314  (our own request)
        numbers = asked.attrib["piece-code"].split(";")
        user = (asked.attrib["appname"], asked.attrib["password"])
        if user != (CREDENTIALS["username"], CREDENTIALS["password"]):
            return Answered(listed("5", "Log-in failed", [_empty(n, "5", "Log-in failed") for n in numbers]))
        if len(numbers) > MAX_NUMBERS:
            return Answered(listed("2", "Too many piece codes", []))
        code = "0" if any(n in self.pieces for n in numbers) else "100"
        rows = [self.pieces.get(n) or _empty(n, "100", "No data found.") for n in numbers]
        return Answered(listed(code, "" if code == "0" else "No data found.", rows))

    def _token(self, received: Received) -> Answered:
        form = {"grant_type": "password", **CREDENTIALS}
        if received.form() != form:
            return problem(401, "Unauthorized", "Invalid user or password")
        with self.lock:
            self.tokens_issued += 1
            token = f"tok-{self.tokens_issued}"
            self._valid.add(token)
        return Answered({"access_token": token, "token_type": "Bearer", "expires_in": 1799})

    def _order(self, received: Received) -> Answered:
        by_token = received.headers.get("authorization", "").removeprefix("Bearer ") in self._valid
        by_key = received.headers.get("dhl-api-key") == CREDENTIALS["client_id"]
        if not by_token and not (by_key and received.headers.get("authorization") == basic("username", "password")):
            return problem(401, "Unauthorized", "Authentication failed: User not found or password invalid")
        wanted = received.json()
        if wanted["receiverId"] not in self.receivers:
            return problem(400, "Bad Request", f"The receiver {wanted['receiverId']} is not configured.")
        if missing := SHIPPER - set(wanted["shipper"]):
            return problem(400, "Bad Request", f"shipper: {sorted(missing)} must not be empty")
        self.sold.append(wanted)
        return Answered(_confirmed(f"9999900000{len(self.sold):02d}", received.query.get("labelType", "BOTH")), 201)


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{CREDENTIALS[user]}:{CREDENTIALS[password]}".encode()).decode()


def listed(code: str, error: str, rows: list[str]) -> bytes:
    said = f' error="{error}"' if error else ""
    return f'<data name="piece-shipment-list" code="{code}" request-id="1"{said}>{"".join(rows)}</data>'.encode()


def _empty(number: str, code: str, words: str) -> str:
    return (
        f'<data name="piece-shipment" searched-piece-code="{number}" piece-code="{number}" '
        f'piece-status="{code}" piece-status-desc="{words}"/>'
    )


def _confirmed(number: str, label_type: str) -> dict[str, Any]:
    label = {"label": {"b64": b64encode(PDF).decode()}} if label_type != "QR_LABEL" else {}
    code = {"qrLabel": {"b64": b64encode(PNG).decode()}} if label_type != "SHIPMENT_LABEL" else {}
    return {
        "sstatus": {"title": "Created", "status": 201, "detail": "Created"},
        "shipmentNo": number,
        **label,
        **code,
        "routingCode": f"40327653113+{number}",
    }


def problem(status: int, title: str, detail: str) -> Answered:
    return Answered({"title": title, "status": status, "detail": detail}, status)
