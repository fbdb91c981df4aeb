"""Listeners: what makes a socket an identity, and which addresses are refused before anything is served."""

import os
import socket
import stat
from pathlib import Path

import grpc
import pytest

from gateway.transport.listener import Listener, ListenerRefused, bind, clear, prepare
from tests.fakes.served import listener


def at(path: Path) -> Listener:
    return listener("signup", f"unix:{path}")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def bound(one: Listener) -> grpc.aio.Server:
    prepare(one)
    server = grpc.aio.server()
    bind(one, server)
    return server


async def test_a_socket_is_an_identity_by_its_folder_and_its_mode(tmp_path: Path) -> None:
    """0750 and 0660, whatever the umask."""
    before = os.umask(0o000)
    try:
        server = await bound(at(tmp_path / "run" / "deep" / "signup.sock"))
    finally:
        os.umask(before)

    assert (mode(tmp_path / "run" / "deep"), mode(tmp_path / "run" / "deep" / "signup.sock")) == (0o750, 0o660)
    await server.stop(0)


@pytest.mark.parametrize("open_to", [0o751, 0o755, 0o777, 0o704])
def test_a_folder_that_everybody_can_enter_is_refused(tmp_path: Path, open_to: int) -> None:
    """Any of its bits for others."""
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(open_to)

    with pytest.raises(ListenerRefused, match=f"mode {open_to:04o}, open to every user of this machine.*; expected 0750: run `chmod 0750 {folder}`"):
        prepare(at(folder / "signup.sock"))


@pytest.mark.parametrize("open_to", [0o770, 0o730, 0o720, 0o2770])
def test_a_folder_that_its_group_can_write_is_refused(tmp_path: Path, open_to: int) -> None:
    """Whoever can write it can put a socket of their own in place of the gateway's."""
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(open_to)

    with pytest.raises(ListenerRefused, match=f"mode {open_to:04o}, writable by its group, .*; expected 0750: run `chmod 0750 {folder}`"):
        prepare(at(folder / "signup.sock"))


@pytest.mark.parametrize("closed", [0o700, 0o750, 0o710, 0o2750])
async def test_a_folder_that_only_its_group_can_enter_serves(tmp_path: Path, closed: int) -> None:
    """Its own mode stays as it was found."""
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(closed)

    server = await bound(at(folder / "signup.sock"))

    assert mode(folder) == closed
    await server.stop(0)


def test_a_symbolic_link_is_refused_also_a_dangling_one(tmp_path: Path) -> None:
    """It would lead somewhere else tomorrow."""
    for name, target in (("to-a-file", tmp_path / "file"), ("to-nothing", tmp_path / "nothing")):
        (tmp_path / "file").touch()
        (tmp_path / name).symlink_to(target)

        with pytest.raises(ListenerRefused, match="is a symbolic link"):
            prepare(at(tmp_path / name))
        assert (tmp_path / name).is_symlink()


def test_a_file_that_is_no_socket_is_refused_and_kept(tmp_path: Path) -> None:
    """Nothing of anybody's is deleted."""
    (tmp_path / "data").write_text("precious")

    with pytest.raises(ListenerRefused, match="exists and is no socket"):
        prepare(at(tmp_path / "data"))
    assert (tmp_path / "data").read_text() == "precious"


def test_a_socket_somebody_listens_on_is_refused_and_kept(tmp_path: Path) -> None:
    """One gateway a path."""
    path = tmp_path / "signup.sock"
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()

        with pytest.raises(ListenerRefused, match="in use by another process"):
            prepare(at(path))
        assert path.exists()


def test_a_socket_that_a_dead_process_left_is_cleared(tmp_path: Path) -> None:
    """Nobody answers there any more."""
    path = tmp_path / "signup.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    prepare(at(path))

    assert not path.exists()


@pytest.mark.parametrize(("length", "refused"), [(107, False), (108, True), (200, True)])
def test_a_path_longer_than_the_kernel_takes_is_refused(tmp_path: Path, length: int, *, refused: bool) -> None:
    """Measured in bytes, before anything is made."""
    path = tmp_path / ("s" * (length - len(str(tmp_path)) - 1))

    if refused:
        with pytest.raises(ListenerRefused, match=f"has {length} bytes; expected at most 107"):
            prepare(at(path))
    else:
        prepare(at(path))


def test_a_folder_that_cannot_be_made_is_refused_by_name(tmp_path: Path) -> None:
    """A file stands where a folder should."""
    (tmp_path / "file").touch()

    with pytest.raises(ListenerRefused, match="name a folder the gateway can write"):
        prepare(at(tmp_path / "file" / "signup.sock"))


def test_an_address_that_proves_nobody_is_refused() -> None:
    """TCP needs a token or mutual TLS."""
    with pytest.raises(ListenerRefused, match="proves nobody"):
        prepare(listener("open", "127.0.0.1:0"))


async def test_a_port_in_use_is_refused() -> None:
    """Two gateways never share one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one = listener("tcp", f"127.0.0.1:{taken.getsockname()[1]}", token=b"t")
        prepare(one)

        with pytest.raises(ListenerRefused, match="cannot bind"):
            bind(one, grpc.aio.server())


async def test_a_stopped_listener_leaves_no_socket(tmp_path: Path) -> None:
    """Clearing twice is no error."""
    one = at(tmp_path / "signup.sock")
    server = await bound(one)
    await server.stop(0)

    clear(one)
    clear(one)

    assert not (tmp_path / "signup.sock").exists()


def test_a_listeners_secrets_are_never_shown() -> None:
    """Not by its representation."""
    assert "s3cret" not in repr(listener("tcp", "127.0.0.1:0", token=b"s3cret"))


@pytest.mark.parametrize(
    ("metadata", "known"),
    [({"authorization": "Bearer t"}, True), ({"authorization": "bearer t"}, False), ({"authorization": "Bearer é"}, False), ({}, False)],
)
def test_a_token_is_compared_whole(metadata: dict[str, str], *, known: bool) -> None:
    """Scheme included; other text is only wrong."""
    assert listener("tcp", "127.0.0.1:0", token=b"t").knows(metadata) is known


def test_a_socket_asks_for_no_token() -> None:
    """Its folder is the identity."""
    assert at(Path("/run/x.sock")).knows({})
