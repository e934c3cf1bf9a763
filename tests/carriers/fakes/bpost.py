"""bpost's tracking service as its schemas describe it, over real HTTP: Basic credentials, one item, exceptions."""

from __future__ import annotations

from base64 import b64encode

from tests.carriers.fakes.server import Answered, FakeServer, Received

CREDENTIALS = {"account_id": "112233", "password": "sesame"}
XML = {"Content-Type": "application/xml"}


class FakeBpost(FakeServer):
    """`items` holds what is inside itemTracking, after the code and the two parties, per item."""

    def __init__(self) -> None:
        super().__init__()
        self.items: dict[str, str] = {}
        self.routes = {r"GET /services/trackedmail/item/(?P<item>[^/]+)/trackingInfo": self._track}

    def _track(self, received: Received) -> Answered:
        expected = b64encode(f"{CREDENTIALS['account_id']}:{CREDENTIALS['password']}".encode()).decode()
        if received.headers.get("authorization") != f"Basic {expected}":
            return Answered(b"Unauthorized", 401, {"Content-Type": "text/plain"})
        item = received.groups["item"]
        if item not in self.items:
            return business(404, "3004", f"No item found for code {item}")
        return tracked(item, self.items[item])


def tracked(item: str, inner: str) -> Answered:
    party = "<ns2:name>TEST</ns2:name><ns2:address><ns2:countryCode>BE</ns2:countryCode></ns2:address>"
    text = (
        '<itemTracking xmlns="http://schema.post.be/tracking/v1/" '
        'xmlns:ns2="http://schema.post.be/announcement/common/v1/">'
        f"<itemCode>{item}</itemCode><sender>{party}</sender><addressee>{party}</addressee>{inner}</itemTracking>"
    )
    return Answered(text.encode(), 200, XML)


def business(status: int, code: str, words: str) -> Answered:
    text = (
        '<businessException xmlns="http://schema.post.be/api/shm/v1/">'
        f"<code>{code}</code><message>{words}</message></businessException>"
    )
    return Answered(text.encode(), status, XML)


def system(status: int, words: str) -> Answered:
    text = (
        '<systemException xmlns="http://schema.post.be/api/shm/common/v2/" '
        'xmlns:ns2="http://schema.post.be/common/exception/v1/">'
        f"<ns2:message>{words}</ns2:message><ns2:timestamp>2026-11-20+01:00</ns2:timestamp></systemException>"
    )
    return Answered(text.encode(), status, XML)
