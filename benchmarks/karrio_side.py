"""The peer's half of the parsing benchmark; runs in an environment of its own and imports nothing of ours.

The first line of stdin is a JSON object slug -> bodies. Every further line is a slug, answered by one line with the
seconds that each body took.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

PLUGINS = {"ups": "ups", "fedex": "fedex", "dhl": "dhl_universal"}
KEYS: dict[str, dict[str, str]] = {
    "ups": {"client_id": "id", "client_secret": "secret", "account_number": "ABC123"},
    "fedex": {"track_api_key": "id", "track_secret_key": "secret"},
    "dhl": {"consumer_key": "id", "consumer_secret": "secret"},
}


def parser(slug: str) -> Callable[[str], Any]:
    """What karrio does with the text of an answer: decoding, then its own parser."""
    from karrio import lib  # type: ignore[import-not-found]

    plugin = PLUGINS[slug]
    settings = import_module(f"karrio.mappers.{plugin}").Settings(**KEYS[slug])
    parse = import_module(f"karrio.providers.{plugin}").parse_tracking_response
    decode: dict[str, Callable[[str], Any]] = {
        "ups": lambda text: [("1", lib.to_dict(text))],
        "fedex": lib.to_dict,
        "dhl": lambda text: [lib.to_dict(text)],
    }
    return lambda text: parse(lib.Deserializable(text, decode[slug]), settings)


def main() -> None:
    """Serves rounds until stdin ends."""
    texts = json.loads(sys.stdin.readline())
    parsers = {slug: parser(slug) for slug in texts}
    for line in sys.stdin:
        slug = line.strip()
        took = []
        for text in texts[slug]:
            with contextlib.redirect_stdout(io.StringIO()):  # it prints fields that it does not know
                start = time.process_time()
                details, _ = parsers[slug](text)
                took.append(time.process_time() - start)
            if len(details) != 1 or len(details[0].events) != 12:
                raise RuntimeError(f"karrio did not read what {slug} says")
        sys.stdout.write(json.dumps(took) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
