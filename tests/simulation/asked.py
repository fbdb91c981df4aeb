"""The words of the reference model: what is asked, what is kept. No line of the product."""

from dataclasses import dataclass, field
from typing import NamedTuple

Answer = tuple[str, str]


class Run(NamedTuple):
    tenant: str
    workflow: str
    run_id: str


class Place(NamedTuple):
    """A budgeted quantity at one level."""

    level: str
    tenant: str
    workflow: str
    run_id: str
    ledger: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a run gets when it is opened."""

    steps_max: int
    wall_ms_max: int
    stops_run: frozenset[str]
    writes_max: int


@dataclass(slots=True, kw_only=True)
class Request:
    """What somebody asks; `step` and `action` may not change under one key."""

    run: Run
    key: str
    content: str
    step: str
    action: str = ""
    supersedes: str = ""
    costs: dict[str, int] = field(default_factory=dict)  # ledger → amount
    decision: str = ""
    expires_at: int = 0
    denied: bool = False  # by policy


@dataclass(slots=True, kw_only=True)
class Kept:
    """A commit or a decision, and what it holds."""

    request: Request
    state: str
    holds: dict[tuple[Place, int], int] = field(default_factory=dict)  # (place, window) → amount
    attempts: list[str] = field(default_factory=list)
    made_at: int = 0
    lease_until: int = 0
    not_after: int = 0
    expires_at: int = 0
    consumed_by: str = ""
    boot: int = 0


@dataclass(slots=True, kw_only=True)
class Opened:
    steps_left: int
    deadline: int
    terms: Terms
    steps: int = 0
    stop: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What there is, for comparison."""

    states: dict[str, tuple[str, int]]  # commit or decision → state, attempts
    consumers: dict[str, str]  # decision → commit
    runs: dict[Run, tuple[int, str]]  # steps, stop
    balances: dict[tuple[Place, int], tuple[int, int]]  # (place, window) → held, settled; those that moved
