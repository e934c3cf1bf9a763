"""The Northpost server: replays scripted journeys over HTTP, pushes signed webhooks and sells return labels.

Run it with `python -m carriers.simulated.northpost_server --help`. Its API is described in docs/northpost.md.
"""

from __future__ import annotations

import argparse
import heapq
import hmac
import json
import secrets
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

import httpx

from carriers.simulated.journeys import SCRIPTS, TWICE, ZONES, Event, Journey, Town, all_events, events, parcel_told

MAX_BODY: Final = 1_000_000
BATCH: Final = 20
ATTEMPTS: Final = 6
FIRST_RETRY: Final = timedelta(milliseconds=250)  # doubled each time
VOIDABLE: Final = timedelta(days=14)
SUBSCRIPTION_DAYS: Final = 14
PRICES: Final = {"standard": 495, "express": 895}

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


class ApiError(Exception):
    """An answer in the 400s, with the code and the words of the error body."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class SoldLabel:
    """A label, and the parcel it becomes once it is handed in."""

    id: str
    reference: str
    number: str
    asked: Mapping[str, Any]  # the request, so that a repeat with other contents is noticed
    sold_at: datetime
    voided: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told, and the secret that signs it."""

    url: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subscription:
    """News of these numbers goes to the listener until it ends, once its challenge came back."""

    id: str
    listener: Listener
    numbers: frozenset[str]
    challenge: str = field(repr=False)
    ends_at: datetime
    is_active: bool = False


@dataclass(order=True, slots=True)
class Delivery:
    """A webhook on its way. Ordered by when it is due."""

    due: datetime
    sequence: int
    listener: Listener = field(compare=False)
    body: bytes = field(compare=False)
    attempt: int = field(compare=False, default=1)


