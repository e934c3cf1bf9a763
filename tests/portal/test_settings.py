"""Settings come from the environment, and every fault of them is told at once."""

import os

import pytest

from portal.settings import SettingsError, load, unknown_names
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


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PROXIES", "10.0.0.1, proxy.example", "proxy.example is no IP address or network"),
        ("CONSOLE_HOST", "https://desk.example/", "must be a host name alone"),
        ("CONSOLE_HOST", "desk.example:8000", "must be a host name alone"),
    ],
)
def test_what_would_never_match_a_request_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv("DOORSTEP_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv(f"DOORSTEP_{name}", value)
    with pytest.raises(SettingsError, match=words):
        load()


def test_addresses_and_networks_of_proxies_and_a_host_in_any_case_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORSTEP_SECRET_KEY", SECRET_KEY)
    for proxies in ("127.0.0.1", "10.0.0.0/8, ::1", "*"):
        monkeypatch.setenv("DOORSTEP_PROXIES", proxies)
        assert load().proxies == proxies
    assert load(console_host="Desk.Example").console_host == "desk.example"


def test_names_that_are_no_settings_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOORSTEP_SMPT_HOST", "DOORSTEP_TRACE", "DOORSTEP_CONNECTION_API_KEY", "DOORSTEP_PORT"):
        monkeypatch.setenv(name, "x")
    assert unknown_names() == ["DOORSTEP_SMPT_HOST"]
