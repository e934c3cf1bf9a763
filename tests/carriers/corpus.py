"""The optional corpus of real payloads, kept outside the project: an oracle nobody here wrote.

It is looked for in DOORSTEP_CORPUS, else in ../shared/data beside the project; tests skip where there is none.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(os.environ.get("DOORSTEP_CORPUS") or Path(__file__).parents[2].parent / "shared" / "data")
PAYLOADS = ROOT / "corpus" / "payloads"

needs_corpus = pytest.mark.skipif(not PAYLOADS.is_dir(), reason=f"no corpus: set DOORSTEP_CORPUS (looked in {ROOT})")


@dataclass(frozen=True)
class Payload:
    """One payload: the raw body as bytes, what kind it is said to be, and the peer's own reading where there is one."""

    source: str
    case: str
    kind: str
    body: bytes
    status: int
    expected: Any
    notes: str

    @property
    def is_hook(self) -> bool:
        return self.kind == "tracking-webhook"


def payloads(*sources: str) -> list[Payload]:
    """All payloads of these sources, in the order of their names; none where there is no corpus."""
    return [_payload(path) for source in sources for path in sorted((PAYLOADS / source).glob("*.json"))]


def _payload(path: Path) -> Payload:
    found = json.loads(path.read_bytes())
    raw = found["raw"]
    if exact := found.get("raw_bytes_b64"):
        body = base64.b64decode(exact)
    else:
        body = raw.encode() if isinstance(raw, str) else json.dumps(raw).encode()
    return Payload(
        source=path.parent.name,
        case=path.stem,
        kind=found["kind"],
        body=body,
        status=found.get("http_status") or 200,
        expected=found.get("expected"),
        notes=found.get("notes") or "",
    )
