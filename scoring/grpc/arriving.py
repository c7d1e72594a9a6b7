"""Calls whose one message is still on its way: how long it may take, and how many there may be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NoReturn, Protocol

from scoring.addresses import Network, household, is_in
from scoring.crowd import Crowd
from scoring.errors import BadRequest, Overloaded, RequestTimeout


class _Call:
    def __init__(self, deadline: asyncio.Timeout, since: float) -> None:
        self._deadline, self._since = deadline, since
        self.is_sent_away = False

    def silence(self) -> tuple[bool, float] | None:
        return None if self.is_sent_away else (False, self._since)

    def send_away(self) -> None:
        self.is_sent_away = True
        self._deadline.reschedule(self._since)


class Context(Protocol):
    """A call, as far as it is used here: grpc's own types are unknown to the type checker."""

    def peer(self) -> str: ...

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]] | None: ...

    def set_trailing_metadata(self, trailing: tuple[tuple[str, str], ...]) -> None: ...

    async def abort(self, code: object, details: str, trailing: tuple[tuple[str, str], ...]) -> NoReturn: ...


class Arrivals:
    """Where too many have begun and say nothing more, the one that did so first goes, of whoever has most."""

    def __init__(self, most: int, seconds: float, proxies: Sequence[Network] = ()) -> None:
        self._proxies = proxies
        self._calls: Crowd[_Call] = Crowd(most, max(1, most // 2))
        self._seconds = seconds

    async def message(self, messages: AsyncIterator[bytes], context: Context) -> bytes:
        """The call's message. Raises RequestTimeout, Overloaded if it had to go, BadRequest without one."""
        host = _host(context.peer())
        address, is_proxy = household(host), is_in(host, self._proxies)
        since = asyncio.get_running_loop().time()
        deadline = asyncio.timeout(self._seconds)
        call = _Call(deadline, since)
        try:
            async with deadline:
                if not self._calls.enter(call, address, proxy=is_proxy):
                    raise _too_many()
                return await anext(messages)
        except TimeoutError:
            if call.is_sent_away:
                raise _too_many() from None
            raise RequestTimeout("the message did not arrive in time") from None
        except StopAsyncIteration:
            raise BadRequest("the call has no message") from None
        finally:
            self._calls.leave(call, address)


def _host(peer: str) -> str:
    """ipv4:192.0.2.1:5000, ipv6:[2001:db8::1]:5000 or ipv6:%5B2001:db8::1%5D:5000, without kind and port."""
    host = peer.partition(":")[2].rpartition(":")[0]
    return host.replace("%5B", "").replace("%5D", "").strip("[]")


def _too_many() -> Overloaded:
    return Overloaded("too many calls have begun here and not come in whole: come again in a second")
