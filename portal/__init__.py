"""The running product: tables, transactions, pages and jobs around the `carriers` and `returns` libraries."""

__version__ = "0.1.0"
