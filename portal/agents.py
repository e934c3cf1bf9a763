"""Agents' accounts: who may be one, which passwords will do, and signing in without telling strangers anything."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlmodel import Session, col, select, update

from portal.app import App
from portal.keys import Keys, new_token
from portal.limits import Limit, give_back, network, take, wait
from portal.refusal import Refusal
from portal.tables import Agent

MIN_PASSWORD = 12
MAX_PASSWORD = 200
MAX_EMAIL = 254
MIN_DIFFERENT = 5
TRIES = 10
PERIOD = timedelta(minutes=5)

# One check takes 64 MiB and every core: more than four at once would starve the pages beside it.
CHECKS_AT_ONCE = 4
_checking = threading.BoundedSemaphore(CHECKS_AT_ONCE)
_PATIENCE_SECONDS = 10
_hasher = PasswordHasher()


class BadAgent(ValueError):
    """This account cannot be made. The text says what to do, one line per fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def create_agent(tx: Session, email: str, name: str, password: str, brand_id: int | None, now: datetime) -> Agent:
    """A new agent of one brand, or of every brand with None. Raises BadAgent with every fault at once."""
    email, name = agent_email(email), " ".join(name.split())
    faults = password_faults(password, email, name)
    if not name:
        faults.append("the name is empty")
    if not 3 <= len(email) <= MAX_EMAIL or "@" not in email.strip("@"):
        faults.append("the e-mail address needs an @ with something on both sides")
    elif tx.exec(select(Agent.id).where(Agent.email == email)).first() is not None:
        faults.append(f"there is an agent with the address {email} already")
    if faults:
        raise BadAgent(faults)
    agent = Agent(email=email, name=name, password_hash=hash_password(password), brand_id=brand_id, created_at=now)
    tx.add(agent)
    tx.flush()
    return agent


def password_faults(password: str, email: str = "", name: str = "") -> list[str]:
    """What is wrong with a password; empty when it will do. Length counts, kinds of characters do not."""
    faults = []
    if len(password) < MIN_PASSWORD:
        faults.append(f"the password must have {MIN_PASSWORD} characters or more; a few words in a row will do")
    if len(password) > MAX_PASSWORD:
        faults.append(f"the password must not have more than {MAX_PASSWORD} characters")
    if password and len(set(password)) < MIN_DIFFERENT:
        faults.append(f"the password must have {MIN_DIFFERENT} different characters or more")
    known = {email.casefold(), email.partition("@")[0].casefold(), name.casefold()} - {""}
    if any(password.casefold().strip("0123456789 !?.") == word for word in known):
        faults.append("the password must not be the name or the e-mail address")
    return faults


def hash_password(password: str) -> str:
    """Argon2id with the library's own defaults, which follow RFC 9106."""
    with _one_check():
        return _hasher.hash(password)


def sign_in(app: App, email: str, password: str, address: str) -> Agent:
    """The agent with this e-mail and password.

    An unknown address, a wrong password and a disabled agent all take the same work and raise the same Refusal
    ("sign_in_failed"). Ten tries in five minutes for one address or from one place, then Refusal ("too_many_tries").
    Opens its own short transactions, because checking a password takes long and must not hold the write lock.
    """
    now, email = app.now(), agent_email(email)
    limits = _limits(app.keys, email, address)
    with app.db.transaction() as tx:
        full = take(tx, limits, now)
    if full is not None:
        raise Refusal("too_many_tries", 429, wait_seconds=wait(full, now))
    with app.db.reading() as tx:
        agent = tx.exec(select(Agent).where(Agent.email == email)).first()
    dummy, hashed = dummy_hash(), agent.password_hash if agent and agent.disabled_at is None else ""
    if not _verify(hashed or dummy, password) or agent is None or not hashed:
        raise Refusal("sign_in_failed", 401)
    better = hash_password(password) if _hasher.check_needs_rehash(hashed) else hashed
    with app.db.transaction() as tx:
        for limit in limits:  # a success is no guess: a whole office may sign in at nine from one address
            give_back(tx, [limit], now)
        if better != hashed:
            tx.exec(update(Agent).where(col(Agent.id) == agent.id).values(password_hash=better))
    return agent


def agent_email(text: str) -> str:
    """As stored: no surrounding space, lower case."""
    return text.strip().casefold()[: MAX_EMAIL + 1]


@cache
def dummy_hash() -> str:
    """A hash that nobody has the password of: checking against it takes as long as checking a real one."""
    return hash_password(new_token())


def _verify(hashed: str, password: str) -> bool:
    with _one_check():
        try:
            return _hasher.verify(hashed, password[: MAX_PASSWORD + 1])
        except (VerificationError, InvalidHashError):
            return False


@contextmanager
def _one_check() -> Iterator[None]:
    if not _checking.acquire(timeout=_PATIENCE_SECONDS):
        raise Refusal("busy", 503, wait_seconds=5)
    try:
        yield
    finally:
        _checking.release()


def _limits(keys: Keys, email: str, address: str) -> tuple[Limit, ...]:
    by = (keys.blind("sign-in-email", email), keys.blind("sign-in-address", network(address)))
    return tuple(Limit(key, TRIES, PERIOD) for key in by)
