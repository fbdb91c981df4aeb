"""What an operator asks of a gateway, over the operator's own listener. Synchronous; one request a call, sent once.

1. A workflow's listener refuses every one of these: `Refused` with NOT_ALLOWED.
2. `Halt`, `Resume`, `ResolveCommit` and `ReconcileCommit` change something. After an `Unclear` look (`halts`, `inspect_commit`) before asking again.
3. Where one listener serves every tenant, `tenant` says which one is meant; elsewhere it stays empty.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from countersign import decoding
from countersign.answers import BudgetMovement, Commit, RunTrace, TraceEntry
from countersign.channel import Line
from countersign.codes import Outcome
from countersign.v1 import operator_pb2, operator_pb2_grpc, types_pb2

DEADLINE_S: Final = 10.0
PAGE_SIZE: Final = 100
PAGES_MAX: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltScope:
    """All fields that are set must match; none set means everything."""

    tenant: str = ""
    workflow: str = ""
    step: str = ""
    action: str = ""
    target: str = ""
    model: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltRecord:
    """One throw of the kill switch."""

    halt_id: str
    scope: HaltScope
    reason: str
    principal: str  # the listener's caller that threw it
    create_time: datetime | None
    lift_time: datetime | None  # None while active
    lifted_by: str
    raw: operator_pb2.HaltRecord = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Halted:
    """A halt, and what was under way in its scope at that instant."""

    halt: HaltRecord
    in_flight: int
    unknown: int
    thinking: int
    held: tuple[BudgetMovement, ...]
    raw: operator_pb2.HaltResponse = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPage:
    """Commits, newest first, without host responses."""

    commits: tuple[Commit, ...]
    next_page_token: str  # empty on the last page


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """A commit as it stands after its host was asked."""

    commit: Commit
    asked: bool  # False: it had ended, is in flight, or is being asked about


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationInForce:
    """Boundary, policies, limits and prices under one revision."""

    number: int
    revision: str
    digest: bytes
    create_time: datetime | None
    boundary_yaml: bytes
    raw: operator_pb2.GetActivationResponse = field(repr=False, compare=False)


class Operator:
    """Made by `connect_operator`; closed by its `with` block. Every method raises Refused or Unclear."""

    def __init__(self, line: Line, *, deadline_s: float) -> None:
        self._line: Final = line
        self._stub: Final = operator_pb2_grpc.OperatorServiceStub(line.channel)
        self._deadline_s: Final = deadline_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._line.close()

    def list_commits(
        self,
        *,
        tenant: str = "",
        outcome: Outcome | None = None,
        workflow: str = "",
        created_before: datetime | None = None,
        page_size: int = PAGE_SIZE,
        page_token: str = "",
    ) -> CommitPage:
        """One page, newest first. With `created_before`, a page may be empty and have a next one."""
        request = operator_pb2.ListCommitsRequest(tenant=tenant, workflow=workflow, page_size=page_size, page_token=page_token)
        if outcome is not None:
            request.outcome = _wire_outcome(outcome)
        if created_before is not None:
            request.created_before.FromDatetime(created_before)
        wire = self._line.ask(self._stub.ListCommits, request, deadline_s=self._deadline_s)
        return CommitPage(commits=tuple(decoding.commit(one, replayed=False) for one in wire.commits), next_page_token=wire.next_page_token)

    def inspect_commit(self, *, commit_id: str | None = None, key: str | None = None, tenant: str = "") -> Commit:
        """By id or by key, one of the two. Refused with NOT_FOUND: there is none."""
        if (commit_id is None) == (key is None):
            raise ValueError("name the commit by commit_id or by key, one of the two")
        request = operator_pb2.InspectCommitRequest(tenant=tenant)
        if commit_id is not None:
            request.commit_id = commit_id
        if key is not None:
            request.idempotency_key = key
        return decoding.commit(self._line.ask(self._stub.InspectCommit, request, deadline_s=self._deadline_s).commit, replayed=False)

    def resolve_commit(self, *, commit_id: str, outcome: Outcome, evidence: str) -> Commit:
        """Settles an UNKNOWN commit as SUCCEEDED or FAILED, with what was seen at the host (1 to 2,000 characters)."""
        if outcome not in {Outcome.SUCCEEDED, Outcome.FAILED}:
            raise ValueError(f"outcome is {outcome}; an unknown is resolved to SUCCEEDED or FAILED")
        request = operator_pb2.ResolveCommitRequest(commit_id=commit_id, expected=types_pb2.OUTCOME_UNKNOWN, outcome=_wire_outcome(outcome), evidence=evidence)
        return decoding.commit(self._line.ask(self._stub.ResolveCommit, request, deadline_s=self._deadline_s).commit, replayed=False)

    def reconcile_commit(self, commit_id: str) -> Reconciled:
        """Asks the host of an UNKNOWN commit now. It may still be UNKNOWN afterwards."""
        request = operator_pb2.ReconcileCommitRequest(commit_id=commit_id)
        wire = self._line.ask(self._stub.ReconcileCommit, request, deadline_s=self._deadline_s)
        return Reconciled(commit=decoding.commit(wire.commit, replayed=False), asked=wire.asked)

    def halt(self, scope: HaltScope, *, reason: str) -> Halted:
        """After it returns, nothing in scope is admitted."""
        request = operator_pb2.HaltRequest(scope=_wire_scope(scope), reason=reason)
        wire = self._line.ask(self._stub.Halt, request, deadline_s=self._deadline_s)
        inventory = wire.inventory
        return Halted(
            halt=_halt(wire.halt),
            in_flight=inventory.in_flight,
            unknown=inventory.unknown,
            thinking=inventory.thinking,
            held=decoding.budgets(inventory.held),
            raw=wire,
        )

    def resume(self, halt_id: str, *, reason: str) -> HaltRecord:
        """Lifts one halt."""
        request = operator_pb2.ResumeRequest(halt_id=halt_id, reason=reason)
        return _halt(self._line.ask(self._stub.Resume, request, deadline_s=self._deadline_s).halt)

    def halts(self, *, include_lifted: bool = False) -> tuple[HaltRecord, ...]:
        """Active ones first, newest first."""
        request = operator_pb2.ListHaltsRequest(include_lifted=include_lifted)
        return tuple(_halt(one) for one in self._line.ask(self._stub.ListHalts, request, deadline_s=self._deadline_s).halts)

    def budgets(self, *, tenant: str = "", workflow: str = "") -> tuple[BudgetMovement, ...]:
        """The current window of every node that has moved or has a limit."""
        request = operator_pb2.ListBudgetsRequest(tenant=tenant, workflow=workflow)
        return decoding.budgets(self._line.ask(self._stub.ListBudgets, request, deadline_s=self._deadline_s).budgets)

    def activation(self) -> ActivationInForce:
        wire = self._line.ask(self._stub.GetActivation, operator_pb2.GetActivationRequest(), deadline_s=self._deadline_s)
        return ActivationInForce(
            number=wire.number,
            revision=wire.revision,
            digest=wire.digest,
            create_time=decoding.moment(wire.create_time, known=wire.HasField("create_time")),
            boundary_yaml=wire.boundary_yaml,
            raw=wire,
        )

    def inspect_run(self, *, run_id: str, workflow: str = "", tenant: str = "") -> RunTrace:
        """A run and its whole trace, oldest first; reads page after page. `workflow` may be empty where the run id is unique in the tenant."""
        entries: list[TraceEntry] = []
        for wire in self._pages(operator_pb2.InspectRunRequest(tenant=tenant, workflow=workflow, run_id=run_id, page_size=PAGE_SIZE)):
            entries.extend(decoding.trace_entry(one) for one in wire.entries)
            if not wire.next_page_token:
                return RunTrace(run=decoding.run(wire.run), entries=tuple(entries))
        raise RuntimeError(f"the trace of run {run_id} did not end within {PAGES_MAX} pages of {PAGE_SIZE}")

    def _pages(self, request: operator_pb2.InspectRunRequest) -> Iterator[operator_pb2.InspectRunResponse]:
        for _ in range(PAGES_MAX):
            page = self._line.ask(self._stub.InspectRun, request, deadline_s=self._deadline_s)
            request.page_token = page.next_page_token
            yield page


def connect_operator(address: str, *, token_file: str | Path | None = None, deadline_s: float = DEADLINE_S) -> Operator:
    """The operator listener at `unix:/path` or `127.0.0.1:port`. Nothing is sent yet. ValueError for an address off this machine."""
    return Operator(Line(address, None if token_file is None else Path(token_file)), deadline_s=deadline_s)


def _wire_outcome(outcome: Outcome) -> types_pb2.Outcome.ValueType:
    return types_pb2.Outcome.Value(f"OUTCOME_{outcome}")


def _wire_scope(scope: HaltScope) -> operator_pb2.HaltScope:
    said: Mapping[str, str] = {one.name: getattr(scope, one.name) for one in fields(scope)}
    return operator_pb2.HaltScope(**said)


def _halt(wire: operator_pb2.HaltRecord) -> HaltRecord:
    return HaltRecord(
        halt_id=wire.halt_id,
        scope=HaltScope(**{one.name: getattr(wire.scope, one.name) for one in fields(HaltScope)}),
        reason=wire.reason,
        principal=wire.principal,
        create_time=decoding.moment(wire.create_time, known=wire.HasField("create_time")),
        lift_time=decoding.moment(wire.lift_time, known=wire.HasField("lift_time")),
        lifted_by=wire.lifted_by,
        raw=wire,
    )
