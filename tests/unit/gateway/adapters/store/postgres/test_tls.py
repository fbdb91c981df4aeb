"""Over TCP the server proves who it is; a wire without TLS has to be asked for; a password comes from us and from nowhere else."""

import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from gateway.adapters.store.postgres.connecting import Access, connect
from gateway.domain.faults import StoreFault
from tests.fakes.postgres import Server, programs

TLS: Final = Path(__file__).parents[5] / "fakes" / "tls"
AUTHORITY: Final = TLS / "authority.pem"
PASSWORD: Final = "pass word/with:signs"
KEPT: Final = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
SETTING: Final = "SELECT setting::integer FROM pg_settings WHERE name = $1"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
    return port


@pytest.fixture
async def on_tcp() -> AsyncIterator[Access]:
    """A server on the loopback that asks for a password and offers TLS."""
    server, port = Server(programs()), free_port()
    try:
        certificate = server.folder / "host.pem"
        shutil.copy(TLS / "host.pem", certificate)
        certificate.chmod(0o600)
        owner = server.folder.stat()
        shutil.chown(certificate, owner.st_uid, owner.st_gid)
        (server.folder / "data" / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        server.start("listen_addresses=127.0.0.1", "ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={certificate}", port=port)
        await server.ready()
        admin = await server.administer()
        await admin.execute(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
        await admin.close()
        yield Access(host="127.0.0.1", port=port, user="guest", password=PASSWORD, database="postgres", ca_file=AUTHORITY)
    finally:
        server.end()


async def is_encrypted(access: Access) -> bool:
    connection = await connect(access)
    found = await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    await connection.close()
    return bool(found)


async def test_who_answers_over_tcp_is_checked(on_tcp: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the authority that was named, and by the name; a plain wire only where it was asked for; no password from the surroundings."""
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("PGSSLMODE", "disable")
    dsn = f"postgres://guest:{PASSWORD.replace(' ', '%20').replace('/', '%2F').replace(':', '%3A')}@127.0.0.1:{on_tcp.port}/postgres"

    assert await is_encrypted(on_tcp)
    assert await is_encrypted(Access(dsn=dsn, ca_file=AUTHORITY))
    assert not await is_encrypted(replace(on_tcp, plain=True))
    unproved = (replace(on_tcp, ca_file=None), replace(on_tcp, ca_file=TLS / "callers.pem"), replace(on_tcp, host="localhost"))
    for access in (*unproved, replace(on_tcp, password="wrong"), Access(dsn=dsn.replace("guest", "owner"), ca_file=AUTHORITY)):
        with pytest.raises(StoreFault):
            await connect(access)
    assert "with:signs" not in repr(on_tcp)


async def test_the_server_lets_go_of_a_gateway_that_is_no_longer_there(on_tcp: Access) -> None:
    """Its machine or the network is gone, and no end of file will ever come: after a minute, and not after two hours, the server has noticed."""
    connection = await connect(on_tcp)
    kept = {name: await connection.fetchval(SETTING, name) for name in KEPT}
    await connection.close()

    assert kept["tcp_keepalives_idle"] + kept["tcp_keepalives_interval"] * kept["tcp_keepalives_count"] == 60
    assert kept["tcp_user_timeout"] == 60_000
