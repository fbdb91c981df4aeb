"""Which addresses a target may have: the networks it declares, minus those no target ever has.

1. The address that was checked is the address that is connected to; a name is never resolved twice for one connection.
2. Instance metadata, link-local, multicast and unspecified addresses are refused whatever the target declares.
3. An IPv4 address inside an IPv6 one (mapped, NAT64) is judged as the IPv4 address it reaches. Inside any other (6to4, Teredo, compatible,
   translated) it must not be one that no target ever has.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_WRITTEN_AS_IPV6: Final = tuple(
    ipaddress.IPv6Network(block) for block in ("64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")
)  # NAT64 of one's own (RFC 8215), the old compatible form, translated (RFC 2765)

NEVER: Final = tuple(
    ipaddress.ip_network(cidr)
    for cidr in (
        "0.0.0.0/8",  # this host
        "169.254.0.0/16",  # link-local; instance metadata of most clouds
        "100.100.100.200/32",  # instance metadata, Alibaba Cloud
        "168.63.129.16/32",  # the platform address of Azure
        "192.0.0.192/32",  # instance metadata, Oracle Cloud classic
        "224.0.0.0/4",  # multicast
        "255.255.255.255/32",
        "::/128",
        "fe80::/10",  # link-local
        "fd00:ec2::/32",  # instance services, AWS
        "fd20:ce::/32",  # instance metadata, Google Cloud
        "ff00::/8",  # multicast
    )
)


def parse_networks(declared: Iterable[str]) -> tuple[Network, ...]:
    """Raises ValueError for what is no CIDR range (host bits set included)."""
    return tuple(ipaddress.ip_network(cidr) for cidr in declared)


def is_address(text: str) -> bool:
    """Needs no resolver."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_allowed(address: str, networks: Sequence[Network]) -> bool:
    """`address` as the resolver gave it. What cannot be read is not allowed."""
    try:
        given = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    reached = _reached(given)
    if any(_is_in(one, network) for one in (reached, *_dressed(given)) for network in NEVER):
        return False
    return any(_is_in(reached, network) for network in networks)


def _reached(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address


def _dressed(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 one may lead to by other ways."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    teredo = address.teredo
    inner: list[Address | None] = [address.sixtofour, teredo[1] if teredo is not None else None]
    if int(address) > 1 and any(address in block for block in _WRITTEN_AS_IPV6):
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in inner if one is not None]


def _is_in(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
