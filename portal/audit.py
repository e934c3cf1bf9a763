"""The trail: who did what to which order or return, written in the transaction that did it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from portal.tables import Audit


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `id` is "shopper", "system", "agent:<public id>" or "carrier:<slug>"; `name` is for people."""

    id: str
    name: str = ""


SHOPPER = Actor("shopper")
SYSTEM = Actor("system")


def record(
    tx: Session,
    act: str,
    actor: Actor,
    now: datetime,
    *,
    brand_id: int | None = None,
    order_id: int | None = None,
    return_id: int | None = None,
    **facts: Any,
) -> None:
    """Adds one line to the trail. `act` is "noun.verb", e.g. "return.approved"."""
    tx.add(
        Audit(
            brand_id=brand_id,
            order_id=order_id,
            return_id=return_id,
            actor=actor.id,
            actor_name=actor.name,
            act=act,
            facts=facts,
            at=now,
        )
    )
