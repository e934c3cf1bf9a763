"""The running product: tables, transactions, pages and jobs around the `carriers` and `returns` libraries."""

import sys
from typing import Any

__version__ = "0.1.0"

if "structlog" not in sys.modules and "rich" not in sys.modules:
    # structlog loads rich wherever it finds it, for tracebacks in colour, which ours never are: a tenth of every start.
    modules: dict[str, Any] = sys.modules
    modules["rich"] = None
    import structlog as _  # noqa: F401

    del modules, sys.modules["rich"]
