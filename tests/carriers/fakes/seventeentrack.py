"""17TRACK as documented: registration with its quota, reading in batches of forty, and refusals inside a 200."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from tests.carriers.fakes.server import Answered, FakeServer, Received

API_KEY = "0123456789ABCDEF0123456789ABCDEF"
BATCH = 40


class FakeSeventeenTrack(FakeServer):
    """`told` holds a track_info per number; a registered number without one has told nothing yet.

    `quota` counts down with every registration. Numbers that are no words of letters and digits are refused.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                r"POST /track/v2\.2/register": self.register,
                r"POST /track/v2\.2/gettrackinfo": self.read,
                r"POST /track/v2\.2/stoptrack": self.stop,
            }
        )
        self.told: dict[str, dict[str, Any]] = {}
        self.registered: dict[str, int] = {}
        self.quota = 100

    def answer(self, received: Received) -> Answered:
        if received.headers.get("17token") != API_KEY and not self.next_answers:
            self.requests.append(received)
            return whole(401, -18010002, "Invalid security key.")
        if isinstance(received.json(), list) and len(received.json()) > BATCH:
            self.requests.append(received)
            return whole(200, -18010013, "Submit up to 40 tracking numbers.")
        return super().answer(received)

    def register(self, received: Received) -> Answered:
        accepted, rejected = [], []
        for asked in received.json():
            number = asked["number"]
            if not number.isalnum():
                rejected.append(refused(number, -18010012, f"The format of '{number}' is invalid."))
            elif number in self.registered:
                rejected.append(refused(number, -18019901, f"The number '{number}' is registered."))
            elif self.quota < 1:
                rejected.append(refused(number, -18019908, "Limit has been reached."))
            else:
                self.quota -= 1
                self.registered[number] = asked.get("carrier", 3011)
                accepted.append({"origin": 1, "number": number, "carrier": self.registered[number]})
        return answer(accepted, rejected)

    def read(self, received: Received) -> Answered:
        accepted, rejected = [], []
        for asked in received.json():
            number = asked["number"]
            if number not in self.registered:
                rejected.append(refused(number, -18019902, f"The number '{number}' is not registered."))
            elif number not in self.told:
                rejected.append(refused(number, -18019909, "No tracking information at this time."))
            else:
                known = {"number": number, "carrier": self.registered[number], "param": None, "tag": None}
                accepted.append({**known, "track_info": self.told[number]})
        return answer(accepted, rejected)

    def stop(self, received: Received) -> Answered:
        gone = [asked["number"] for asked in received.json() if self.registered.pop(asked["number"], None) is None]
        return answer([], [refused(number, -18019902, "not registered") for number in gone])


def answer(accepted: list[dict[str, Any]], rejected: list[dict[str, Any]]) -> Answered:
    return Answered({"code": 0, "data": {"accepted": accepted, "rejected": rejected}})


def refused(number: str, code: int, message: str) -> dict[str, Any]:
    return {"number": number, "error": {"code": code, "message": message}}


def whole(status: int, code: int, message: str) -> Answered:
    return Answered({"code": code, "data": {"errors": [{"code": code, "message": message}]}}, status)


def track_info(status: str, sub_status: str, at: str) -> dict[str, Any]:
    """One scan of one carrier."""
    event = {
        "time_iso": at,
        "time_utc": None,
        "time_raw": {"date": at[:10], "time": at[11:19], "timezone": None},
        "description": sub_status,
        "location": "SHENZHEN",
        "stage": None,
        "sub_status": sub_status,
        "address": {"country": "CN", "state": None, "city": "SHENZHEN", "street": None, "postal_code": None},
    }
    provider = {"provider": {"key": 3011, "name": "China Post"}, "latest_sync_status": "Success", "events": [event]}
    return {
        "latest_status": {"status": status, "sub_status": sub_status, "sub_status_descr": None},
        "latest_event": event,
        "time_metrics": {"estimated_delivery_date": {"source": None, "from": None, "to": None}},
        "misc_info": {"service_type": "EMS"},
        "tracking": {"providers": [provider]},
    }


def signed(body: bytes, key: str) -> dict[str, str]:
    return {"sign": sha256(body + b"/" + key.encode()).hexdigest()}
