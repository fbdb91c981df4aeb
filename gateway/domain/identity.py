"""Who is calling: a property of the listener, never of a message.

1. A workflow's socket cannot reach an operator's method: roles × methods is this table, and absent means no.
2. A principal named in a message is a note; the recorded principal is the listener's caller.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

EVERY_TENANT: Final = "*"


class Role(StrEnum):
    WORKFLOW = "workflow"
    VIEWER = "viewer"
    OPERATOR = "operator"
    RESOLVER = "resolver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What a listener proves about everybody who reaches it."""

    tenant: str  # one tenant, or "*" for operators
    name: str
    role: Role


_WORKFLOW: Final = ("Decide", "Commit", "PreviewCommit", "GetCommit", "WaitCommit", "RecordStep", "FinishRun", "GetRun")
_VIEW: Final = ("ListCommits", "ListHalts", "ListBudgets", "GetActivation", "InspectCommit", "InspectRun")
_AUDIT: Final = ("GetCheckpoint", "ListEntries", "GetInclusionProof", "GetConsistencyProof")

ALLOWED: Final[dict[Role, frozenset[str]]] = {
    Role.WORKFLOW: frozenset(_WORKFLOW),
    Role.VIEWER: frozenset((*_VIEW, *_AUDIT)),
    Role.OPERATOR: frozenset((*_VIEW, *_AUDIT, "Halt", "Resume", "ReconcileCommit")),
    Role.RESOLVER: frozenset((*_VIEW, *_AUDIT, "ResolveCommit", "ReconcileCommit")),
}


def may(role: Role, method: str) -> bool:
    return method in ALLOWED[role]
