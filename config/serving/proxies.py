"""Who a request comes from when a proxy stands in front: what a trusted proxy says, and nobody else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from config.env import BadEnvironment
from config.serving.bridge import Application, Message, Receive, Send
from scoring import addresses
from scoring.addresses import Network, is_address, is_in

FORWARDED_FOR = b"x-forwarded-for"
SAID_BY_PROXIES = frozenset(
    {FORWARDED_FOR, b"x-forwarded-proto", b"x-forwarded-host", b"x-real-ip", b"forwarded"}
)


def networks(words: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks such as 10.0.0.7 or 172.30.0.0/24. Raises BadEnvironment on anything else."""
    found: list[Network] = []
    for word in words:
        try:
            found += addresses.networks(word)
        except ValueError:
            raise BadEnvironment(
                f"ASSAY_TRUSTED_PROXIES has {word!r}: write addresses or networks, such as 172.30.0.0/24"
            ) from None
    return tuple(found)


def client_address(peer: str, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The nearest address that is no trusted proxy's: whoever is behind it may have written the rest.

    forwarded   the entries of X-Forwarded-For in their order: client, proxy, proxy.
    """
    address = peer
    for said in reversed(forwarded):
        if not is_in(address, trusted) or not is_address(said):
            return address
        address = said
    return address


@dataclass(frozen=True, slots=True)
class BehindProxies:
    """An ASGI application that sees the client where a trusted proxy names it.

    Without trusted proxies X-Forwarded-For counts for nothing. With them, whatever a peer that is none
    of them says of other addresses and schemes does not reach the application.
    """

    application: Application
    trusted: tuple[Network, ...]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if self.trusted and scope["type"] == "http":
            scope = self._seen(scope)
        await self.application(scope, receive, send)

    def _seen(self, scope: Message) -> Message:
        host, port = scope.get("client") or ("", 0)
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        if not is_in(host, self.trusted):
            kept = [(name, value) for name, value in headers if name.lower() not in SAID_BY_PROXIES]
            return {**scope, "headers": kept}
        said = [value for name, value in headers if name.lower() == FORWARDED_FOR]
        forwarded = [part.strip() for part in b",".join(said).decode("latin-1").split(",") if part.strip()]
        address = client_address(host, forwarded, self.trusted)
        return {**scope, "client": (address, port if address == host else 0)}
