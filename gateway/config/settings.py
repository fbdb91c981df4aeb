"""The settings as one frozen value. Every field is documented here; `docs/generated/settings.md` and the JSON Schema are drawn from it.

1. Limits may only be tightened: `domain/limits.py` is the ceiling.
2. What one part must agree on with another is checked here, so that a gateway that starts has settings that make sense.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from gateway.config.files import FilePath, FolderPath, SomePath
from gateway.config.listeners import Diagnostics, Listener
from gateway.config.reachable import Model
from gateway.config.stores import Store
from gateway.config.targets import Target
from gateway.config.tools import McpServer, McpTool, Tool
from gateway.declared.kinds import DAY_MS, Declared, DurationMs, Name, wrong
from gateway.domain.identity import Role
from gateway.domain.limits import BATCH_MAX, COMMITS_IN_FLIGHT_MAX, NAME_CHARS_MAX, TOOLS_MAX

_RECOVERY_MS_MAX: Final = 5_000


class ActivationSource(Declared):
    """Where boundary, schemas and policies come from."""

    source: Literal["directory"] = Field(default="directory", description="a folder, taken as it is", examples=["directory"])
    path: FolderPath = Field(description="the folder of boundary.yaml, schemas/ and policies/", examples=["activation"])
    policies: tuple[FolderPath, ...] = Field(
        default=(), max_length=8, description="folders of policies laid beneath the activation's own, lowest first; none: the bundle shipped with the gateway"
    )


class Opa(Declared):
    binary: FilePath | None = Field(default=None, description="the OPA to run; else PATH, else `folder`", examples=["/usr/local/bin/opa"])
    folder: SomePath | None = Field(default=None, description="where `countersign opa install` puts one", examples=[".tools/bin"])
    runtime_folder: SomePath | None = Field(
        default=None,
        description="private folder for OPA's sockets, a short path; unless named, this user's own among temporary files",
        examples=["/run/countersign/opa"],
    )


class Telemetry(Declared):
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="the least that is logged", examples=["info"])


class Transcripts(Declared):
    """Where the words of agents are kept, for steps that ask for it: redacted, apart from the ledger, one file a decision."""

    folder: SomePath = Field(description="for the gateway's user alone; erasing a transcript is deleting its file", examples=["var/transcripts"])


class Tightened(Declared):
    """Limits below the ceiling of `limits.md`."""

    commits_in_flight_max: int = Field(
        default=COMMITS_IN_FLIGHT_MAX, ge=2, le=COMMITS_IN_FLIGHT_MAX, description="a gateway; half of it a tenant", examples=[200]
    )


class Reconcile(Declared):
    """How the outcome of an unknown write is found out."""

    interval_ms: Annotated[DurationMs, Field(ge=10, le=DAY_MS)] = Field(
        default=2_000, alias="interval", description="pause before the first look", examples=["2s"]
    )
    backoff_ms_max: Annotated[DurationMs, Field(ge=10, le=DAY_MS)] = Field(
        default=300_000, alias="backoff", description="the pause doubles from look to look, up to this", examples=["5m"]
    )
    attempts_max: int = Field(default=50, ge=1, le=1_000, description="looks at one commit; after them an operator is needed", examples=[50])


class Retention(Declared):
    """How long what has ended is kept, and how gently it is taken out. What has not ended is never collected."""

    keep_ms: Annotated[DurationMs, Field(ge=60_000, le=3_660 * DAY_MS)] = Field(
        default=7 * DAY_MS,
        alias="keep",
        description="commits, decisions, steps and past windows, from when they ended and could no longer be used",
        examples=["7d"],
    )
    tombstones_ms: Annotated[DurationMs, Field(ge=60_000, le=3_660 * DAY_MS)] = Field(
        default=90 * DAY_MS, alias="tombstones", description="stopped runs, and keys that were collected: they answer KEY_RETIRED so long", examples=["90d"]
    )
    interval_ms: Annotated[DurationMs, Field(ge=10, le=DAY_MS)] = Field(
        default=60_000, alias="interval", description="pause between two looks over everything", examples=["1m"]
    )
    at_once: int = Field(default=16, ge=1, le=BATCH_MAX, description="rows looked at, and at most written, together", examples=[16])
    rest_ms: Annotated[DurationMs, Field(ge=1, le=60_000)] = Field(default=20, alias="rest", description="pause after each of these", examples=["20ms"])

    @model_validator(mode="after")
    def _tombstones_stand_longer(self) -> Self:
        if self.tombstones_ms < self.keep_ms:
            raise wrong("a tombstone stands longer than what it marks was kept", write="Write tombstones: at least keep:.", at=("tombstones",))
        return self


class Settings(Declared):
    """Everything a gateway is told at start."""

    listeners: tuple[Listener, ...] = Field(min_length=1, max_length=64, description="who may speak to the gateway, and what proves it")
    diagnostics: Diagnostics | None = Field(default=None, description="health and metrics on an address of their own; off unless written")
    store: Store = Field(description="where everything is recorded", examples=[{"sqlite": {"path": "var/countersign.db"}}])
    activation: ActivationSource = Field(description="boundary and policies", examples=[{"path": "activation"}])
    opa: Opa = Field(default=Opa(), description="the policy engine")
    targets: Mapping[Name, Target] = Field(default={}, max_length=256, description="host systems that writes go to, by name")
    tools: Mapping[Name, Tool] = Field(default={}, max_length=TOOLS_MAX * 8, description="what agents may read over HTTP, by name")
    mcp: Mapping[Name, McpServer] = Field(default={}, max_length=32, description="MCP servers and which of their tools agents may call, by name")
    models: Mapping[Name, Model] = Field(default={}, max_length=64, description="what agents think with, by name, in order of preference")
    transcripts: Transcripts | None = Field(default=None, description="needed where a step says transcript: text")
    telemetry: Telemetry = Field(default=Telemetry(), description="logs")
    limits: Tightened = Field(default=Tightened(), description="tighter than the ceiling")
    reconcile: Reconcile = Field(default=Reconcile(), description="how unknown outcomes are found out")
    retention: Retention = Field(default=Retention(), description="how long what has ended is kept")
    shutdown_grace_ms: Annotated[DurationMs, Field(ge=0, le=600_000)] = Field(
        default=30_000, alias="shutdown_grace", description="what is under way may take this long to end", examples=["30s"]
    )

    @property
    def tenants(self) -> frozenset[str]:
        """Those that a workflow listener serves: the boundary has to declare each."""
        return frozenset(one.tenant for one in self.listeners if one.role is Role.WORKFLOW)

    @property
    def readable(self) -> Mapping[str, Tool | McpTool]:
        """All that agents may read, by the names a boundary uses."""
        allowed = {f"{server}.{name}": tool for server, declared in self.mcp.items() for name, tool in declared.tools.items()}
        return {**self.tools, **allowed}

    @property
    def prefetchable(self) -> list[str]:
        """Those that a step can name under `reads`."""
        return [name for name, tool in self.readable.items() if tool.prefetchable]

    @model_validator(mode="after")
    def _tools_are_apart(self) -> Self:
        names = list(self.tools)
        for server, declared in self.mcp.items():
            for tool in declared.tools:
                name, at = f"{server}.{tool}", ("mcp", server, "tools", tool)
                if name in names:
                    raise wrong(f'two tools are called "{name}"', write="Give one of them another name.", at=at)
                if len(name) > NAME_CHARS_MAX:
                    raise wrong(f'"{name}" has more than {NAME_CHARS_MAX} characters', write="Give the server or the tool a shorter name.", at=at)
                names.append(name)
        return self

    @model_validator(mode="after")
    def _recovers_in_time(self) -> Self:
        if self.store.postgres is not None and self.reconcile.interval_ms > _RECOVERY_MS_MAX:
            message = "what another gateway left is found by its lease, within 5 s of its end"
            raise wrong(message, write="Write reconcile: {interval: 2s}, at most 5s.", at=("reconcile", "interval"))
        return self

    @model_validator(mode="after")
    def _listeners_are_apart(self) -> Self:
        names: set[str] = set()
        addresses: set[str] = set()
        folders: dict[Path, str] = {}
        for place, one in enumerate(self.listeners):
            if one.name in names:
                raise wrong(f'two listeners are called "{one.name}"', write="Give each a name of its own.", at=("listeners", place, "name"))
            if one.address in addresses and not one.address.endswith(":0"):
                raise wrong(f"two listeners share {one.address}", write="Give each an address of its own.", at=("listeners", place, "address"))
            if one.socket is not None and (other := folders.setdefault(one.socket.parent, one.name)) != one.name:
                message = f'the folder {one.socket.parent} is what proves a caller, and listener "{other}" has it already'
                raise wrong(message, write=f"Give each socket a folder of its own, like {one.socket.parent / one.name}/.", at=("listeners", place, "address"))
            names.add(one.name)
            addresses.add(one.address)
        if self.diagnostics is not None and self.diagnostics.address in addresses and not self.diagnostics.address.endswith(":0"):
            raise wrong("diagnostics shares the address of a listener", write="Give it a port of its own.", at=("diagnostics", "address"))
        return self
