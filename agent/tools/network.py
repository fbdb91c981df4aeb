"""Where a tool may connect: every address of its host is checked, and the connection goes to a checked one.

1. One address outside the declared networks refuses the whole call: a name that points at two places is not half allowed.
2. Metadata, link-local, multicast and unspecified addresses are refused whatever the networks say, also dressed as IPv6.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_WRITTEN_AS_IPV6: Final = tuple(
    ipaddress.IPv6Network(block) for block in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")
)  # NAT64 by RFC 6052 and 8215, the old compatible form, translated by RFC 2765
_METADATA: Final = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254",  # AWS, Azure, GCP, OpenStack and most others
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle's older address
    )
)

_SERVICES: Final = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8",  # this host
        "fd00:ec2::/32",  # AWS over IPv6: metadata, and the credentials of a pod
        "fd20:ce::/32",  # GCP over IPv6
    )
)


class Resolution(Exception):
    """The host may not be called or cannot be found; the message is for a person."""


async def checked_addresses(*, host: str, port: int, networks: Sequence[str]) -> tuple[Address, ...]:
    """All addresses of `host`, each of them allowed; `Resolution` otherwise."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Resolution("its host name does not resolve") from error
    return all_allowed(tuple(dict.fromkeys(ipaddress.ip_address(str(entry[4][0])) for entry in found)), networks)


def all_allowed(addresses: tuple[Address, ...], networks: Sequence[str]) -> tuple[Address, ...]:
    """The addresses, if there is one and each of them may be connected to; `Resolution` otherwise."""
    if not addresses:
        raise Resolution("its host name has no address")
    for address in addresses:
        why = refusal(address, networks)
        if why:
            raise Resolution(f"its host resolves to {address}, {why}")
    return addresses


def refusal(address: Address, networks: Sequence[str]) -> str:
    """Why `address` may not be connected to; "" when it may."""
    meant = [address, *_dressed(address)]
    if any(one in _METADATA or one.is_link_local or any(one in block for block in _SERVICES) for one in meant):
        return "a link-local or metadata address, which no tool may reach"
    if any(one.is_multicast or one.is_unspecified or int(one) == 0xFFFFFFFF for one in meant):
        return "which is not the address of one host"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    checked = mapped or address
    if not any(checked in ipaddress.ip_network(block) for block in networks):
        return "which is outside the tool's networks"
    return ""


def _dressed(address: Address) -> list[Address]:
    """The IPv4 addresses an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    teredo = address.teredo
    inner = [address.ipv4_mapped, address.sixtofour, teredo[1] if teredo is not None else None]
    if int(address) > 1 and any(address in block for block in _WRITTEN_AS_IPV6):
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in inner if one is not None]


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET if isinstance(address, ipaddress.IPv4Address) else socket.AF_INET6


class Pinned(AbstractResolver):
    """A resolver that knows only the addresses that were checked."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=_family(address),
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
            if family in {socket.AF_UNSPEC, _family(address)}
        ]

    async def close(self) -> None:
        """Nothing is held open."""
