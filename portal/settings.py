"""Environment to one frozen `Settings`; wrong or missing values stop the start with a list of what to mend."""

import base64
import binascii
import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

MIN_KEY_BYTES = 32
_PREFIX = "DOORSTEP_"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
# Names of ours that are no settings: read by single commands.
_NO_SETTINGS = re.compile(r"DOORSTEP_(TRACE|CRASH|CONNECTION_.+)")


class SettingsError(Exception):
    """What is wrong with the configuration: one line per fault, each saying how to mend it."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(BaseModel):
    """Every setting, read from `DOORSTEP_*` by `load`; docs/settings.md lists them with their meaning."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    database_url: str = Field("sqlite:///doorstep.db", description="sqlite:///FILE or postgresql://USER@HOST/NAME")
    secret_key: SecretStr = Field(description="32 random bytes, base64: encrypts carrier secrets, keys tokens")
    further_secret_keys: SecretStr = Field(
        SecretStr(""), description="comma-separated keys that still open what they sealed, while the key is rotated"
    )
    host: str = Field("127.0.0.1", description="address that `doorstep serve` listens on")
    port: int = Field(8000, ge=0, le=65535, description="port that `doorstep serve` listens on; 0 picks a free one")
    console_host: str = Field("", description="host name of the agent console; empty: every brand's host answers it")
    https: bool = Field(True, description="cookies only over HTTPS; off for a trial on one machine")
    proxies: str = Field(
        "", description="comma-separated addresses or networks of proxies whose X-Forwarded-For is believed; *: of any"
    )
    smtp_host: str = Field("localhost", description="mail relay")
    smtp_port: int = Field(25, ge=1, le=65535, description="port of the mail relay")
    smtp_user: str = Field("", description="user at the mail relay; empty: no sign-in")
    smtp_password: SecretStr = Field(SecretStr(""), description="password at the mail relay")
    smtp_tls: str = Field("starttls", pattern="^(starttls|tls|none)$", description="starttls, tls or none")
    security_contact: str = Field(
        "", description="mailto: or https: address for reports of weaknesses, in /.well-known/security.txt"
    )
    threads: int = Field(4, ge=1, le=64, description="threads per web process; four measured best")
    pdf_workers: int = Field(1, ge=1, le=16, description="processes that draw PDFs, per worker process")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning, error")
    log_format: str = Field("json", pattern="^(json|console)$", description="json or console")
    file_folders: str = Field("", description="comma-separated absolute folders that connections may take files from")
    test_carriers: bool = Field(False, description="allow carrier base URLs on this machine (the simulated carrier)")

    @field_validator("secret_key")
    @classmethod
    def _key_is_long(cls, value: SecretStr) -> SecretStr:
        _read_key(value.get_secret_value())
        return value

    @field_validator("further_secret_keys")
    @classmethod
    def _further_keys_are_long(cls, value: SecretStr) -> SecretStr:
        for key in _listed(value.get_secret_value()):
            _read_key(key)
        return value

    @field_validator("database_url")
    @classmethod
    def _database_is_known(cls, value: str) -> str:
        if value.startswith("postgres://"):
            value = "postgresql://" + value.removeprefix("postgres://")
        if not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("must start with sqlite:/// or postgresql://")
        return value

    @field_validator("console_host")
    @classmethod
    def _console_host_is_a_host(cls, value: str) -> str:
        if value and not _HOST.fullmatch(value):
            raise ValueError("must be a host name alone, such as desk.example")
        return value.lower()

    @field_validator("proxies")
    @classmethod
    def _proxies_are_addresses(cls, value: str) -> str:
        for proxy in _listed(value):
            try:
                if proxy != "*":
                    ip_network(proxy, strict=False)
            except ValueError:
                raise ValueError(f"{proxy} is no IP address or network") from None
        return value

    @field_validator("file_folders")
    @classmethod
    def _folders_are_absolute(cls, value: str) -> str:
        for folder in _listed(value):
            if not Path(folder).is_absolute() or ".." in Path(folder).parts:
                raise ValueError(f"{folder} is not an absolute path")
            if Path(folder) == Path("/"):
                raise ValueError("the whole file system cannot be allowed; name the folders")
        return value

    @field_validator("security_contact")
    @classmethod
    def _contact_is_an_address(cls, value: str) -> str:
        if value and (not value.startswith(("mailto:", "https://")) or any(ord(c) <= 0x20 for c in value)):
            raise ValueError("must be one mailto: or https:// address")
        return value

    @model_validator(mode="after")
    def _password_has_a_user(self) -> "Settings":
        if self.smtp_password.get_secret_value() and not self.smtp_user:
            raise ValueError("DOORSTEP_SMTP_PASSWORD is set but DOORSTEP_SMTP_USER is not: set both or neither")
        return self

    @property
    def key_bytes(self) -> bytes:
        """The secret key, decoded."""
        return _read_key(self.secret_key.get_secret_value())

    @property
    def file_folder_paths(self) -> tuple[Path, ...]:
        """Folders inside which files may be taken."""
        return tuple(Path(folder) for folder in _listed(self.file_folders))

    @property
    def further_key_bytes(self) -> tuple[bytes, ...]:
        """The further secret keys, decoded."""
        return tuple(_read_key(key) for key in _listed(self.further_secret_keys.get_secret_value()))


def load(**overrides: Any) -> Settings:
    """Reads the environment, where an empty value counts as none. Raises SettingsError with every fault at once."""
    named = {name: os.environ.get(_PREFIX + name.upper()) for name in Settings.model_fields}
    try:
        return Settings(**{name: value for name, value in named.items() if value} | overrides)
    except ValidationError as error:
        raise SettingsError([_fault(dict(e)) for e in error.errors()]) from None


def unknown_names() -> list[str]:
    """Variables that look like settings and are none: misspelt, or of another version."""
    known = {_PREFIX + name.upper() for name in Settings.model_fields}
    given = (name for name in os.environ if name.startswith(_PREFIX) and not _NO_SETTINGS.fullmatch(name))
    return sorted(set(given) - known)


def _read_key(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("must be base64; make one with: openssl rand -base64 32") from None
    if len(raw) < MIN_KEY_BYTES:
        raise ValueError(f"must hold {MIN_KEY_BYTES} bytes or more; make one with: openssl rand -base64 32")
    return raw


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _fault(error: dict[str, Any]) -> str:
    name = _PREFIX + "_".join(str(part) for part in error["loc"]).upper() if error["loc"] else "Settings"
    if error["type"] == "missing":
        hint = "; make one with: openssl rand -base64 32" if name == "DOORSTEP_SECRET_KEY" else ""
        return f"{name} is not set{hint}"
    return f"{name}: {error['msg'].removeprefix('Value error, ')}"


def root() -> Path:
    """Where templates/ and static/ are: inside `portal` in an installed wheel, beside the packages in a checkout."""
    here = Path(__file__).resolve().parent
    # A wheel looks at its own first: beside it another distribution may have left a folder of that name.
    return here / "_data" if (here / "_data").is_dir() else here.parent
