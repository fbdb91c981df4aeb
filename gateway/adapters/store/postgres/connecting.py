"""How the server is reached, and what every connection to it must find.

1. Nothing comes from the environment or a password file of the library: what is not said here is not used.
2. Over TCP the server is verified by its name (TLS), unless the settings say that the wire is plain.
3. A session bounds its waits on the server too: a gateway that was stopped in the middle of a transaction loses it, and its locks, after
   `IDLE_S_MAX`. What writes has no server-side time limit: ended while it waits for a standby, a COMMIT would be reported done and not be safe.
   A gateway that is no longer there, because its machine or the network is gone, leaves its sessions for a minute, not for the system's two hours.
4. Plans stay with the indexes whatever the tables' statistics say: a table that was small when a plan was made will not stay so.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg

from gateway.adapters.store.postgres.statements import Statements
from gateway.adapters.store.postgres.trouble import LinkLost, translated

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Wire: TypeAlias = asyncpg.Connection[asyncpg.Record]
    Connection: TypeAlias = Wire | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:  # generic in the stubs alone
    Wire = Connection = asyncpg.Connection
    Pool = asyncpg.Pool

OPEN: Final = Statements("open")
_ABOUT: Final = OPEN.taking("about_connection")

IDLE_S_MAX: Final = 5
LOCK_S_MAX: Final = 8  # longer than a stopped gateway keeps what it has locked
STATEMENT_S_MAX: Final = 10.0  # the client's patience with one statement, COMMIT excepted
CONNECT_S_MAX: Final = 5.0
_SESSION: Final = {
    "search_path": "countersign",
    "application_name": "countersign",
    "default_transaction_isolation": "read committed",
    "idle_in_transaction_session_timeout": f"{IDLE_S_MAX}s",
    "lock_timeout": f"{LOCK_S_MAX}s",
    "statement_timeout": "0",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60s",
    "client_min_messages": "warning",
    "jit": "off",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
_READS: Final = {"default_transaction_read_only": "on", "statement_timeout": f"{STATEMENT_S_MAX:.0f}s"}
_UNSAFE: Final = frozenset({"off", "local"})
_UNSAFE_WITH_HA: Final = frozenset({"off", "local", "remote_write"})


class Unsuitable(LinkLost):
    """A server answers, and it is not one that may be written to: said in a sentence, with what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the server is, who we are there. `dsn` (`postgres://user:password@host:port/database`), or the parts."""

    dsn: str = field(default="", repr=False)
    host: str = ""  # a name, an address, or the folder of a socket
    port: int = 5432
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    ca_file: Path | None = None  # the system's authorities unless given
    plain: bool = False  # TCP without TLS
    ha: bool = False  # only a server with synchronous standbys will do
    reads_max: int = 4
    witness: Path | None = None  # where a gateway remembers how far it wrote

    @property
    def role(self) -> str:
        """The user that the gateway logs in as."""
        if not self.dsn:
            return self.user
        parts = urlsplit(self.dsn)
        return unquote(parts.username or "") or parse_qs(parts.query).get("user", [""])[0]


async def connect(access: Access) -> Wire:
    """A connection that may be used. Raises `LinkLost`, or another `StoreFault`."""
    with translated("connect"):
        return await asyncpg.connect(**arguments(access))


def arguments(access: Access, *, reads: bool = False) -> dict[str, Any]:
    """What the library is told. `reads`: the connection will never write."""
    where: dict[str, Any] = (
        {"dsn": access.dsn}
        if access.dsn
        else {"host": access.host, "port": access.port, "user": access.user, "password": access.password or None, "database": access.database}
    )
    return where | {
        "passfile": "/dev/null/none",  # there can be none
        "ssl": False if access.plain or access.host.startswith("/") else _tls(access.ca_file),
        "timeout": CONNECT_S_MAX,
        "command_timeout": STATEMENT_S_MAX,
        "server_settings": _SESSION | (_READS if reads else {}),
        "target_session_attrs": "primary" if "," in access.dsn else "any",
    }


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)


async def check_again(connection: Connection, access: Access, *, store_id: str) -> None:
    """What may have changed since the store was opened. Raises `Unsuitable`."""
    with translated("check the connection"):
        found = await connection.fetchrow(_ABOUT)
    assert found is not None, "a store has an identity"
    recovering, fsync, synchronous, standbys, seen_id = found
    why = why_unsafe(recovering=recovering, fsync=fsync, synchronous=synchronous, standbys=standbys, ha=access.ha)
    if seen_id != store_id:
        why = f"this is store {seen_id}, and it was store {store_id} that was opened; point the gateway at the one it began with, or restart it."
    if why:
        raise Unsuitable(why)


def why_unsafe(*, recovering: bool, fsync: str, synchronous: str, standbys: str, ha: bool) -> str:
    """Why a commit that this server acknowledges could be lost, and what to do; "" when it could not."""
    if recovering:
        return "the server is a standby (pg_is_in_recovery); name the primary."
    if fsync != "on":
        return "the server runs with fsync=off, and loses what it acknowledged when power fails; set fsync=on and restart it."
    if synchronous in (_UNSAFE_WITH_HA if ha else _UNSAFE):
        least = "on" if ha else "on (or remote_write, remote_apply)"
        return f"synchronous_commit is {synchronous} for this role, so that an acknowledged commit can be lost; set it to {least}."
    if ha and not standbys:
        return "store.postgres.ha is true and synchronous_standby_names is empty: a failover could lose what was acknowledged; name synchronous standbys."
    return ""
