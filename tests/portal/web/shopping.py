"""What the shopper's tests share: opening Ada's order, stories to put into shipments, a parser that finds intruders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
from sqlmodel import Session, select

from portal.app import App
from portal.keys import token_hash
from portal.tables import AccessLink, Order, Shipment
from tests.client import Client
from tests.world import World

TOKEN = "t" * 43


def event(
    local: str,
    *,
    status: str | None = "in_transit",
    sub_status: str | None = None,
    offset: str | None = "+00:00",
    code: str = "AR",
    text: str = "Arrival scan",
    place: str = "Warrington, GB",
    date_only: bool = False,
) -> dict[str, Any]:
    """One event of a story."""
    return {
        "at": None,
        "local": local,
        "offset": offset,
        "date_only": date_only,
        "status": status,
        "sub_status": sub_status,
        "code": code,
        "text": text,
        "place": place,
    }


def story(**changes: Any) -> dict[str, Any]:
    """A parcel on its way, with two events; `changes` replace keys."""
    events = changes.pop("events", None) or [
        event("2026-11-24T09:32:00", sub_status="in_transit.departed_hub"),
        event("2026-11-20T17:05:00", status="picked_up", sub_status="picked_up.collected", place="Utrecht, NL"),
    ]
    return {
        "v": 1,
        "step": 2,
        "reached": ["2026-11-19", "2026-11-20", "2026-11-20", None, None],
        "status": "in_transit",
        "sub_status": None,
        "tone": "info",
        "latest": events[0],
        "events": events,
        "count": len(events),
        "window": {"from": "2026-11-24", "to": "2026-11-25", "why": "carrier", "source": "SDD", "likely": None},
        "was": None,
        "delay": {"state": "none", "cause": None, "since": None, "promised": None, "missed": None},
        "pod": None,
        "act": "none",
        "followed": True,
        **changes,
    }


def change(app: App, do: Callable[[Session], object]) -> None:
    """One transaction."""
    with app.db.transaction() as tx:
        do(tx)


def deliver(app: App, world: World, on: datetime) -> None:
    """Both parcels of Ada's order have arrived."""

    def arrive(tx: Session) -> None:
        for known in world.shipments:
            row = tx.get_one(Shipment, known.id)
            row.status, row.sub_status = "delivered", "delivered.safe_place"
            row.delivered_at, row.delivered_on = on, on.date()
            row.story = story(step=5, status="delivered", pod={"place": "Left by the door", "by": "A LARCH"})

    change(app, arrive)


def look_up(client: Client, order: str = "J-1001", who: str = "ada@example.test", **more: Any) -> httpx.Response:
    """Sends the lookup form."""
    return client.submit("/", "/find", {"order": order, "who": who}, **more)


def open_by_link(client: Client, app: App, order: Order, host: str = "juniper.test") -> str:
    """Opens an order as from its mail; returns its path."""

    def add(tx: Session) -> None:
        if tx.exec(select(AccessLink).where(AccessLink.token_hash == token_hash(TOKEN + host))).first() is None:
            now = app.now()
            tx.add(
                AccessLink(
                    token_hash=token_hash(TOKEN + host),
                    brand_id=order.brand_id,
                    order_id=order.id or 0,
                    created_at=now,
                    expires_at=now + timedelta(days=60),
                )
            )

    change(app, add)
    response = client.get(f"/t/{TOKEN}{host}", host=host)
    assert response.status_code == 303
    return str(response.headers["location"])


class Tags(HTMLParser):
    """Every element with its attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def is_clean(html: str) -> None:
    """No inline style or script, no handler, only links to https, mailto, tel and us; every POST form has a token."""
    tags = Tags(html)
    for tag, attributes in tags.found:
        assert tag != "style"
        assert not (tag == "script" and not (attributes.get("src") or "").startswith("/static/"))
        for name, value in attributes.items():
            assert name != "style"
            assert not name.startswith("on")
            if name in {"href", "src", "action", "formaction"}:
                assert (value or "").startswith(("/", "#", "https://", "mailto:", "tel:")), value
                assert not (value or "").startswith("//")
    posts = sum(1 for tag, attributes in tags.found if tag == "form" and attributes.get("method") == "post")
    tokens = sum(1 for tag, attributes in tags.found if attributes.get("name") == "csrf" and attributes.get("value"))
    assert posts == tokens


NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
