"""Alembic migrations, run by `doorstep migrate` and checked against the tables in `make check`."""
