"""What the demo's two invented shops sell, say and allow, and the orders that show every state of a parcel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

WAREHOUSE: Final = {
    "tarnwick": {
        "name": "Tarnwick returns",
        "lines": ["Unit 4, Tithe Yard"],
        "city": "Penrith",
        "postcode": "CA11 9GN",
        "country": "GB",
        "phone": "+44 20 7946 0123",
    },
    "noctuelle": {
        "name": "Noctuelle, retours",
        "lines": ["Atelier 2, Halle aux Tilleuls"],
        "city": "Amiens",
        "postcode": "80000",
        "country": "FR",
        "phone": "+33 1 99 00 12 34",
    },
}

BRANDS: Final[dict[str, dict[str, Any]]] = {
    "tarnwick": {
        "name": "Tarnwick",
        "host": "localhost",
        "theme": {
            "logo": "tarnwick",
            "primary": "#0f5c55",
            "accent": "#e8843c",
            "font_pair": "archivo",
            "radius": 10,
            "tone": "paper",
            "density": 1,
            "hero": "outdoor",
        },
        "voice": {
            "hello": "Where’s your kit?",
            "hello_sub": "Follow your parcel, or send something back.",
        },
        "links": {
            "shop": "https://tarnwick.example",
            "policy": "https://tarnwick.example/returns",
            "privacy": "https://tarnwick.example/privacy",
        },
        "support": {
            "email": "help@tarnwick.example",
            "phone": "+44 20 7946 0123",
            "hours": "People reply every day, 8 am to 8 pm UK time.",
            "reply_time": "within an hour",
        },
        "sender_name": "Tarnwick",
        "sender_email": "post@tarnwick.example",
        "reply_to": "help@tarnwick.example",
        "zone": "Europe/London",
        "locale": "en_GB",
        "sheet": "a4",
        "policy": [
            {"rule": "window", "options": {"days": 30, "grace_days": 2}},
            {"rule": "final_sale", "options": {"tags": ["final-sale"]}},
            {"rule": "quantity", "options": {}},
        ],
    },
    "noctuelle": {
        "name": "Noctuelle",
        "host": "127.0.0.1",
        "theme": {
            "logo": "noctuelle",
            "primary": "#c9a47a",
            "accent": "#e7d3b8",
            "font_pair": "cormorant",
            "radius": 0,
            "tone": "night",
            "density": 1.15,
            "hero": "night",
        },
        "voice": {
            "hello": "Your evening, on its way",
            "hello_sub": "Follow your parcel, or arrange a return.",
        },
        "links": {
            "shop": "https://noctuelle.example",
            "policy": "https://noctuelle.example/returns",
            "privacy": "https://noctuelle.example/privacy",
        },
        "support": {
            "email": "maison@noctuelle.example",
            "hours": "The atelier answers Monday to Saturday.",
            "reply_time": "within a day",
        },
        "sender_name": "Noctuelle",
        "sender_email": "post@noctuelle.example",
        "reply_to": "maison@noctuelle.example",
        "zone": "Europe/Paris",
        "locale": "en_GB",
        "sheet": "a4",
        "policy": [
            {"rule": "window", "options": {"days": 14}},
            {"rule": "final_sale", "options": {"tags": ["final-sale", "opened"]}},
            {"rule": "quantity", "options": {}},
        ],
    },
}

# sku, group, title, variant, price, stock, tags, picture
PRODUCTS: Final[dict[str, list[tuple[str, str, str, str, str, int, str, str]]]] = {
    "tarnwick": [
        ("TENT-2-MOSS", "tent", "Cairn 2 tent", "2-person, Moss", "329.00", 8, "tents", "tent"),
        ("TENT-2-SAND", "tent", "Cairn 2 tent", "2-person, Sand", "329.00", 3, "tents", "tent"),
        ("TENT-3-MOSS", "tent", "Cairn 3 tent", "3-person, Moss", "389.00", 5, "tents", "tent"),
        ("STOVE-EMBER", "stove", "Ember gas stove", "230 g cartridge not included", "84.95", 14, "stoves", "stove"),
        ("JACKET-S-SPR", "jacket", "Rime down jacket", "Size S, Spruce", "189.00", 4, "down", "jacket"),
        ("JACKET-M-SPR", "jacket", "Rime down jacket", "Size M, Spruce", "189.00", 9, "down", "jacket"),
        ("JACKET-L-SPR", "jacket", "Rime down jacket", "Size L, Spruce", "189.00", 6, "down", "jacket"),
        ("JACKET-XL-SPR", "jacket", "Rime down jacket", "Size XL, Spruce", "194.00", 0, "down", "jacket"),
        ("MUG-350", "mug", "Fell enamel mug", "350 ml", "14.50", 60, "mugs", "mug"),
        ("MUG-500", "mug", "Fell enamel mug", "500 ml", "16.50", 41, "mugs", "mug"),
        ("MAT-REG", "mat", "Drift sleeping mat", "Regular", "74.00", 12, "mats", "mat"),
        ("PEGS-6", "pegs", "Snow and sand pegs", "Set of 6", "18.00", 25, "final-sale|pegs", "pegs"),
    ],
    "noctuelle": [
        ("SERUM-15", "serum", "Veilleuse night serum", "15 ml", "76.00", 7, "serums", "serum"),
        ("SERUM-30", "serum", "Veilleuse night serum", "30 ml", "128.00", 11, "serums", "serum"),
        ("SERUM-50", "serum", "Veilleuse night serum", "50 ml", "187.00", 4, "serums", "serum"),
        ("BALM-100", "balm", "Cendre cleansing balm", "100 ml", "54.00", 16, "balms", "tube"),
        ("EYE-15", "eye", "Lune eye cream", "15 ml", "92.00", 9, "creams", "jar"),
        ("CLOTH-2", "cloth", "Muslin cloth", "Unbleached cotton, set of 2", "16.00", 30, "final-sale|cloths", "cloth"),
    ],
}

# slug, title, summary, minutes, skus, tags; the text is articles/<slug>.md
ARTICLES: Final[dict[str, list[tuple[str, str, str, int, list[str], list[str]]]]] = {
    "tarnwick": [
        ("pitch-cairn", "Pitch your Cairn in four minutes", "Poles first, then the windward end", 4, [], ["tents"]),
        (
            "first-burn",
            "First burn: a safe start with Ember",
            "Outdoors, level, and checked for leaks",
            2,
            [],
            ["stoves"],
        ),
        ("down-care", "Keep down lofty: wash and store", "Once a year, and never compressed", 3, [], ["down"]),
        ("enamel-care", "Enamel that outlives you", "Chips, tea stains and open fire", 1, [], ["mugs"]),
    ],
    "noctuelle": [
        ("seven-nights", "Your first seven nights with Veilleuse", "A short evening ritual", 3, [], ["serums"]),
        ("using-cendre", "Warm, melt, rinse: using Cendre", "One minute is enough", 2, [], ["balms"]),
        ("using-lune", "Where and how little to apply", "A grain of rice for both eyes", 1, [], ["creams"]),
    ],
}


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel of a sample order: a script of the simulated carrier, begun so long ago."""

    script: str
    begun: timedelta
    items: dict[str, int]  # SKU -> units


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample order. `shows` is what the demo prints of it, empty for those that only fill the console."""

    brand: str
    number: int
    placed: timedelta
    shopper: tuple[str, str]  # name, e-mail
    ship_to: dict[str, Any]
    lines: dict[str, int]  # SKU -> units
    parcels: tuple[Parcel, ...] = ()
    shows: str = ""
    stage: str = ""
    promised_days: tuple[int, int] = (2, 4)  # after placing
    discount_percent: int = 0
    currency: str = "GBP"
    shipping: str = "0.00"
    payment: str = "Card ending 4242"


_KESWICK = {"lines": ["14 Sandgate Row"], "city": "Keswick", "postcode": "CA12 5DJ", "country": "GB"}
_LEEDS = {"lines": ["Flat 3", "88 Sample Street"], "city": "Leeds", "postcode": "LS1 4AP", "country": "GB"}
_BERLIN = {"lines": ["Musterweg 7"], "city": "Berlin", "postcode": "10115", "country": "DE"}
_LYON = {"lines": ["9 rue de l’Exemple"], "city": "Lyon", "postcode": "69002", "country": "FR"}
_ROBIN = ("Robin Marlow", "robin@example.com")
_SAM = ("Sam Okafor", "sam@example.com")
_ALEX = ("Alex Lindqvist", "alex@example.com")
_COLETTE = ("Colette Aubert", "colette@example.com")


def _hours(n: float) -> timedelta:
    return timedelta(hours=n)


SAMPLES: Final = (
    Sample(
        "tarnwick",
        1,
        _hours(44),
        _ROBIN,
        _KESWICK,
        {"TENT-2-MOSS": 1, "STOVE-EMBER": 1, "JACKET-M-SPR": 1, "MUG-350": 2},
        (
            Parcel("on_time", _hours(20), {"TENT-2-MOSS": 1, "STOVE-EMBER": 1}),
            Parcel("on_time", _hours(5.5), {"JACKET-M-SPR": 1, "MUG-350": 2}),
        ),
        shows="on its way in two parcels",
        promised_days=(3, 4),
        discount_percent=10,
    ),
    Sample(
        "tarnwick",
        2,
        _hours(94),
        _SAM,
        _LEEDS,
        {"JACKET-S-SPR": 1, "MAT-REG": 1},
        (Parcel("late", _hours(62), {"JACKET-S-SPR": 1, "MAT-REG": 1}),),
        shows="delayed",
        promised_days=(2, 2),
        shipping="4.95",
    ),
    Sample(
        "tarnwick",
        3,
        _hours(7 * 24),
        _ALEX,
        _BERLIN,
        {"JACKET-M-SPR": 1, "MUG-350": 2, "PEGS-6": 1},
        (Parcel("on_time", _hours(6 * 24), {"JACKET-M-SPR": 1, "MUG-350": 2, "PEGS-6": 1}),),
        shows="delivered, can be sent back",
        promised_days=(2, 4),
        discount_percent=10,
        shipping="8.90",
    ),
    Sample("tarnwick", 4, _hours(9), _SAM, _LEEDS, {"TENT-3-MOSS": 1, "PEGS-6": 1}, stage="packed"),
    Sample(
        "tarnwick",
        5,
        _hours(11 * 24),
        _ROBIN,
        _KESWICK,
        {"MAT-REG": 2},
        (Parcel("lost", _hours(10 * 24), {"MAT-REG": 2}),),
    ),
    Sample(
        "tarnwick",
        6,
        _hours(6 * 24 + 3),
        _ALEX,
        _BERLIN,
        {"STOVE-EMBER": 1},
        (Parcel("silent", _hours(6 * 24), {"STOVE-EMBER": 1}),),
    ),
    Sample(
        "noctuelle",
        7,
        _hours(30),
        _COLETTE,
        _LYON,
        {"SERUM-30": 1, "BALM-100": 1, "CLOTH-2": 1},
        (Parcel("on_time", _hours(20), {"SERUM-30": 1, "BALM-100": 1, "CLOTH-2": 1}),),
        shows="on its way, at the second brand",
        currency="EUR",
        promised_days=(2, 4),
    ),
    Sample(
        "noctuelle",
        8,
        _hours(4 * 24),
        _COLETTE,
        _LYON,
        {"EYE-15": 1},
        (Parcel("pickup_point", _hours(3 * 24 + 1), {"EYE-15": 1}),),
        currency="EUR",
        promised_days=(3, 6),
    ),
)
