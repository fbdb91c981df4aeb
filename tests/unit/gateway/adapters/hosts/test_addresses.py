"""Which addresses may be connected to."""

import pytest

from gateway.adapters.hosts.addresses import is_allowed, parse_networks

EVERYWHERE = parse_networks(("0.0.0.0/0", "::/0"))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",  # noqa: S104 - an address that is refused, nothing binds to it
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fd20:ce::254",
        "ff02::1",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::5601:5601",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "not an address",
        "",
    ],
)
def test_addresses_no_target_ever_has(address: str) -> None:
    """Also where everything is declared, and in every disguise."""
    assert not is_allowed(address, EVERYWHERE)


@pytest.mark.parametrize(
    ("address", "networks", "expected"),
    [
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("11.1.2.3", ("10.0.0.0/8",), False),
        ("::ffff:10.1.2.3", ("10.0.0.0/8",), True),
        ("::ffff:10.1.2.3", ("::/0",), False),
        ("::1", ("0.0.0.0/0",), False),
        ("::1", ("::1/128", "10.0.0.0/8"), True),
        ("8.8.8.8", (), False),
    ],
)
def test_networks(address: str, networks: tuple[str, ...], expected: bool) -> None:  # noqa: FBT001 - parametrised
    """One of the declared networks, of the kind of address that is reached in the end."""
    assert expected is is_allowed(address, parse_networks(networks))


@pytest.mark.parametrize("cidr", ["10.0.0.1/8", "10.0.0.0/33", "ten", ""])
def test_networks_that_are_refused(cidr: str) -> None:
    """A range with host bits set is a typo."""
    with pytest.raises(ValueError, match=r"host bits|does not appear"):
        parse_networks((cidr,))
