"""Places where a test kills the process, to show that a crash there loses nothing and repeats nothing."""

import os

_DIES_AT = os.environ.get("DOORSTEP_CRASH", "")


def crashpoint(name: str) -> None:
    """Ends the process at once, as kill -9 would, when `DOORSTEP_CRASH` was `name` at the start. Else nothing."""
    if name == _DIES_AT:
        os._exit(137)
