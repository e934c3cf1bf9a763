"""How tracking numbers are compared: one normal form for imports, carriers' answers and search."""

import unicodedata


def tracking_key(number: str) -> str:
    """Capitals and digits only, full-width forms folded: "1z 999-aa1" is "1Z999AA1". Empty for nothing."""
    plain = unicodedata.normalize("NFKC", number).upper()
    return "".join(c for c in plain if c.isalnum())
