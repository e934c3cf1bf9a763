"""What tests of every carrier share."""

from collections.abc import Iterator

import httpx
import pytest

from carriers.http import open_client


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """One pool of connections for a module, as one process has it."""
    with open_client() as it:
        yield it
