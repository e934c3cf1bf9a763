"""What each failure of a mail relay means, phase by phase, over real SMTP on this machine."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from portal.notify.channels.email import Email, Patience, build_mime
from portal.notify.contract import Attachment, Channel, Message, SendLater, SendNever, Sent, all_channels
from portal.notify.mailbox import breaks_a_header, clean_address, display_name, greeting_name, one_line
from portal.settings import Settings, load
from tests.conftest import SECRET_KEY
from tests.portal.notify.relay import Relay, running

QUICK = Patience(command=0.5, final_dot=0.5)
MESSAGE = Message(
    message_id="abc123@juniper.example",
    sender_name="Juniper",
    sender_email="post@juniper.example",
    recipient="ada@example.test",
    subject="Your parcel is on its way",
    text="Grüße — it has left us.\n",
    html="<p>Grüße — it has left us.</p>",
    at=datetime(2026, 11, 24, 12, tzinfo=UTC),
    reply_to="help@juniper.example",
    list_id="orders.juniper.juniper.example",
)


def settings(port: int, **more: str) -> Settings:
    return load(
        database_url="sqlite:///unused.db",
        secret_key=SECRET_KEY,
        smtp_host="127.0.0.1",
        smtp_port=port,
        **({"smtp_tls": "none"} | more),
    )


def hand_over(relay: Relay, message: Message = MESSAGE, patience: Patience = QUICK, **more: str) -> Sent:
    with Email(patience).open(settings(relay.port, **more)) as outgoing:
        return outgoing.send(message)


def test_the_channel_is_found_by_its_file() -> None:
    assert set(all_channels()) == {"email"}
    assert isinstance(all_channels()["email"], Channel)


def test_a_mail_arrives_with_both_bodies_and_all_headers() -> None:
    with running(Relay()) as relay:
        sent = hand_over(relay, replace(MESSAGE, attachments=(Attachment("l.pdf", "application/pdf", b"%PDF"),)))
    assert relay.recipients == ["ada@example.test"]
    (mail,) = relay.mails
    assert "queued as 1" in sent.provider_id
    assert mail["Message-ID"] == "<abc123@juniper.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "<orders.juniper.juniper.example>"
    assert mail["Reply-To"] == "help@juniper.example"
    assert mail["From"] == "Juniper <post@juniper.example>"
    assert mail["Date"] == "Tue, 24 Nov 2026 12:00:00 +0000"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().strip() == MESSAGE.text.strip()
    assert html.get_content().strip() == MESSAGE.html
    (file,) = mail.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("l.pdf", b"%PDF")


def test_lines_of_a_mail_stay_within_what_smtp_allows() -> None:
    with running(Relay()) as relay:
        hand_over(relay, replace(MESSAGE, text="ü" * 5000 + "\n.\n", html="<p>" + "x" * 5000 + "</p>"))
    assert max(len(line) for line in relay.raw[0].split(b"\r\n")) <= 998
    body = relay.mails[0].get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["ü" * 5000, "."]


def test_one_connection_carries_a_batch() -> None:
    with running(Relay()) as relay, Email(QUICK).open(settings(relay.port)) as outgoing:
        for number in range(5):
            outgoing.send(replace(MESSAGE, message_id=f"{number}@juniper.example"))
    assert (relay.connections, len(relay.raw)) == (1, 5)


def test_after_a_refusal_and_after_a_lost_connection_the_next_mail_still_goes() -> None:
    with running(Relay(rcpt="550 5.1.1 no such user")) as relay, Email(QUICK).open(settings(relay.port)) as outgoing:
        with pytest.raises(SendNever):
            outgoing.send(MESSAGE)
        relay.rcpt, relay.drop = "", "before dot"
        with pytest.raises(SendLater):
            outgoing.send(MESSAGE)
        relay.drop = ""
        outgoing.send(MESSAGE)
    assert (relay.connections, len(relay.raw)) == (2, 1)


@pytest.mark.parametrize(
    ("relay", "channel_wide"),
    [
        pytest.param(Relay(ehlo="421 4.3.2 closing"), True, id="421 at EHLO"),
        pytest.param(Relay(mail="421 4.3.2 closing"), True, id="421 at MAIL"),
        pytest.param(Relay(mail="451 4.3.0 try again"), False, id="451 at MAIL"),
        pytest.param(Relay(mail="530 5.7.0 authentication required"), True, id="530 at MAIL"),
        pytest.param(Relay(rcpt="450 4.2.1 mailbox busy"), False, id="450 at RCPT"),
        pytest.param(Relay(data="452 4.3.1 out of room"), False, id="452 after the dot"),
        pytest.param(Relay(drop="before dot"), False, id="connection lost before the dot"),
        pytest.param(Relay(drop="after dot"), False, id="connection lost after the dot"),
        pytest.param(Relay(silent=True), False, id="silence at MAIL"),
    ],
)
def test_what_may_pass_is_tried_later(relay: Relay, channel_wide: bool) -> None:
    with running(relay), pytest.raises(SendLater) as later:
        hand_over(relay)
    assert later.value.channel_wide is channel_wide
    assert str(later.value).startswith("mail relay:") is channel_wide


@pytest.mark.parametrize(
    ("relay", "bounced"),
    [
        pytest.param(Relay(mail="550 5.1.8 bad sender"), False, id="550 at MAIL"),
        pytest.param(Relay(rcpt="550 5.1.1 no such user"), True, id="550 at RCPT"),
        pytest.param(Relay(rcpt="554 5.7.1 relay access denied"), False, id="5.7.1 at RCPT is policy, not the address"),
        pytest.param(Relay(data="552 5.3.4 too big"), False, id="552 after the dot"),
        pytest.param(Relay(data="554 5.6.0 looks like spam"), False, id="554 after the dot"),
    ],
)
def test_what_waiting_cannot_help_is_never_tried_again(relay: Relay, bounced: bool) -> None:
    with running(relay), pytest.raises(SendNever) as never:
        hand_over(relay)
    assert never.value.bounced is bounced
    assert str(never.value).startswith("bounced:") is bounced


def test_the_recipients_address_is_not_repeated_in_an_error() -> None:
    relay = Relay(rcpt="550 5.1.1 <ada@example.test> unknown")
    with running(relay), pytest.raises(SendNever, match="recipient") as never:
        hand_over(relay)
    assert "ada" not in str(never.value)


def test_a_relay_that_is_not_there_is_the_channels_trouble() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: refused
        with pytest.raises(SendLater) as later:
            hand_over(Relay(port=taken.getsockname()[1]))
    assert later.value.channel_wide


def test_without_starttls_nothing_is_sent_in_clear() -> None:
    with running(Relay()) as relay, pytest.raises(SendLater, match="STARTTLS") as later:
        hand_over(relay, smtp_tls="starttls")
    assert later.value.channel_wide
    assert relay.recipients == []


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "relay.pem"
    kind = serialization.PrivateFormat.PKCS8
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
    )
    return path


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with running(Relay(), context) as relay, pytest.raises(SendLater) as later:
        hand_over(relay, smtp_tls="starttls")
    assert later.value.channel_wide
    assert relay.recipients == []


def test_over_starttls_a_mail_goes_through(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    trusting.check_hostname = False
    channel = Email(QUICK, trusting)
    with running(Relay(), context) as relay, channel.open(settings(relay.port, smtp_tls="starttls")) as outgoing:
        outgoing.send(MESSAGE)
    assert len(relay.raw) == 1


def test_a_wrong_password_is_the_channels_trouble_and_a_right_one_signs_in() -> None:
    slow = Patience(command=10)  # the relay takes its time over a wrong password
    with running(Relay(password="right")) as relay:
        with pytest.raises(SendLater, match="sign-in") as later:
            hand_over(relay, patience=slow, smtp_user="shop", smtp_password="wrong")
        hand_over(relay, smtp_user="shop", smtp_password="right")
    assert later.value.channel_wide
    assert "wrong" not in str(later.value)
    assert len(relay.raw) == 1


INJECTIONS = [
    "x\r\nBcc: eve@example.test",
    "x\nBcc: eve@example.test",
    "x\rBcc: eve@example.test",
    "x\x00y",
    "x\x0b",
    "x\x85Bcc: eve@example.test",
    "x\u2028Bcc: eve@example.test",
    "x\r\n\r\n<script>",
]
FIELDS = ["subject", "sender_name", "sender_email", "recipient", "reply_to", "list_id", "message_id"]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("payload", INJECTIONS)
def test_a_line_break_never_gets_into_a_header(field: str, payload: str) -> None:
    fields: dict[str, Any] = {field: payload}
    with pytest.raises(SendNever):
        build_mime(replace(MESSAGE, **fields))


def test_a_line_break_in_a_file_name_is_refused() -> None:
    with pytest.raises(SendNever):
        build_mime(replace(MESSAGE, attachments=(Attachment("a\r\nX: y", "application/pdf", b""),)))


def test_two_recipients_in_one_address_are_none() -> None:
    for address in ("ada@example.test, eve@example.test", "ada@example.test>,<eve@example.test", '"a b"@example.test'):
        with pytest.raises(SendNever):
            build_mime(replace(MESSAGE, recipient=address))


@given(st.text())
def test_no_subject_or_name_adds_a_header(text: str) -> None:
    message = replace(MESSAGE, subject=text, sender_name=text)
    if breaks_a_header(text):
        with pytest.raises(SendNever):
            build_mime(message)
        return
    head, _, _ = build_mime(message).partition(b"\r\n\r\n")
    names = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert len(names) == len(set(names)) == 10


def test_a_mailbox_outside_ascii_needs_a_relay_that_can() -> None:
    message = replace(MESSAGE, recipient="ädä@example.test")
    with running(Relay()) as relay:
        hand_over(relay, message)
    with running(Relay(utf8=False)) as old, pytest.raises(SendNever, match="ASCII"):
        hand_over(old, message)
    assert old.recipients == []
    assert relay.recipients == ["ädä@example.test"]


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("ada@example.test", "ada@example.test"),
        (" ada@EXAMPLE.test ", "ada@example.test"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada+tag@example.test", "ada+tag@example.test"),
        ("ada", ""),
        ("@example.test", ""),
        ("ada@", ""),
        ("ada@-x.test", ""),
        ("ada@a..b", ""),
        (".ada@example.test", ""),
        ("a b@example.test", ""),
        ("a\nb@example.test", ""),
        ("<ada@example.test>", ""),
        ("x" * 65 + "@example.test", ""),
        ("ada@" + "x" * 64 + ".test", ""),
        ("", ""),
    ],
)
def test_addresses_that_smtp_may_carry(written: str, clean: str) -> None:
    assert clean_address(written) == clean


@given(st.text())
def test_an_address_is_clean_once_and_for_all(text: str) -> None:
    clean = clean_address(text)
    assert clean_address(clean) == clean
    assert not breaks_a_header(clean)


@given(st.text(max_size=400))
def test_words_from_outside_fit_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line) <= 120
    assert not breaks_a_header(line)
    assert len(display_name(text)) <= 78


@pytest.mark.parametrize(
    ("name", "greeting"),
    [
        ("Ada Larch", "Ada"),
        ("Jean-Luc D’Arc", "Jean-Luc"),
        ("Ида", "Ида"),
        ("", ""),
        ("https://evil.example win money", ""),
        ("WIN1000", ""),
        ("evil.example Ada", ""),
        ("Ada\r\nBcc: eve@example.test", "Ada"),
        ("A" * 200, ""),
    ],
)
def test_only_what_looks_like_a_name_is_used_to_greet(name: str, greeting: str) -> None:
    assert greeting_name(name) == greeting


def test_the_channel_says_nothing_of_a_person_in_its_repr() -> None:
    show: Callable[[object], str] = repr
    assert "ada" not in show(MESSAGE)
