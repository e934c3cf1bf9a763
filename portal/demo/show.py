"""Running the demo: four processes in one terminal, stopped together."""

from __future__ import annotations

import base64
import ctypes
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx
from sqlalchemy.exc import DatabaseError

from portal.app import App, build
from portal.commands.terminal import Stop, say, tell
from portal.demo.seed import AGENT_EMAIL, Shown, State, seed, waiting
from portal.migrate import upgrade
from portal.settings import Settings, load

START_SECONDS = 120
STOP_SECONDS = 15
# Real time, so that the samples stay what they are announced as; --fast is for watching parcels move.
DAY_SECONDS, FAST_DAY_SECONDS = 86_400, 60
_PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Child:
    """One process of the demo. Its output is passed on line by line; the last lines are kept for when it fails."""

    name: str
    process: subprocess.Popen[str]
    last: deque[str] = field(default_factory=lambda: deque(maxlen=15))

    def first_line(self) -> dict[str, Any]:
        """The JSON line with its ports that some processes print first."""
        out = self.process.stdout
        line = out.readline() if out else ""
        try:
            told: dict[str, Any] = json.loads(line)
        except ValueError:
            self.last.append(line.strip())
            raise Stop(f"{self.name} did not start: {line.strip() or f'exit code {self.process.wait(5)}'}") from None
        return told

    def pass_on(self) -> None:
        """Prints what it says from now on, each line with its name in front."""
        threading.Thread(target=self._copy, args=(self.process.stdout,), daemon=True).start()

    def _copy(self, out: IO[str] | None) -> None:
        for line in out or ():
            self.last.append(line.rstrip())
            tell(f"{self.name:<8}| {line.rstrip()}")


