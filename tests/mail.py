"""SMTP servers on real sockets: one that takes mail, and some that behave as servers should not."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from registry import smtp


@dataclass
class Box:
    """What a server took, and how it answers: `refuses` maps an address to the line it is refused with."""

    taken: list[EmailMessage] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it by this name
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.encrypted.append(session.ssl is not None)
        parsed = message_from_bytes(cast("bytes", envelope.content), policy=policy.SMTP)
        parsed["X-Envelope-To"] = ",".join(envelope.rcpt_tos)
        self.taken.append(cast("EmailMessage", parsed))
        return "250 taken"


@contextmanager
def taking(**options: Any) -> Iterator[tuple[Box, smtp.Server]]:
    """A server that takes everything that its box does not refuse."""
    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield box, smtp.Server("127.0.0.1", controller.port)
    finally:
        controller.stop()


@contextmanager
def saying(*lines: bytes) -> Iterator[smtp.Server]:
    """A server that says these lines one after another, each for a line of the client, and then nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=_say, args=(listening, lines), daemon=True)
        thread.start()
        yield smtp.Server("127.0.0.1", listening.getsockname()[1], silent_s=0.5, altogether_s=1.5)
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _say(listening: socket.socket, lines: tuple[bytes, ...]) -> None:
    with suppress(OSError):
        while True:
            line, _ = listening.accept()
            with line, line.makefile("rb") as heard, suppress(OSError):
                for said in lines:
                    line.sendall(said)
                    while heard.readline().rstrip() != b"." and said.startswith(b"354"):
                        pass
                while heard.readline():
                    pass


@contextmanager
def dripping() -> Iterator[smtp.Server]:
    """A server that is never silent and never done: a character of its greeting every now and then."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            with suppress(OSError):
                line, _ = listening.accept()
                with line:
                    line.settimeout(0.05)
                    while True:
                        line.sendall(b"2")
                        with suppress(TimeoutError):
                            if not line.recv(1):
                                return

        thread = Thread(target=drip, daemon=True)
        thread.start()
        yield smtp.Server("127.0.0.1", listening.getsockname()[1], silent_s=5, altogether_s=0.3)
        listening.close()
        thread.join(5)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for 127.0.0.1, and the file by which clients trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail of a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / "cert.pem", folder / "key.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return context, trusted


def password_of(user: bytes, password: bytes) -> Any:
    """An authenticator that lets one user in."""

    def judge(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (user, password), handled=False)

    return judge
