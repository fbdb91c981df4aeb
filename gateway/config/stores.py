"""Where everything is recorded: SQLite for the one gateway of a machine, PostgreSQL for several. One of them is named.

1. A store is one domain of idempotency and budgets: gateways that share callers share a store, and SQLite serves exactly one.
2. Secrets come from files; a DSN is one. Over TCP a server proves who it is, unless the settings say that the wire is plain.
"""

import re
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError, ValidationInfo, model_validator

from gateway.config.files import FilePath, OneWordFile, Secret, SecretFile, SomePath
from gateway.declared.kinds import Declared, wrong

IN_POD: Final = "in_pod"  # key of the validation context: true inside a Kubernetes pod
_RESERVE_BYTES_MIN: Final = 16 * 1024 * 1024
_SCHEMES: Final = frozenset({"postgres", "postgresql"})
_HOST: Final = r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_AUTHORITY: Final = re.compile(rf"(?:(?:[^:@/\s]+(?::[^:@/\s]*)?@)?(?:{_HOST}(?:,{_HOST})*)?)")


def dsn(secret: Secret) -> Secret:
    """Raises PydanticCustomError, which never shows the value."""
    try:
        parts = urlsplit(secret.value)
        right = parts.scheme in _SCHEMES and bool(_AUTHORITY.fullmatch(parts.netloc)) and not parts.fragment
    except ValueError:
        right = False
    if not right:
        write = "Write postgres://user:password@host:5432/database into it, on one line; in the password, : / ? # @ and % as %3A %2F %3F %23 %40 and %25."
        raise wrong(f"{secret.file} holds no DSN", write=write)
    return secret


DsnFile = Annotated[OneWordFile, AfterValidator(dsn)]
ServerName = Annotated[str, StringConstraints(min_length=1, max_length=63)]


class Sqlite(Declared):
    path: SomePath = Field(description="the store's file, in a folder for the gateway alone", examples=["var/countersign.db"])
    sole_gateway: bool = Field(default=False, description="in Kubernetes: this pod is the only gateway of its tenants, on a durable volume", examples=[True])
    reserve_bytes: int = Field(
        default=256 * 1024 * 1024,
        ge=_RESERVE_BYTES_MIN,
        description="free disk kept for finishing what was started; below it no write is admitted",
        examples=[268_435_456],
    )

    @model_validator(mode="after")
    def _is_sole_in_a_pod(self, info: ValidationInfo) -> Self:
        if (info.context or {}).get(IN_POD) and not self.sole_gateway:
            write = "Write sole_gateway: true only where one pod on a durable volume serves all callers of its tenants."
            raise wrong("SQLite serves exactly one gateway, and this is a pod that may have siblings", write=write, at=("sole_gateway",))
        return self


class Postgres(Declared):
    """A PostgreSQL server, 15 or newer. Its schema is made by `countersign store migrate`; the role named here may only add to the record."""

    dsn: DsnFile | None = Field(default=None, alias="dsn_file", description="file of postgres://user:password@host:port/database, instead of the next five")
    host: Annotated[str, StringConstraints(min_length=1, max_length=253)] | None = Field(
        default=None, description="name or address of the server, or the folder of its socket", examples=["db.internal"]
    )
    port: int = Field(default=5432, ge=1, le=65_535, description="its port", examples=[5432])
    database: ServerName | None = Field(default=None, description="name of the database", examples=["countersign"])
    user: ServerName | None = Field(default=None, description="the gateway's role, not the owner of the tables", examples=["countersign_gateway"])
    password: SecretFile | None = Field(default=None, alias="password_file", description="file of its password", examples=["secrets/store"])
    ca_file: FilePath | None = Field(default=None, description="PEM of the CA that certifies it; the system's unless written", examples=["tls/db-ca.crt"])
    plain: bool = Field(default=False, description="TCP without TLS: only where nobody else is on the wire", examples=[False])
    ha: bool = Field(
        default=False,
        description="refuse a server without synchronous standbys: failing over to another loses what was acknowledged",
        examples=[True],
    )
    readers_max: int = Field(default=4, ge=1, le=64, description="connections for reading, beside the one that writes", examples=[4])

    witness_file: SomePath | None = Field(
        default=None, description="where the gateway remembers how far it wrote; at start, a store that knows less is refused", examples=["var/witness"]
    )

    @model_validator(mode="after")
    def _says_one_way(self) -> Self:
        parts = {"host": self.host, "database": self.database, "user": self.user}
        if self.dsn is not None and (any(parts.values()) or self.password is not None):
            raise wrong("the server is named twice", write="Write dsn_file, or host, database, user and password_file.", at=("dsn_file",))
        missing = [name for name, value in parts.items() if not value]
        if self.dsn is None and missing:
            raise wrong(f"{', '.join(missing)} not said", write="Write dsn_file, or host, database, user and password_file.")
        return self


class Store(Declared):
    sqlite: Sqlite | None = Field(default=None, description="the embedded store: one gateway on one machine")
    postgres: Postgres | None = Field(default=None, description="a server that several gateways share")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.sqlite is not None and self.postgres is not None:
            raise wrong("two stores are named", write="Keep sqlite or postgres: what is recorded in one is not known in the other.", at=("postgres",))
        if self.sqlite is None and self.postgres is None:
            raise wrong("no store is named", write="Write store: {sqlite: {path: var/countersign.db}}, or store: {postgres: {…}}.")
        return self


def read_dsn(file: Path) -> str:
    """The DSN in a file, held to the same as one of the settings. Raises ValueError, which never shows it."""
    try:
        return _DSN.validate_python(str(file)).value
    except ValidationError as refused:
        raise ValueError("; ".join(f"{one['msg']}. {one.get('ctx', {}).get('write', '')}" for one in refused.errors(include_input=False))) from None


_DSN: Final[TypeAdapter[Secret]] = TypeAdapter(DsnFile)
