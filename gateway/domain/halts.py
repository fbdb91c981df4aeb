"""The kill switch: a scope, a reason, a principal. All fields that are set must match; none set means everything."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltScope:
    tenant: str = ""
    workflow: str = ""
    step: str = ""
    action: str = ""
    target: str = ""
    model: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What one request touches. A Decide may touch several models; a Commit none."""

    tenant: str
    workflow: str
    step: str
    run_id: str
    action: str = ""
    target: str = ""
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    halt_id: str
    scope: HaltScope
    reason: str
    principal: str
    thrown_at_ms: int
    lifted_at_ms: int  # 0 while active
    lifted_by: str
    lift_reason: str
    salt: bytes = b""  # of the reason's digest in the leaf
    lift_salt: bytes = b""


def covers(scope: HaltScope, reach: Reach) -> bool:
    """A scope that names an action or a target never covers a Decide; one that names a model never covers a Commit."""
    for name in _SINGLE:
        wanted = getattr(scope, name)
        if wanted and wanted != getattr(reach, name):
            return False
    return not scope.model or scope.model in reach.models


def says(scope: HaltScope) -> str:
    """The scope for a person: `tenant=acme action=activate_plan`, or `everything`."""
    return " ".join(f"{field.name}={value}" for field in fields(scope) if (value := getattr(scope, field.name))) or "everything"


_SINGLE = ("tenant", "workflow", "step", "action", "target", "run_id")
