"""A refusal: the request was not taken. A value, with what was seen, what was expected and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that is not what it must be. `path` is the message field, with the JSON Pointer behind it where it is inside a document."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    reason: Reason
    message: str  # for a person: what was seen, what was expected, what to do; bounded, no payload
    violations: tuple[Violation, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    retry_after_ms: int = 0


def malformed(path: str, problem: str) -> Refusal:
    return Refusal(reason=Reason.MALFORMED, message=f"{path}: {problem}", violations=(Violation(path, problem),))


def undeclared(what: str, name: str, known: list[str]) -> Refusal:
    """`known` are the declared names, shown up to eight."""
    shown = ", ".join(sorted(known)[:8]) + (", …" if len(known) > 8 else "")
    return Refusal(
        reason=Reason.UNDECLARED,
        message=f'{what} "{name[:64]}" is not in the boundary; declared: {shown or "none"}. Declare it in boundary.yaml, or correct the name.',
        violations=(Violation(what, "undeclared"),),
        facts={what: name[:64]},
    )
