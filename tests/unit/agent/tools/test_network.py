"""Which addresses a tool may reach: all of them checked, some never allowed."""

import ipaddress

import pytest

from agent.tools.network import Pinned, Resolution, all_allowed, checked_addresses, refusal

EVERYWHERE = ("0.0.0.0/0", "::/0")


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "64:ff9b:1::a9fe:a9fe",
        "::ffff:0:169.254.169.254",
        "2001:0:a9fe:a9fe::5601:5601",
        "fd00:ec2::23",
        "fd20:ce::254",
        "0.1.2.3",
    ],
)
def test_metadata_is_refused_whatever_the_networks_say(address: str) -> None:
    """Also dressed as IPv6."""
    assert "no tool may reach" in refusal(ipaddress.ip_address(address), EVERYWHERE)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:0.0.0.0"])  # noqa: S104 - refused here
def test_what_is_no_one_host_is_refused(address: str) -> None:
    """Unspecified means this machine to a kernel; multicast and broadcast mean many."""
    assert refusal(ipaddress.ip_address(address), EVERYWHERE)


@pytest.mark.parametrize(
    ("address", "networks", "allowed"),
    [
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("::ffff:10.1.2.3", ("10.0.0.0/8",), True),
        ("10.1.2.3", ("fd00::/8", "10.1.0.0/16"), True),
        ("fd12::1", ("fd00::/8",), True),
        ("11.1.2.3", ("10.0.0.0/8",), False),
        ("127.0.0.1", ("10.0.0.0/8",), False),
        ("fd12::1", ("10.0.0.0/8",), False),
        ("10.1.2.3", ("::/0",), False),
    ],
)
def test_the_networks_are_a_list_of_what_is_allowed(address: str, networks: tuple[str, ...], *, allowed: bool) -> None:
    """And of nothing else."""
    assert (refusal(ipaddress.ip_address(address), networks) == "") is allowed


@pytest.mark.parametrize("bad", ["169.254.169.254", "192.168.0.1"])
def test_one_bad_address_refuses_the_name(bad: str) -> None:
    """Wherever it stands among good ones: a name that points at two places is not half allowed."""
    good = ipaddress.ip_address("10.1.2.3")

    for addresses in ((good, ipaddress.ip_address(bad)), (ipaddress.ip_address(bad), good)):
        with pytest.raises(Resolution, match=bad):
            all_allowed(addresses, ("10.0.0.0/8",))
    assert all_allowed((good,), ("10.0.0.0/8",)) == (good,)


def test_no_address_is_no_permission() -> None:
    """An empty answer is refused, not skipped."""
    with pytest.raises(Resolution, match="has no address"):
        all_allowed((), EVERYWHERE)


async def test_the_connection_knows_only_what_was_checked() -> None:
    """A name that resolves otherwise a moment later changes nothing."""
    pinned = Pinned((ipaddress.ip_address("10.1.2.3"), ipaddress.ip_address("fd00::1")))

    known = await pinned.resolve("billing", 80)

    assert [(one["hostname"], one["host"], one["port"]) for one in known] == [("billing", "10.1.2.3", 80), ("billing", "fd00::1", 80)]


async def test_a_real_name_is_resolved_and_checked() -> None:
    """The loopback's name, with and without the loopback's network."""
    found = await checked_addresses(host="localhost", port=80, networks=("127.0.0.0/8", "::1/128"))

    assert ipaddress.ip_address("127.0.0.1") in found
    with pytest.raises(Resolution, match="outside the tool's networks"):
        await checked_addresses(host="localhost", port=80, networks=("10.0.0.0/8",))


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1"])
async def test_an_address_in_disguise_is_an_address(host: str) -> None:
    """What the resolver makes of it is what is checked."""
    with pytest.raises(Resolution, match=r"resolves to 127\.0\.0\.1"):
        await checked_addresses(host=host, port=80, networks=("10.0.0.0/8",))


async def test_a_name_that_does_not_exist_is_told() -> None:
    """As a value of its own, not as an error of a library."""
    with pytest.raises(Resolution, match="does not resolve"):
        await checked_addresses(host="no-such-host.invalid", port=80, networks=EVERYWHERE)
