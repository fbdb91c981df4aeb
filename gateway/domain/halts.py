"""The kill switch: a scope, a reason, a principal. All fields that are set must match; none set means everything.

A halt on a model takes that model out of every step in scope: a step that lists another thinks with it, one that lists no other is denied. What
was thinking when the halt was thrown, and could have asked that model, is cut off.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace


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


def not_halted_models(reach: Reach, halts: Iterable[Halt]) -> tuple[str, ...]:
    """The models a Decide may still think with, in its order of preference."""
    return tuple(model for model in reach.models if not any(halt.scope.model and covers(halt.scope, replace(reach, models=(model,))) for halt in halts))


def denies(halt: Halt, reach: Reach, models_left: tuple[str, ...]) -> bool:
    """True when nothing is admitted under this halt. One on a model leaves a step that lists another to that one."""
    return covers(halt.scope, reach) and not (halt.scope.model and models_left)


def says(scope: HaltScope) -> str:
    """The scope for a person: `tenant=acme action=activate_plan`, or `everything`."""
    return " ".join(f"{field.name}={value}" for field in fields(scope) if (value := getattr(scope, field.name))) or "everything"


_SINGLE = ("tenant", "workflow", "step", "action", "target", "run_id")
