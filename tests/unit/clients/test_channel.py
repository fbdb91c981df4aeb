"""The line: where it may lead, what goes with a call, and that nothing is ever sent twice by the library."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from countersign import Client, Unclear, connect
from countersign.channel import checked
from tests.unit.clients.bare_http2 import CountingGateway
from tests.unit.clients.conftest import StillClock
from tests.unit.clients.scripted import ScriptedGateway, committed
from tests.unit.clients.test_commit_until_ended import WRITE


@pytest.fixture
def counting(folder: Path) -> Iterator[CountingGateway]:
    counter = CountingGateway(folder)
    yield counter
    counter.stop()


def test_one_call_is_one_request_on_the_wire(counting: CountingGateway) -> None:
    """Even where HTTP/2 says "not processed, send it again", the library does not: the caller hears of it."""
    with connect(counting.address, deadline_s=5) as client, pytest.raises(Unclear):
        client.commit(**WRITE)

    assert counting.requests == 1


def test_a_loop_is_one_request_per_send(counting: CountingGateway, clock: StillClock) -> None:
    """Three sends of one logical commit are at most three requests on the wire (one may meet the connection that is hanging up)."""
    with connect(counting.address, deadline_s=5, clock=clock) as client, pytest.raises(Unclear):
        client.commit_until_ended(**WRITE, give_up_after_s=60, sends_max=3)

    assert 1 <= counting.requests <= 3


def test_a_gateway_that_starts_late_is_waited_for(folder: Path) -> None:
    """A call made before the gateway listens goes through once it does, within its deadline."""
    late = ScriptedGateway(folder)
    late.says(committed("SUCCEEDED"))
    with connect(late.address, deadline_s=20) as client:
        with pytest.raises(Unclear) as nobody_there:
            client.commit(**WRITE, deadline_s=0.2)
        late.start()

        commit = client.commit(**WRITE)

        late.stop()
    assert nobody_there.value.status == "DEADLINE_EXCEEDED"
    assert commit.succeeded


def test_the_token_goes_with_every_call_and_is_read_each_time(gateway: ScriptedGateway, folder: Path) -> None:
    """A rotated token counts from the next call on; white space around it is none of it."""
    token = folder / "token"
    gateway.says(committed("SUCCEEDED"), committed("SUCCEEDED"))

    with connect(gateway.address, token_file=token) as client:
        token.write_text("first-token\n")
        client.commit(**WRITE)
        token.write_text("second-token")
        client.commit(**WRITE)

    assert [one.metadata["authorization"] for one in gateway.seen] == ["Bearer first-token", "Bearer second-token"]


def test_without_a_token_there_is_no_header(gateway: ScriptedGateway, client: Client) -> None:
    """A socket needs none."""
    gateway.says(committed("SUCCEEDED"))

    client.commit(**WRITE)

    assert "authorization" not in gateway.seen[0].metadata


@pytest.mark.parametrize("content", [b"", b" \n", b"two\nlines", b"t\xc3\xb6ken", b"x" * 5000])
def test_a_token_that_is_none_stops_the_call_and_is_not_shown(gateway: ScriptedGateway, folder: Path, content: bytes) -> None:
    """The message names the file and never its content."""
    token = folder / "token"
    token.write_bytes(content)
    token.chmod(stat.S_IRUSR)

    with connect(gateway.address, token_file=token) as client, pytest.raises(ValueError, match="expected one line of visible ASCII") as raised:
        client.commit(**WRITE)

    assert str(raised.value).startswith(f"token file {token}: expected")
    assert gateway.seen == []


@pytest.mark.parametrize("address", ["unix:/run/cs.sock", "127.0.0.1:8443", "127.9.9.9:1", "[::1]:65535", "localhost:80"])
def test_addresses_on_this_machine(address: str) -> None:
    """A socket by its absolute path, or a loopback port."""
    assert checked(address) == address


@pytest.mark.parametrize(
    "address",
    ["", "gateway:8443", "10.0.0.1:8443", "0.0.0.0:8443", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "unix:run/cs.sock", "dns:///127.0.0.1:1", "::1"],
)
def test_other_addresses_are_refused(address: str) -> None:
    """An unencrypted line does not leave the machine."""
    with pytest.raises(ValueError, match=r"^address "):
        connect(address)


@pytest.mark.parametrize("deadline_s", [0, -1])
def test_a_call_needs_a_deadline(folder: Path, deadline_s: float) -> None:
    """Neither the client nor a call may wait for nothing or for ever."""
    with pytest.raises(ValueError, match="every call needs one above 0"):
        connect(f"unix:{folder}/x.sock", deadline_s=deadline_s)
    with connect(f"unix:{folder}/x.sock") as client, pytest.raises(ValueError, match="every call needs one above 0"):
        client.commit(**WRITE, deadline_s=deadline_s)