class Network:
    """The carrier's whole world: parcels, labels and what is known of them at a moment. Thread-safe, no I/O."""

    def __init__(self, day: timedelta, clock: Clock = utc_now) -> None:
        self.day = day
        self.clock = clock
        self.journeys: dict[str, Journey] = {}
        self.labels: dict[str, SoldLabel] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.changed = Condition()

    def register(self, asked: Mapping[str, Any]) -> Journey:
        """A parcel from now on, or from `started_at` in the past."""
        now = self.clock()
        script = asked.get("script", "on_time")
        if not isinstance(script, str) or script not in SCRIPTS:
            raise ApiError(422, "unknown_script", f"script must be one of {', '.join(SCRIPTS)}")
        journey = Journey(
            number=str(asked.get("number") or _new_number()),
            script=script,
            service=str(asked.get("service") or "standard"),
            origin=_town(asked.get("from"), "Hamburg"),
            destination=_town(asked.get("to"), "Berlin"),
            started_at=min(_moment(asked["started_at"]) if asked.get("started_at") else now, now),
            registered_at=now,
            day=self.day,
            direction="return" if asked.get("direction") == "return" or script == "return_parcel" else "outbound",
        )
        with self.changed:
            if journey.number in self.journeys:
                raise ApiError(409, "known_number", f"{journey.number} is registered already")
            self.journeys[journey.number] = journey
            self.changed.notify_all()
        return journey

    def track(self, numbers: list[str]) -> dict[str, Any]:
        """Everything known about each number now."""
        now = self.clock()
        if not 1 <= len(numbers) <= BATCH:
            raise ApiError(422, "batch_size", f"between 1 and {BATCH} numbers a call")
        with self.changed:
            found = [self._told(number, now) for number in dict.fromkeys(numbers)]
        return {
            "parcels": [parcel for parcel in found if parcel],
            "unknown": [n for n, parcel in zip(dict.fromkeys(numbers), found, strict=True) if not parcel],
        }

    def _told(self, number: str, now: datetime) -> dict[str, Any] | None:
        if journey := self.journeys.get(number):
            known = events(journey, now)
            return parcel_told(journey, known, known)
        for label in self.labels.values():
            if label.number == number:
                return _label_only(label)
        return None

    def sell(self, asked: Mapping[str, Any]) -> tuple[SoldLabel, bool]:
        """The label of this reference, and whether it was sold just now."""
        reference = asked.get("reference")
        if not isinstance(reference, str) or not reference:
            raise ApiError(422, "no_reference", "reference must be text")
        if str(asked.get("service", "standard")) not in PRICES:
            raise ApiError(422, "unknown_service", f"service must be one of {', '.join(PRICES)}")
        grams = asked.get("grams")
        if isinstance(grams, bool) or not isinstance(grams, int) or not 1 <= grams <= 31_500:
            raise ApiError(422, "too_heavy", "grams must be a whole number from 1 to 31500")
        for side in ("from", "to"):
            _town(asked.get(side), "")
        with self.changed:
            for label in self.labels.values():
                if label.reference == reference and not label.voided:
                    if label.asked != asked:
                        raise ApiError(409, "reference_reused", "this reference was used with other contents")
                    return label, False
            label = SoldLabel(f"lbl_{secrets.token_hex(8)}", reference, _new_number(), dict(asked), self.clock())
            self.labels[label.id] = label
            self.changed.notify_all()
        return label, True

    def void(self, label_id: str) -> None:
        """Takes a label back, unless its parcel is on the way or it was given back before."""
        with self.changed:
            label = self.labels.get(label_id)
            if label is None:
                raise ApiError(404, "no_such_label", "there is no such label")
            if label.number in self.journeys:
                raise ApiError(409, "already_moving", "the parcel has been handed in")
            if label.voided:
                raise ApiError(409, "already_void", "the label was given back before")
            self.labels[label_id] = replace(label, voided=True)
            self.changed.notify_all()

    def drop_off(self, number: str) -> Journey:
        """The shopper hands the labelled parcel in: it starts to move."""
        with self.changed:
            if number in self.journeys:
                return self.journeys[number]
            label = next((label for label in self.labels.values() if label.number == number), None)
        if label is None:
            raise ApiError(404, "unknown_number", f"{number} is not known")
        if label.voided:
            raise ApiError(409, "label_void", "the label of this parcel was given back")
        asked = label.asked
        return self.register(
            {
                "number": number,
                "script": "return_parcel",
                "service": asked.get("service", "standard"),
                "from": asked.get("from"),
                "to": asked.get("to"),
            }
        )

    def subscribe(self, asked: Mapping[str, Any]) -> tuple[Subscription, list[str]]:
        """News from now on, for the numbers that are known, and those that are not."""
        url, secret, numbers = asked.get("url"), asked.get("secret"), asked.get("numbers")
        if not isinstance(url, str) or urlsplit(url).scheme not in {"http", "https"}:
            raise ApiError(422, "bad_url", "url must be an http or https address")
        if not isinstance(secret, str) or not secret:
            raise ApiError(422, "no_secret", "secret must be text")
        if not isinstance(numbers, list) or not 1 <= len(numbers) <= BATCH:
            raise ApiError(422, "batch_size", f"between 1 and {BATCH} numbers a call")
        with self.changed:
            known = self.journeys.keys() | {label.number for label in self.labels.values()}
            taken = frozenset(number for number in numbers if number in known)
            made = Subscription(
                f"sub_{secrets.token_hex(8)}",
                Listener(url, secret),
                taken,
                secrets.token_urlsafe(16),
                self.clock() + SUBSCRIPTION_DAYS * self.day,
            )
            if taken:
                self.subscriptions[made.id] = made
                self.changed.notify_all()
        return made, [str(number) for number in numbers if number not in taken]

    def activate(self, id_: str, challenge: str) -> None:
        """The challenge has come back, so the listener is who was meant."""
        with self.changed:
            found = self.subscriptions.get(id_)
            if found is None:
                raise ApiError(404, "no_such_subscription", "there is no such subscription")
            if not hmac.compare_digest(challenge.encode(), found.challenge.encode()):
                raise ApiError(422, "wrong_challenge", "that is not the challenge that was sent")
            self.subscriptions[id_] = replace(found, is_active=True)

    def unsubscribe(self, id_: str) -> None:
        """Ends it."""
        with self.changed:
            if self.subscriptions.pop(id_, None) is None:
                raise ApiError(404, "no_such_subscription", "there is no such subscription")

    def listeners(self, number: str, now: datetime) -> list[Listener]:
        """Who has subscribed to news of this parcel."""
        with self.changed:
            live = [s for s in self.subscriptions.values() if s.is_active and s.ends_at > now and number in s.numbers]
        return [s.listener for s in live]

    def parcels(self) -> list[Journey]:
        """All registered parcels."""
        with self.changed:
            return list(self.journeys.values())


