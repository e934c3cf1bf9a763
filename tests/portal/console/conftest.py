"""Agents at their desks: Kim of Juniper, Lou of Basalt, Sam of every brand."""

from __future__ import annotations

import pytest

from tests.client import Client
from tests.portal.console.desk import Desk, sign_in
from tests.world import World


@pytest.fixture
def kim(client: Client, world: World) -> Desk:
    """Kim, signed in at Juniper's host."""
    return sign_in(client)


@pytest.fixture
def sam(client: Client, world: World) -> Desk:
    """Sam, signed in at Juniper's host, agent of every brand."""
    return sign_in(client, "sam")


@pytest.fixture
def order_path(world: World) -> str:
    """The workspace of Ada's order."""
    return f"/console/orders/{world.order.public_id}"
