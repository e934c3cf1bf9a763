"""Chronopost's TrackingServiceWS as its WSDL describes it, over real HTTP: one operation, no credentials."""

from __future__ import annotations

from xml.sax.saxutils import escape

from carriers.reading_xml import as_xml, child_text
from tests.carriers.fakes.server import Answered, FakeServer, Received

PATH = "/tracking-cxf/TrackingServiceWS"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
CXF = b"http://cxf.tracking.soap.chronopost.fr/"
XML = {"Content-Type": "text/xml;charset=UTF-8"}


class FakeChronopost(FakeServer):
    """`parcels` holds the events per number. A number that is not there answers without an error and without events;
    with `names_it` off, without the number as well."""

    def __init__(self) -> None:
        super().__init__()
        self.parcels: dict[str, str] = {}
        self.names_it = True
        self.routes = {f"POST {PATH}": self._track}

    def _track(self, received: Received) -> Answered:
        asked = as_xml(received.body).find("Body/trackSkybillV2")
        if asked is None or CXF not in received.body or not received.headers["content-type"].startswith("text/xml"):
            return fault("soap:Client", "Unmarshalling Error")
        number = child_text(asked, "skybillNumber")
        if number not in self.parcels and not self.names_it:
            return returned("<errorCode>0</errorCode>")
        events = self.parcels.get(number, "")
        named = f"<skybillNumber>{escape(number)}</skybillNumber>"
        return returned(f"<errorCode>0</errorCode><listEventInfoComp>{events}{named}</listEventInfoComp>")


def returned(inner: str) -> Answered:
    return _envelope(
        '<ns2:trackSkybillV2Response xmlns:ns2="http://cxf.tracking.soap.chronopost.fr/">'
        f"<return>{inner}</return></ns2:trackSkybillV2Response>",
        200,
    )


def fault(code: str, words: str) -> Answered:
    return _envelope(f"<soap:Fault><faultcode>{code}</faultcode><faultstring>{words}</faultstring></soap:Fault>", 500)


def _envelope(body: str, status: int) -> Answered:
    text = f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Body>{body}</soap:Body></soap:Envelope>'
    return Answered(text.encode(), status, XML)