class Pusher:
    """Sends what becomes known, signed, and tries again when that fails.

    `everything` is told of every parcel, subscriptions of theirs; nobody is told twice.
    """

    def __init__(self, network: Network, everything: Listener | None) -> None:
        self.network = network
        self._everything = everything
        self._greeted: set[str] = set(network.subscriptions)
        self._client = httpx.Client(trust_env=False, follow_redirects=False, timeout=5.0)
        self._waiting: list[Delivery] = []
        self._sequence = 0
        now = network.clock()
        # How far each parcel's news has been pushed. What was known before, at a restart or at registration, is
        # history, and a subscription sends none.
        self._pushed = {journey.number: now for journey in network.parcels()}
        self._stopped = False
        self._thread = Thread(target=self._run, name="northpost-pusher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        with self.network.changed:
            self._stopped = True
            self.network.changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self._client.close()

    def push_due(self) -> int:
        """Sends everything due now, once each; how many were accepted."""
        now = self.network.clock()
        self._greet(now)
        for journey, event in self._news(now):
            told = {self._everything} if self._everything else set()
            for listener in told | set(self.network.listeners(journey.number, now)):
                for body in _bodies(journey, event, now):
                    self._add(now, listener, body)
        accepted = 0
        for delivery in self._take_due(now):
            if self._sent(delivery, now):
                accepted += 1
            elif delivery.attempt < ATTEMPTS:
                due = now + FIRST_RETRY * 2 ** (delivery.attempt - 1)
                self._add(due, delivery.listener, delivery.body, delivery.attempt + 1)
        return accepted

    def _greet(self, now: datetime) -> None:
        """Each new subscription is asked to prove that it is wanted where it points to."""
        with self.network.changed:
            fresh = [s for s in self.network.subscriptions.values() if s.id not in self._greeted]
        for subscription in fresh:
            self._greeted.add(subscription.id)
            asked = {"subscription": subscription.id, "challenge": subscription.challenge}
            self._add(now, subscription.listener, json.dumps({"handshake": asked}).encode())

    def _news(self, now: datetime) -> list[tuple[Journey, Event]]:
        news = []
        for journey in self.network.parcels():
            start = journey.registered_at - timedelta(microseconds=1)
            pushed = self._pushed.get(journey.number, start)
            news += [(journey, event) for event in all_events(journey) if pushed < event.heard_at <= now]
            self._pushed[journey.number] = max(now, pushed)
        return sorted(news, key=lambda pair: pair[1].heard_at)

    def _add(self, due: datetime, listener: Listener, body: bytes, attempt: int = 1) -> None:
        self._sequence += 1
        heapq.heappush(self._waiting, Delivery(due, self._sequence, listener, body, attempt))

    def _take_due(self, now: datetime) -> list[Delivery]:
        due = []
        while self._waiting and self._waiting[0].due <= now:
            due.append(heapq.heappop(self._waiting))
        return due

    def _sent(self, delivery: Delivery, now: datetime) -> bool:
        """True also for a refusal that will not change: only trouble on the way and 5xx, 429 are worth another try."""
        headers = {
            "Content-Type": "application/json",
            "Northpost-Signature": signature(delivery.listener.secret, delivery.body, now),
        }
        url = httpx.URL(delivery.listener.url)
        if url.host.endswith(".localhost"):  # always this machine, though not every resolver knows it
            headers["Host"] = url.netloc.decode()
            url = url.copy_with(host="127.0.0.1")
        try:
            status = self._client.post(url, content=delivery.body, headers=headers).status_code
        except httpx.HTTPError:
            return False
        return status < 500 and status != 429

    def _run(self) -> None:
        while not self._stopped:
            self.push_due()
            with self.network.changed:
                if not self._stopped:
                    self.network.changed.wait(0.2)


def signature(secret: str, body: bytes, now: datetime) -> str:
    """The value of Northpost-Signature."""
    stamp = str(int(now.timestamp()))
    return f"t={stamp},v1={hmac.new(secret.encode(), stamp.encode() + b'.' + body, sha256).hexdigest()}"


def _bodies(journey: Journey, event: Event, now: datetime) -> list[bytes]:
    """The delivery of one event; of a "duplicated" parcel the same delivery again, and its news under a new id."""
    index = all_events(journey).index(event)
    ids = [f"dlv_{journey.number}_{index}"]
    if journey.script in TWICE:
        ids += [ids[0], f"{ids[0]}_again"]
    parcel = parcel_told(journey, [event], events(journey, now))
    return [
        json.dumps({"delivery": id_, "sent_at": now.isoformat(timespec="seconds"), "parcels": [parcel]}).encode()
        for id_ in ids
    ]


def _label_only(label: SoldLabel) -> dict[str, Any]:
    town = _town(label.asked.get("from"), "")
    at = label.sold_at.astimezone(ZoneInfo(town.zone)).isoformat(timespec="seconds")
    code, words = ("CAN", "Label given back") if label.voided else ("LBL", "Label created")
    place = {"city": "", "region": "", "postcode": "", "country": town.country, "zone": town.zone}
    return {
        "number": label.number,
        "service": label.asked.get("service", "standard"),
        "direction": "return",
        "code": code,
        "estimate": None,
        "events": [{"at": at, "code": code, "text": words, "place": place}],
    }


def label_told(label: SoldLabel) -> dict[str, Any]:
    """A label in the words of the API. There is no document: whoever buys it prints number, service and routing."""
    service = str(label.asked.get("service", "standard"))
    to = _town(label.asked.get("to"), "")
    return {
        "id": label.id,
        "reference": label.reference,
        "number": label.number,
        "service": f"Northpost {service.capitalize()} Return",
        "routing": f"{to.country}-{to.postcode}",
        "cost_minor": PRICES[service],
        "currency": "EUR",
        "voidable_until": (label.sold_at + VOIDABLE).isoformat(timespec="seconds"),
    }


def subscription_told(made: Subscription, unknown: list[str]) -> dict[str, Any]:
    """A subscription in the words of the API: what it covers, and what it does not."""
    return {
        "subscription": made.id if made.numbers else None,
        "numbers": sorted(made.numbers),
        "refused": [{"number": number, "message": "Northpost does not know this number"} for number in unknown],
        "ends_at": made.ends_at.isoformat(timespec="seconds"),
    }


def _new_number() -> str:
    return f"NP{secrets.randbelow(10**10):010d}"


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise ApiError(422, "bad_time", "started_at must be ISO 8601 with an offset") from None
    if moment.tzinfo is None:
        raise ApiError(422, "bad_time", "started_at needs an offset")
    return moment.astimezone(UTC)


def _town(value: object, default: str) -> Town:
    if value is None and default:
        return Town(default, "", "DE", "Europe/Berlin")
    if not isinstance(value, Mapping) or not all(isinstance(value.get(k, ""), str) for k in ("city", "postcode")):
        raise ApiError(422, "bad_address", "from and to must be objects with city, postcode and country")
    country = str(value.get("country", "DE")).upper()
    zone = str(value.get("zone") or ZONES.get(country, "UTC"))
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ApiError(422, "bad_zone", f"{zone[:40]!r} is not a time zone") from None
    return Town(value.get("city", ""), value.get("postcode", ""), country, zone, str(value.get("region", "")))


class Server:
    """The HTTP server with its pusher. A context manager; `url` is where it listens."""

    def __init__(
        self,
        *,
        api_key: str,
        day: timedelta,
        port: int = 0,
        host: str = "127.0.0.1",
        hook_url: str = "",
        hook_secret: str = "",
        state: Path | None = None,
        clock: Clock = utc_now,
    ) -> None:
        if not api_key or (hook_url and not hook_secret):
            raise ValueError("an API key is needed, and a hook secret where there is a hook URL")
        self.network = Network(day, clock)
        self.api_key = api_key
        self._state = state
        if state and state.exists():
            _load(self.network, json.loads(state.read_bytes()))
        everything = Listener(hook_url, hook_secret) if hook_url else None
        self.pusher: Pusher | None = Pusher(self.network, everything)
        self._http = ThreadingHTTPServer((host, port), _handler(self))
        self._http.daemon_threads = True
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{self._http.server_address[0]!s}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        if self.pusher:
            self.pusher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        if self.pusher:
            self.pusher.close()

    def answer(self, method: str, path: str, key: str, body: bytes) -> tuple[int, object]:
        """Status and JSON of one request. Raises ApiError."""
        if path == "/v1/health":
            return 200, {"ok": True}
        if not hmac.compare_digest(key.encode(), self.api_key.encode()):
            raise ApiError(401, "bad_key", "the Northpost-Key header does not hold a key we know")
        answered = self._route(method, path, body)
        if self._state and method in {"POST", "DELETE"} and path != "/v1/track":
            self._save(self._state)
        return answered

    def _route(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        match method, [unquote(part) for part in path.strip("/").split("/")]:
            case "POST", ["v1", "track"]:
                numbers = _object(body).get("numbers")
                if not isinstance(numbers, list) or not all(isinstance(n, str) for n in numbers):
                    raise ApiError(422, "bad_numbers", "numbers must be a list of texts")
                return 200, self.network.track(numbers)
            case "POST", ["v1", "parcels"]:
                journey = self.network.register(_object(body))
                return 201, {"number": journey.number, "script": journey.script}
            case "POST", ["v1", "parcels", number, "drop-off"]:
                return 200, {"number": self.network.drop_off(number).number}
            case "POST", ["v1", "labels"]:
                label, is_new = self.network.sell(_object(body))
                return 201 if is_new else 200, {"label": label_told(label)}
            case "DELETE", ["v1", "labels", label_id]:
                self.network.void(label_id)
                return 200, {"voided": label_id}
            case "POST", ["v1", "subscriptions"]:
                made, unknown = self.network.subscribe(_object(body))
                return 201, subscription_told(made, unknown)
            case "POST", ["v1", "subscriptions", id_, "activate"]:
                self.network.activate(id_, str(_object(body).get("challenge", "")))
                return 200, {"active": id_}
            case "DELETE", ["v1", "subscriptions", id_]:
                self.network.unsubscribe(id_)
                return 200, {"ended": id_}
        raise ApiError(404, "no_such_route", f"there is no {method} {path[:80]}")

    def _save(self, state: Path) -> None:
        with self.network.changed:
            text = json.dumps(_saved(self.network))
            fresh = state.with_suffix(".new")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(state)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError(400, "not_json", "the body must be JSON") from None
    if not isinstance(value, dict):
        raise ApiError(400, "not_an_object", "the body must be a JSON object")
    return value


def _saved(network: Network) -> dict[str, Any]:
    def town(place: Town) -> dict[str, str]:
        return {key: getattr(place, key) for key in ("city", "postcode", "country", "zone", "region")}

    return {
        "journeys": [
            {
                "number": j.number,
                "script": j.script,
                "service": j.service,
                "origin": town(j.origin),
                "destination": town(j.destination),
                "started_at": j.started_at.isoformat(),
                "registered_at": j.registered_at.isoformat(),
                "day_seconds": j.day.total_seconds(),
                "direction": j.direction,
            }
            for j in network.journeys.values()
        ],
        "labels": [
            {
                "id": label.id,
                "reference": label.reference,
                "number": label.number,
                "asked": label.asked,
                "sold_at": label.sold_at.isoformat(),
                "voided": label.voided,
            }
            for label in network.labels.values()
        ],
        "subscriptions": [
            {
                "id": s.id,
                "url": s.listener.url,
                "secret": s.listener.secret,
                "numbers": sorted(s.numbers),
                "challenge": s.challenge,
                "ends_at": s.ends_at.isoformat(),
                "is_active": s.is_active,
            }
            for s in network.subscriptions.values()
        ],
    }


def _load(network: Network, saved: Mapping[str, Any]) -> None:
    for j in saved["journeys"]:
        network.journeys[j["number"]] = Journey(
            number=j["number"],
            script=j["script"],
            service=j["service"],
            origin=Town(**j["origin"]),
            destination=Town(**j["destination"]),
            started_at=datetime.fromisoformat(j["started_at"]),
            registered_at=datetime.fromisoformat(j["registered_at"]),
            day=timedelta(seconds=j["day_seconds"]),
            direction=j["direction"],
        )
    for label in saved["labels"]:
        sold_at = datetime.fromisoformat(label["sold_at"])
        network.labels[label["id"]] = SoldLabel(**{**label, "sold_at": sold_at})
    for s in saved.get("subscriptions", ()):
        network.subscriptions[s["id"]] = Subscription(
            s["id"],
            Listener(s["url"], s["secret"]),
            frozenset(s["numbers"]),
            s["challenge"],
            datetime.fromisoformat(s["ends_at"]),
            s["is_active"],
        )


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet; apart, each answer waits 40 ms for an acknowledgement
        server_version = "Northpost"
        timeout = 15

        def respond(self) -> None:
            try:
                body = self._body()
                key = self.headers.get("Northpost-Key", "")
                status, value = server.answer(self.command, urlsplit(self.path).path, key, body)
            except ApiError as error:
                status, value = error.status, {"error": {"code": error.code, "message": error.message}}
            raw = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def _body(self) -> bytes:
            length = self.headers.get("Content-Length", "0")
            if not length.isdecimal() or int(length) > MAX_BODY:
                self.close_connection = True
                raise ApiError(413, "too_large", "the body may hold at most a million bytes")
            return self.rfile.read(int(length))

        do_GET = do_POST = do_DELETE = respond

        def log_message(self, format: str, *args: object) -> None:
            """Silent: the demo's terminal is for its operator."""

    return Handler


def main(arguments: list[str] | None = None) -> int:
    """Serves until SIGTERM or Ctrl-C. The first line on stdout is JSON with the port and the URL."""
    parser = argparse.ArgumentParser(prog="northpost", description="A simulated parcel carrier.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--api-key", required=True)
    parser.add_argument("--hook-url", default="", help="where all news is pushed to; empty: only to subscriptions")
    parser.add_argument("--hook-secret", default="")
    parser.add_argument("--day-seconds", type=float, default=60.0, help="how long one simulated day takes")
    parser.add_argument("--state", type=Path, default=None, help="a file that keeps parcels and labels over restarts")
    options = parser.parse_args(arguments)
    stopped = Condition()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    server = Server(
        api_key=options.api_key,
        day=timedelta(seconds=options.day_seconds),
        port=options.port,
        host=options.host,
        hook_url=options.hook_url,
        hook_secret=options.hook_secret,
        state=options.state,
    )
    with server:
        sys.stdout.write(json.dumps({"port": server.port, "url": server.url}) + "\n")
        sys.stdout.flush()
        try:
            with stopped:
                stopped.wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
