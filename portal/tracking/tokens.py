"""OAuth tokens of carriers, shared by all processes: one fetch at a time, encrypted at rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlmodel import col, or_, update

from carriers.auth import usable_for
from carriers.errors import Unavailable
from portal.app import App
from portal.db import insert_once
from portal.keys import CannotDecrypt
from portal.tables import CarrierToken

LEASE: Final = timedelta(seconds=30)  # longer than the 20 s that a call may take
_ASK_AGAIN_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class DatabaseTokens:
    """carriers.auth.Tokens over the table `carrier_token`. Whoever wins the lease fetches; the others wait for it."""

    app: App
    wait_seconds: float = 25.0

    def get(self, key: str, fetch: Callable[[], tuple[str, timedelta]]) -> str:
        """A usable token. Raises what `fetch` raises, or Unavailable when another process does not finish."""
        give_up = time.monotonic() + self.wait_seconds
        while True:
            token, is_mine = self._look(key)
            if token:
                return token
            if is_mine:
                return self._fetched(key, fetch)
            if time.monotonic() > give_up:
                raise Unavailable("another process is still fetching the token")
            time.sleep(_ASK_AGAIN_SECONDS)

    def drop(self, key: str, token: str) -> None:
        """Forgets `token`, unless a newer one is there."""
        with self.app.db.transaction() as tx:
            row = tx.get(CarrierToken, key)
            if row and self._opened(row) == token:
                row.token = b""
                row.expires_at = None

    def _look(self, key: str) -> tuple[str, bool]:
        """(token, False), or ("", whether fetching it is up to us)."""
        now = self.app.now()
        with self.app.db.reading() as tx:
            row = tx.get(CarrierToken, key)
            if row and row.expires_at and row.expires_at > now and (token := self._opened(row)):
                return token, False
        with self.app.db.transaction() as tx:
            insert_once(tx, CarrierToken, {"key": key, "token": b""})
            free = or_(col(CarrierToken.leased_until).is_(None), col(CarrierToken.leased_until) <= now)
            stale = or_(col(CarrierToken.expires_at).is_(None), col(CarrierToken.expires_at) <= now)
            won = tx.exec(
                update(CarrierToken).where(col(CarrierToken.key) == key, free, stale).values(leased_until=now + LEASE)
            )
            return "", won.rowcount == 1

    def _fetched(self, key: str, fetch: Callable[[], tuple[str, timedelta]]) -> str:
        try:
            token, lifetime = fetch()
        except BaseException:
            self._write(key, "", None)
            raise
        self._write(key, token, usable_for(lifetime))
        return token

    def _write(self, key: str, token: str, lasts: timedelta | None) -> None:
        values = {
            "token": self.app.keys.seal({"token": token}, token_place(key)) if token else b"",
            "expires_at": self.app.now() + lasts if lasts is not None else None,
            "leased_until": None,
        }
        with self.app.db.transaction() as tx:
            tx.exec(update(CarrierToken).where(col(CarrierToken.key) == key).values(**values))

    def _opened(self, row: CarrierToken) -> str:
        try:
            return self.app.keys.open(row.token, token_place(row.key)).get("token", "")
        except CannotDecrypt:  # written under another secret key
            return ""


def token_place(key: str) -> str:
    """What the ciphertext of a token is bound to."""
    return f"carrier_token:{key}"
