"""Purolator's tracking service as its schema describes it: SOAP over real HTTP."""

from __future__ import annotations

from base64 import b64encode
from xml.etree import ElementTree as ET

from tests.carriers.fakes.server import Answered, FakeServer, Received

CREDENTIALS = {"key": "k3y", "password": "sesame", "user_token": "t0ken"}
ACTION = '"http://purolator.com/pws/service/v1/TrackPackagesByPin"'
_NS = {"s": "http://schemas.xmlsoap.org/soap/envelope/", "p": "http://purolator.com/pws/datatypes/v1"}


class FakePurolator(FakeServer):
    """`scans` holds the Scan elements of each number; a number that is not there has an error of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scans: dict[str, str] = {}
        self.routes = {"POST /PWS/V1/Tracking/TrackingService.asmx": self._track}

    def _track(self, received: Received) -> Answered:
        basic = b64encode(f"{CREDENTIALS['key']}:{CREDENTIALS['password']}".encode()).decode()
        if received.headers.get("authorization") != f"Basic {basic}":
            return Answered(b"<html><body>401 Unauthorized</body></html>", 401)
        envelope = ET.fromstring(received.body)  # noqa: S314  (our own request)
        pins = [
            pin.text or "" for pin in envelope.findall("s:Body/p:TrackPackagesByPinRequest/p:PINs/p:PIN/p:Value", _NS)
        ]
        if received.headers.get("soapaction") != ACTION or not pins:
            return Answered(
                envelope_of("<s:Fault><faultcode>s:Client</faultcode><faultstring>?</faultstring></s:Fault>"), 500
            )
        return Answered(envelope_of(answer("".join(self._one(pin) for pin in pins))))

    def _one(self, pin: str) -> str:
        if pin in self.scans:
            return information(pin, self.scans[pin])
        error = "<Error><Code>1100999</Code><Description>The PIN is not valid.</Description></Error>"
        return information(pin, "", error)


def information(pin: str, scans: str, errors: str = "") -> str:
    return f"""<TrackingInformation><PIN><Value>{pin}</Value></PIN><Scans>{scans}</Scans>
        <ResponseInformation><Errors>{errors}</Errors></ResponseInformation></TrackingInformation>"""


def answer(informations: str) -> str:
    return f"""<TrackPackagesByPinResponse xmlns="http://purolator.com/pws/datatypes/v1"><ResponseInformation><Errors/>
        </ResponseInformation><TrackingInformationList>{informations}</TrackingInformationList>
        </TrackPackagesByPinResponse>"""


def envelope_of(body: str) -> bytes:
    return f'<s:Envelope xmlns:s="{_NS["s"]}"><s:Body>{body}</s:Body></s:Envelope>'.encode()
