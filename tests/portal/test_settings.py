"""Settings come from the environment, and every fault of them is told at once."""

import os

import pytest

from portal.settings import SettingsError, load
from tests.conftest import SECRET_KEY


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DOORSTEP_")]:
        monkeypatch.delenv(name)


def test_values_are_read_from_the_environment_as_their_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORSTEP_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("DOORSTEP_PORT", "8080")
    monkeypatch.setenv("DOORSTEP_HTTPS", "false")
    settings = load()
    assert (settings.port, settings.https) == (8080, False)
    assert settings.smtp_host == "localhost", "what is not set has its default"


def test_an_empty_value_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORSTEP_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("DOORSTEP_PORT", "")
    assert load().port == 8000


def test_what_is_handed_in_outweighs_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORSTEP_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("DOORSTEP_PORT", "8080")
    assert load(port=0).port == 0


def test_every_fault_is_told_at_once_by_the_name_it_is_set_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORSTEP_PORT", "many")
    monkeypatch.setenv("DOORSTEP_SMTP_TLS", "perhaps")
    monkeypatch.setenv("DOORSTEP_DATABASE_URL", "mysql://shop")
    with pytest.raises(SettingsError) as told:
        load()
    named = sorted(fault.split()[0].rstrip(":") for fault in told.value.faults)
    assert named == ["DOORSTEP_DATABASE_URL", "DOORSTEP_PORT", "DOORSTEP_SECRET_KEY", "DOORSTEP_SMTP_TLS"]


def test_no_fault_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORSTEP_SECRET_KEY", "not-base64-but-secret")
    with pytest.raises(SettingsError) as told:
        load()
    assert "not-base64-but-secret" not in str(told.value)
