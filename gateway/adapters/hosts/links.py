"""The connections to one target: made, checked, kept, closed.

1. Connecting is a phase of its own, with its own time and before any byte of a request: every way it can end badly is `NotSent`.
2. The resolved address is checked against the declared networks, and that address is the one connected to. Certificates are always verified.
3. A kept connection is given out only after the end-of-file check; one that is not fit is destroyed, and the next is tried.
4. A target of mode `none` gets a fresh connection for every request.
"""

import asyncio
import socket
import ssl
from typing import Final

from gateway.adapters.hosts.addresses import is_address, is_allowed, parse_networks
from gateway.adapters.hosts.link import Link
from gateway.adapters.hosts.spec import HttpHostSpec, origin_of
from gateway.domain.host_answer import NotSent, NotSentWhy

_ADDRESSES_MAX: Final = 4  # of one name, tried in the resolver's order
_DETAIL_CHARS_MAX: Final = 200


class Links:
    """At most `pool_max` connections at once. `take` one, `give` it back, always."""

    def __init__(self, spec: HttpHostSpec) -> None:
        """Raises ValueError when the CA file cannot be used."""
        self._origin = origin_of(spec)
        self._networks = parse_networks(spec.networks)
        self._tls = _tls_context(spec) if self._origin.tls else None
        self._connect_timeout_s = spec.connect_timeout_ms / 1000
        self._idle_s = spec.idle_ms_max / 1000
        self._keeps = spec.mode != "none"
        self._slots = asyncio.Semaphore(spec.pool_max)
        self._idle: dict[Link, None] = {}  # the last one given back is the first one taken
        self._live: set[Link] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._closed = False

    async def take(self) -> Link | NotSent:
        """A link that has just passed the end-of-file check; nothing is awaited after that check."""
        if self._slots.locked() or not self._idle:
            return await self._take_slowly()
        await self._slots.acquire()  # free: returns without a turn of the loop
        link = self._kept()
        if link is not None:
            return link
        self._slots.release()
        return await self._take_slowly()

    def give(self, link: Link) -> None:
        self._slots.release()
        if link.is_open and self._keeps and not self._closed:
            self._idle[link] = None
            link.rest(self._idle_s)
        else:
            link.destroy()

    async def close(self) -> None:
        """Destroys every link, also those in use, and returns when all are gone."""
        self._closed = True
        for link in tuple(self._live):
            link.destroy()
        await self._empty.wait()

    def _kept(self) -> Link | None:
        while self._idle:
            link, _ = self._idle.popitem()
            if link.is_fit(look=True):
                return link
            link.destroy()
        return None

    async def _take_slowly(self) -> Link | NotSent:
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await self._slots.acquire()
                try:
                    link = self._kept() or await self._connect()
                except BaseException:
                    self._slots.release()
                    raise
        except TimeoutError:
            return _not_reached(f"no connection within {self._connect_timeout_s} s")
        except OSError as broken:
            return _not_reached(f"no connection: {broken}")
        if isinstance(link, NotSent):
            self._slots.release()
        return link

    async def _connect(self) -> Link | NotSent:
        """Raises OSError (ssl.SSLError included) of the last address tried."""
        if self._closed:
            return _not_reached("this client is closed")
        found = await resolve(self._origin.host, self._origin.port)
        allowed = [address for address in found if is_allowed(address, self._networks)]
        if not allowed:
            return _not_reached(f"{self._origin.host} resolves to no address inside the target's networks")
        for address in allowed[:-1]:
            try:
                async with asyncio.timeout(self._connect_timeout_s / len(allowed)):
                    return await self._connect_to(address)
            except OSError:  # TimeoutError is one
                continue
        return await self._connect_to(allowed[-1])

    async def _connect_to(self, address: str) -> Link | NotSent:
        loop = asyncio.get_running_loop()
        _, link = await loop.create_connection(
            lambda: Link(loop, self._forget),
            address,
            self._origin.port,
            ssl=self._tls,
            server_hostname=self._origin.host if self._tls is not None else None,
        )
        if self._closed or not link.is_fit(look=self._tls is None):  # TLS 1.3 sends tickets at once; they are no data
            link.destroy()
            return _not_reached("the host closed the connection, or spoke, before it was asked")
        self._live.add(link)
        self._empty.clear()
        return link

    def _forget(self, link: Link) -> None:
        self._idle.pop(link, None)
        self._live.discard(link)
        if not self._live:
            self._empty.set()


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, few of them. Raises OSError. An address needs no resolver, so it needs no thread."""
    if is_address(host):
        return [host]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))[:_ADDRESSES_MAX]


def _tls_context(spec: HttpHostSpec) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=spec.ca_file)
    except (OSError, ValueError) as broken:
        raise ValueError(f"target {spec.name}: ca_file {spec.ca_file!r} cannot be used: {broken}") from broken
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _not_reached(detail: str) -> NotSent:
    return NotSent(NotSentWhy.NOT_REACHED, detail[:_DETAIL_CHARS_MAX])