class Family:
    """The child processes. Leaving the block stops them all, each with whatever it started itself."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self.children: list[Child] = []

    def start(self, name: str, *command: str) -> Child:
        """Starts one in a process group of its own, that ends when this process ends."""
        process = subprocess.Popen(  # noqa: S603  (our own interpreter and modules)
            [sys.executable, "-u", "-m", *command],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        child = Child(name, process)
        self.children.append(child)
        return child

    def fallen(self) -> Child | None:
        """One that has ended by itself."""
        return next((child for child in self.children if child.process.poll() is not None), None)

    def stop(self) -> None:
        """Asks all at once, waits, and ends what is left."""
        for child in self.children:
            _signal(child, signal.SIGTERM)
        ends_at = time.monotonic() + STOP_SECONDS
        for child in self.children:
            try:
                child.process.wait(max(0.1, ends_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)
                child.process.wait()
            _signal(child, signal.SIGKILL)  # whatever its group still holds


def run(port: int, folder: str, *, fast: bool) -> None:
    """Shows everything until Ctrl-C or SIGTERM. Raises Stop when something cannot start or falls over."""
    _must_be_free(port)
    place = Path(folder).resolve()
    place.mkdir(parents=True, exist_ok=True)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with _alone(place):
        state = _state(place / "state.json")
        tell(f"preparing {place}")
        with _family(place, state, port) as family:
            try:
                _show(family, place, state, port, fast, stopped)
            except DatabaseError as error:
                words = f"{place / 'doorstep.db'} cannot be used: {error.orig}"
                raise Stop(words, f"where it is damaged, remove the folder {place} to begin anew") from None
    tell("stopped")


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Keeps the folder to this process, however it ends. Raises Stop where another demo has it."""
    with (place / "lock").open("w", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Stop(
                f"a demo runs in {place} already; stop it first, or give this one another folder: --dir"
            ) from None
        yield


def _show(family: Family, place: Path, state: State, port: int, fast: bool, stopped: threading.Event) -> None:
    catcher = family.start("mail", "portal.mailcatcher", "--port", str(_near(port + 1)), "--dir", str(place / "mail"))
    mail = catcher.first_line()
    settings = _settings(place, state, port, int(mail["smtp_port"]))
    family.environment = _environment(settings)
    carrier_url = _carrier(family, place, state, port, fast)
    app = build(settings)
    try:
        upgrade(app.db)
        shown = seed(app, state, place / "state.json", web_port=port, carrier_url=carrier_url, fast=fast)
        for name, command in (("web", "serve"), ("worker", "worker")):
            family.start(name, "portal", command)
        for child in family.children:
            child.pass_on()
        _wait_until_ready(family, app, port, stopped)
        where = _where(shown, state, port, int(mail["port"]), carrier_url)
        (place / "where.json").touch(mode=0o600)
        (place / "where.json").write_text(json.dumps(where, indent=1), encoding="utf-8")
    finally:
        app.db.close()
    if not stopped.is_set():
        say(_words(shown, where))
        sys.stdout.flush()
    while not stopped.wait(0.3):
        _all_alive(family)


def _carrier(family: Family, place: Path, state: State, port: int, fast: bool) -> str:
    """Starts the simulated carrier, on the port it had before where that is free; returns its address."""
    hook_url = f"http://127.0.0.1:{port}/hooks/northpost/{state.hook_token}"
    # With "=", because a random secret may begin with a dash and would be taken for an option.
    options = ["--port", str(_near(state.carrier_port)), f"--api-key={state.api_key}"]
    options += ["--hook-url", hook_url, f"--hook-secret={state.hook_secret}", "--state", str(place / "carrier.json")]
    options += ["--day-seconds", str(FAST_DAY_SECONDS if fast else DAY_SECONDS)]
    told = family.start("carrier", "carriers.simulated.northpost_server", *options).first_line()
    state.carrier_port = int(told["port"])
    state.save(place / "state.json")
    return str(told["url"])


def _wait_until_ready(family: Family, app: App, port: int, stopped: threading.Event) -> None:
    """Until the web answers and every parcel has been heard of."""
    ends_at = time.monotonic() + START_SECONDS
    is_ready = False
    while not stopped.wait(0.2):
        _all_alive(family)
        is_ready = is_ready or _answers(port)
        if is_ready and not waiting(app):
            return
        if time.monotonic() > ends_at:
            if not is_ready:
                raise Stop(f"the web pages did not answer within {START_SECONDS} seconds")
            tell("some parcels have not been heard of yet; they will be in a moment")
            return


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _all_alive(family: Family) -> None:
    fallen = family.fallen()
    if fallen is not None:
        time.sleep(0.2)  # its last words are still on their way through the pipe
        raise Stop(f"{fallen.name} stopped with exit code {fallen.process.returncode}", *fallen.last)


@contextmanager
def _family(place: Path, state: State, port: int) -> Iterator[Family]:
    family = Family(_environment(_settings(place, state, port, 25)))
    try:
        yield family
    finally:
        family.stop()


def _settings(place: Path, state: State, port: int, smtp_port: int) -> Settings:
    """Every setting named, so that none of the shell's leaks in: the demo must never meet a real database."""
    for name in [name for name in os.environ if name.startswith("DOORSTEP_")]:
        del os.environ[name]
    return load(
        database_url=f"sqlite:///{place / 'doorstep.db'}",
        secret_key=state.key,
        host="127.0.0.1",
        port=port,
        https=False,
        test_carriers=True,
        smtp_host="127.0.0.1",
        smtp_port=smtp_port,
        smtp_tls="none",
        log_format="console",
        log_level="warning",
    )


def _environment(settings: Settings) -> dict[str, str]:
    told = settings.model_dump(mode="json") | {
        "secret_key": settings.secret_key.get_secret_value(),
        "further_secret_keys": "",
        "smtp_password": "",
    }
    return dict(os.environ) | {f"DOORSTEP_{key.upper()}": str(value) for key, value in told.items()}


def _state(path: Path) -> State:
    """What was remembered, or a new beginning. Raises Stop for a file that cannot be read."""
    if not path.exists():
        state = State(key=base64.b64encode(secrets.token_bytes(32)).decode())
        state.save(path)
        return state
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise Stop(f"{path} cannot be read ({error}); remove the folder {path.parent} to begin anew") from None


def _must_be_free(port: int) -> None:
    try:
        _probe(port)
    except OSError as error:
        raise Stop(f"port {port} is in use ({error.strerror}); choose another: PORT=8080 make demo") from None


def _near(port: int) -> int:
    """This port where it is free, else 0: any."""
    if not 0 < port < 65_536:
        return 0
    try:
        _probe(port)
    except OSError:
        return 0
    return port


def _probe(port: int) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(("127.0.0.1", port))


def _where(shown: list[Shown], state: State, port: int, mail_port: int, carrier_url: str) -> dict[str, Any]:
    """Where to go, also for scripts: written to where.json."""
    return {
        "web": f"http://localhost:{port}",
        "second_brand": f"http://127.0.0.1:{port}",
        "console": f"http://localhost:{port}/console",
        "agent": {"email": AGENT_EMAIL, "password": state.password},
        "mail": f"http://127.0.0.1:{mail_port}",
        "carrier": {"url": carrier_url, "api_key": state.api_key},
        "orders": [
            {"brand": s.brand, "number": s.number, "email": s.email, "postcode": s.postcode, "shows": s.shows}
            for s in shown
        ],
    }


def _words(shown: list[Shown], where: dict[str, Any]) -> str:
    first = [s for s in shown if s.brand == "tarnwick"]
    others = [s for s in shown if s.brand != "tarnwick"]
    lines = ["", "Doorstep is running.", "", f"  Shoppers   {where['web']}"]
    lines += [f"             {s.number}  {s.email:<20} {s.shows}" for s in first]
    lines += ["", f"  2nd brand  {where['second_brand']}"]
    lines += [f"             {s.number}  {s.email:<20} {s.shows}" for s in others]
    agent = where["agent"]
    lines += ["", f"  Agents     {where['console']}", f"             {agent['email']}  {agent['password']}"]
    lines += ["", f"  Mails      {where['mail']}", "", "Ctrl-C stops everything.", ""]
    return "\n".join(lines)


def _signal(child: Child, number: int) -> None:
    try:
        os.killpg(child.process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent() -> None:
    """In the child, before it becomes another program: killed parents take their children along."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
