"""One small world: brands Juniper and Basalt, their shoppers Ada and Bo, their agents Kim and Lou."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from argon2 import PasswordHasher
from sqlmodel import Session

from portal.app import App
from portal.tables import (
    Agent,
    Brand,
    Connection,
    Customer,
    HowTo,
    Order,
    OrderLine,
    PolicyVersion,
    Product,
    Shipment,
    ShipmentItem,
)

PASSWORD = "a long pass phrase for tests"
HOOK_SECRET = "northpost hook secret"
POLICY: dict[str, Any] = {
    "version": 1,
    "rules": [
        {"rule": "window", "options": {"days": 30}},
        {"rule": "final_sale", "options": {}},
        {"rule": "quantity", "options": {}},
    ],
}
# Cheap on purpose: the tests sign in hundreds of times and test our code, not argon2.
_QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(frozen=True)
class World:
    """Rows as they were written; read them again from the database to see changes."""

    juniper: Brand
    basalt: Brand
    order: Order  # Ada's J-1001 at Juniper: a tent, two mugs; two parcels
    other_order: Order  # Bo's order at Basalt, with the same number
    lines: tuple[OrderLine, ...]
    shipments: tuple[Shipment, ...]
    other_shipment: Shipment
    connection: Connection
    kim: Agent  # Juniper
    lou: Agent  # Basalt
    sam: Agent  # every brand


def make_world(app: App) -> World:
    """Writes the world into an empty, migrated database."""
    with app.db.transaction() as tx:
        world = _write(tx, app)
    app.brands.forget()
    return world


def _write(tx: Session, app: App) -> World:
    juniper, basalt = (_brand(tx, app, slug) for slug in ("juniper", "basalt"))
    connection = _connection(tx, app)
    for brand in (juniper, basalt):
        brand.label_connection_id = connection.id
    order, lines = _order(tx, app, juniper, "ada@example.test", "CA12 5DJ", "Ada Larch")
    other, other_lines = _order(tx, app, basalt, "bo@example.test", "10115", "Bo Stein")
    first = _shipment(tx, app, order, connection, "NP447109260GB", [(lines[0], 1)])
    second = _shipment(tx, app, order, connection, "NP447109261GB", [(lines[1], 2)])
    third = _shipment(tx, app, other, connection, "NP447109262GB", [(other_lines[0], 1), (other_lines[1], 2)])
    agents = [_agent(tx, app, *who) for who in (("kim", juniper), ("lou", basalt), ("sam", None))]
    return World(juniper, basalt, order, other, lines, (first, second), third, connection, *agents)


def _brand(tx: Session, app: App, slug: str) -> Brand:
    brand = Brand(
        slug=slug,
        name=slug.capitalize(),
        origin=f"http://{slug}.test",
        host=f"{slug}.test",
        theme={"primary": "#0f5c55", "accent": "#e8843c", "radius": 10, "tone": "paper", "density": 1},
        voice={"hello": f"Where is your {slug.capitalize()} parcel?", "hello_sub": "Find it, or send something back."},
        links={"shop": f"https://{slug}.example"},
        support={"email": f"help@{slug}.example", "phone": "+44 20 7946 0000", "hours": "Every day, 8 am to 8 pm"},
        sender_name=slug.capitalize(),
        sender_email=f"post@{slug}.example",
        reply_to=f"help@{slug}.example",
        zone="Europe/London",
        return_address={
            "name": f"{slug.capitalize()} returns",
            "lines": ["Unit 4, Tithe Yard"],
            "city": "Penrith",
            "postcode": "CA11 9GN",
            "country": "GB",
        },
        created_at=app.now(),
    )
    tx.add(brand)
    tx.flush()
    tx.add(PolicyVersion(brand_id=_id(brand), version=1, body=POLICY, created_at=app.now()))
    tx.add(
        HowTo(
            brand_id=_id(brand),
            slug="pitch",
            title="Pitch your Cairn 2 in four minutes",
            summary="4 min read",
            minutes=4,
            markdown="## Poles first\n\nLay them out.",
            skus=["TENT-2-MOSS"],
            updated_at=app.now(),
        )
    )
    for sku, variant, price, stock in (
        ("MUG-350", "350 ml", 1450, 40),
        ("MUG-500", "500 ml", 1750, 3),
        ("MUG-750", "750 ml", 1950, 0),
        ("TENT-2-MOSS", "Moss", 32900, 5),
        ("TENT-2-SAND", "Sand", 32900, 5),
    ):
        title, group = ("Fell enamel mug", "mug") if sku.startswith("MUG") else ("Cairn 2 tent", "tent")
        tx.add(
            Product(
                brand_id=_id(brand),
                sku=sku,
                group_key=group,
                title=title,
                variant=variant,
                price_minor=price,
                currency="GBP",
                stock=stock,
            )
        )
    return brand


def _connection(tx: Session, app: App) -> Connection:
    connection = Connection(carrier="northpost", name="Northpost", created_at=app.now())
    tx.add(connection)
    tx.flush()
    secrets = {"api_key": "np_test_key", "webhook_secret": HOOK_SECRET}
    connection.secrets = app.keys.seal(secrets, f"connection:{connection.id}:secrets")
    return connection


def _order(
    tx: Session, app: App, brand: Brand, email: str, postcode: str, name: str
) -> tuple[Order, tuple[OrderLine, ...]]:
    customer = Customer(brand_id=_id(brand), email=email, name=name, created_at=app.now())
    tx.add(customer)
    tx.flush()
    order = Order(
        brand_id=_id(brand),
        customer_id=customer.id,
        number="J-1001",
        number_key="J1001",
        email=email,
        postcode_key=postcode.replace(" ", ""),
        ship_to={
            "name": name,
            "lines": ["14 Sandgate Row"],
            "city": "Keswick",
            "postcode": postcode,
            "country": "GB",
        },
        currency="GBP",
        items_minor=32900 + 2 * 1450,
        discount_minor=3580,
        shipping_minor=495,
        tax_included=True,
        tax_minor=5452,
        total_minor=32900 + 2900 - 3580 + 495,
        captured_minor=32900 + 2900 - 3580 + 495,
        stage="shipped",
        placed_at=app.now() - timedelta(days=5),
        promised_from=date(2026, 11, 24),
        promised_to=date(2026, 11, 25),
        source="json",
        source_id=f"{brand.slug}-1001",
        payment_hint="Visa ending 4242",
        created_at=app.now(),
        updated_at=app.now(),
    )
    tx.add(order)
    tx.flush()
    tent = OrderLine(
        order_id=_id(order),
        source_id="1",
        position=0,
        sku="TENT-2-MOSS",
        title="Cairn 2 tent",
        variant="Moss",
        quantity=1,
        unit_price_minor=32900,
        discount_minor=3290,
        tax_minor=4935,
        grams=2100,
    )
    mugs = OrderLine(
        order_id=_id(order),
        source_id="2",
        position=1,
        sku="MUG-350",
        title="Fell enamel mug",
        variant="350 ml",
        quantity=2,
        unit_price_minor=1450,
        discount_minor=290,
        tax_minor=435,
        grams=180,
    )
    tx.add_all([tent, mugs])
    tx.flush()
    return order, (tent, mugs)


def _shipment(
    tx: Session, app: App, order: Order, connection: Connection, number: str, items: list[tuple[OrderLine, int]]
) -> Shipment:
    shipment = Shipment(
        brand_id=order.brand_id,
        order_id=_id(order),
        connection_id=connection.id,
        carrier="northpost",
        number=number,
        number_key=number,
        to_country="GB",
        to_zone="Europe/London",
        promised_from=order.promised_from,
        promised_to=order.promised_to,
        next_at=app.now(),
        created_at=app.now(),
        updated_at=app.now(),
    )
    tx.add(shipment)
    tx.flush()
    for line, quantity in items:
        tx.add(ShipmentItem(shipment_id=_id(shipment), order_line_id=_id(line), quantity=quantity))
    return shipment


def _agent(tx: Session, app: App, name: str, brand: Brand | None) -> Agent:
    agent = Agent(
        email=f"{name}@doorstep.test",
        name=name.capitalize(),
        password_hash=_QUICK.hash(PASSWORD),
        brand_id=brand.id if brand else None,
        created_at=app.now(),
    )
    tx.add(agent)
    tx.flush()
    return agent


def _id(row: Any) -> int:
    return int(row.id)
