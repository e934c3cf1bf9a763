"""Which account follows a parcel: the carrier's own before one for many, the brand's own before a shared one."""

from __future__ import annotations

import pytest

from portal.shops.carrier_names import carrier_slug, connection_for, may_speak_for
from portal.tables import Connection
from tests.conftest import NOON


def connection(carrier: str, id_: int, brand_id: int | None = None, state: str = "ok") -> Connection:
    return Connection(id=id_, carrier=carrier, name=carrier, brand_id=brand_id, created_at=NOON, state=state)


@pytest.mark.parametrize("slug", ["easypost", "aftership", "seventeentrack", "trackingmore", "ship24"])
def test_an_account_for_many_carriers_follows_what_no_other_account_can(slug: str) -> None:
    many = connection(slug, 1)
    assert connection_for("usps", 7, [many]) == many
    assert connection_for("a carrier without an adapter", 7, [many]) == many
    own = connection("usps", 2)
    assert connection_for("usps", 7, [many, own]) == own
    assert connection_for("usps", 7, [many, connection("usps", 2, state="disabled")]) == many
    brands = connection(slug, 3, brand_id=7)
    assert connection_for("usps", 7, [many, brands]) == brands
    assert connection_for("usps", 8, [brands]) is None


@pytest.mark.parametrize(
    ("account", "carrier", "followed_by", "is_heard"),
    [
        ("ups", "ups", None, True),
        ("ups", "ups", 2, True),
        ("ups", "fedex", None, False),
        ("ups", "fedex", 1, True),
        ("ups", "a carrier without an adapter", None, True),
        ("ups", "a carrier without an adapter", 2, False),
        ("ups", "", None, True),
        ("easypost", "fedex", None, True),
        ("shippo", "fedex", None, True),
        ("edi214", "fedex", None, True),
        ("easypost", "fedex", 2, False),
    ],
)
def test_a_carriers_account_speaks_for_no_parcel_of_another_carrier(
    account: str, carrier: str, followed_by: int | None, is_heard: bool
) -> None:
    assert may_speak_for(connection(account, 1), carrier, followed_by) is is_heard


def test_no_shop_means_an_aggregator_by_the_name_of_a_carrier() -> None:
    assert carrier_slug("Ship24") == "Ship24"
    assert carrier_slug("EDI 214") == "edi214"


def test_nobody_follows_what_is_only_added_by_hand() -> None:
    assert connection_for("manual", 7, [connection("manual", 1)]) is None
