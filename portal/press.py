"""The PDF press of this process: made at the first sheet, closed at the end, so that web processes never have one."""

import atexit
from functools import cache

from returns.pdf import Press


@cache
def press(workers: int) -> Press:
    """The process's pool of that many PDF workers."""
    made = Press(workers)
    atexit.register(made.close)
    return made
