"""DPD's LoginService and ParcelLifeCycleService as their schemas describe them: SOAP over real HTTP."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tests.carriers.fakes.server import Answered, FakeServer, Received

CREDENTIALS = {"delis_id": "juniper", "password": "sesame & <salt>", "country": "NL", "language": "en_EN"}
_TYPES = "http://dpd.com/common/service/types"
_NS = {"s": "http://schemas.xmlsoap.org/soap/envelope/"}


class FakeDpd(FakeServer):
    """`results` holds the inside of a tracking result per number. Only the last token given out is good."""

    def __init__(self) -> None:
        super().__init__()
        self.results: dict[str, str] = {}
        self.logins = 0
        self.refusal_status = 500
        services = "POST /soap/services"
        self.routes = {
            f"{services}/LoginService/V2_1": self._login,
            f"{services}/ParcelLifeCycleService/V2_0": self._track,
        }

    def expire_tokens(self) -> None:
        """Every token given out so far is refused from now on."""
        self.logins += 1

    def _login(self, received: Received) -> Answered:
        assert received.headers["soapaction"] == f"{_TYPES}/LoginService/2.1/getAuth"
        given = {element.tag: element.text for element in _envelope(received).iter()}
        if (given.get("delisId"), given.get("password")) != (CREDENTIALS["delis_id"], CREDENTIALS["password"]):
            return self._refused()
        self.logins += 1
        words = (
            f"<delisId>juniper</delisId><customerUid>1</customerUid><authToken>tok&amp;{self.logins}</authToken>"
            "<depot>0530</depot><authTokenExpires>2026-11-23T13:02:56.06</authTokenExpires>"
        )
        types = f"{_TYPES}/LoginService/2.1"
        return Answered(envelope_of(f'<getAuthResponse xmlns="{types}"><return>{words}</return></getAuthResponse>'))

    def _track(self, received: Received) -> Answered:
        assert received.headers["soapaction"] == f"{_TYPES}/ParcelLifeCycleService/2.0/getTrackingData"
        given = {element.tag: element.text or "" for element in _envelope(received).iter()}
        if given.get("authToken") != f"tok&{self.logins}":
            return self._refused()
        return Answered(answer(self.results.get(given["parcelLabelNumber"], "")))

    def _refused(self) -> Answered:
        words = "Authentication failure, check delisId and password."
        return Answered(fault("DELICOM_ERR_AUTHENTICATION", words), self.refusal_status)


def _envelope(received: Received) -> ET.Element:
    return ET.fromstring(received.body)  # noqa: S314  (our own request)


def info(status: str, date: str, place: str = "Mechelen (BE)", words: str = "x", reached: str = "true") -> str:
    return f"""<statusInfo><status>{status}</status><label><content>Label</content></label>
        <description><content><content>{words}</content></content></description>
        <statusHasBeenReached>{reached}</statusHasBeenReached><isCurrentStatus>false</isCurrentStatus>
        <location><content>{place}</content></location><date><content>{date}</content></date></statusInfo>"""


def answer(result: str) -> bytes:
    types = f"{_TYPES}/ParcelLifeCycleService/2.0"
    words = (
        f'<getTrackingDataResponse xmlns="{types}"><trackingresult>{result}</trackingresult></getTrackingDataResponse>'
    )
    return envelope_of(words)


def fault(code: str, words: str) -> bytes:
    detail = f"<errorCode>{code}</errorCode><errorMessage>{words}</errorMessage>"
    return envelope_of(
        "<soap:Fault><faultcode>soap:Server</faultcode><faultstring>Fault occured</faultstring><detail>"
        f'<ns:authenticationFault xmlns:ns="{_TYPES}/Authentication/2.0">{detail}</ns:authenticationFault>'
        "</detail></soap:Fault>"
    )


def envelope_of(body: str) -> bytes:
    return f'<soap:Envelope xmlns:soap="{_NS["s"]}"><soap:Body>{body}</soap:Body></soap:Envelope>'.encode()
