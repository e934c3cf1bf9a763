"""Documents written into an answer: their bytes, or a reason why they are none."""

from __future__ import annotations

import pytest

from carriers.download import base64_bytes


def test_a_document_in_base64_is_its_bytes() -> None:
    assert base64_bytes("JVBE\r\nRi0x") == b"%PDF-1"
    assert base64_bytes(None) == base64_bytes("") == b""
    for wrong in ("***", 1, ["JVBE"], "JVB"):
        with pytest.raises((ValueError, TypeError)):
            base64_bytes(wrong)
