"""OperatorService over a real server: the kill switch, unknown outcomes, listings; and what a listener of one tenant may not reach."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from google.protobuf.message import Message

from countersign.v1 import operator_pb2, types_pb2
from gateway.domain.budget import Ledger
from gateway.domain.handoffs import Outcome
from gateway.domain.identity import Role
from gateway.domain.lifecycle import State
from gateway.domain.limits import CLOCK_SKEW_MS
from gateway.domain.reasons import Reason
from tests.fakes.activation import OTHER_TENANT, TENANT, activation, counted
from tests.fakes.commands import NOW_MS, commit_command, decide_command, step_command
from tests.fakes.gateway import FakeGateway, gateway
from tests.fakes.host import VANISHED
from tests.fakes.served import OPERATOR, Refused, Served, every_role, listener, served

M = TypeVar("M", bound=Message)
EVERYTHING = operator_pb2.HaltRequest(reason="incident 7")


@dataclass(frozen=True, slots=True)
class Desk:
    """Operators of every tenant, and one of acme's alone (`acme`, `acme-resolver`)."""

    of: FakeGateway
    one: Served

    async def ask(self, name: str, rpc: str, request: Message, answer: type[M]) -> M:
        return await self.one.ask(name, f"{OPERATOR}/{rpc}", request, answer)

    async def refused(self, name: str, rpc: str, request: Message) -> Refused:
        return await self.one.refused(name, f"{OPERATOR}/{rpc}", request)

    async def unknown(self, key: str = "K-1", *, tenant: str = TENANT) -> str:
        self.of.billing.turns.append(VANISHED)
        outcome = await self.of.commit(commit_command(key, tenant=tenant))
        assert outcome.row.state is State.UNKNOWN
        return outcome.row.commit_id

    async def halt(self, name: str = "operator", **scope: str) -> operator_pb2.HaltResponse:
        request = operator_pb2.HaltRequest(scope=operator_pb2.HaltScope(**scope), reason="incident 7")
        return await self.ask(name, "Halt", request, operator_pb2.HaltResponse)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    own = [listener("acme", f"unix:{tmp_path}/a.sock", role=Role.OPERATOR), listener("acme-resolver", f"unix:{tmp_path}/ar.sock", role=Role.RESOLVER)]
    async with gateway(activation(run_budgets=[counted(Ledger.WRITES, 3)])) as of, served(of, [*every_role(tmp_path), *own]) as one:
        yield Desk(of, one)


def reason(refused: Refused) -> str:
    assert refused.info is not None, refused
    return str(refused.info.reason)


async def test_a_halt_names_who_threw_it_and_what_was_under_way(desk: Desk) -> None:
    """The principal is the listener's caller; the inventory is of that instant."""
    await desk.unknown()

    thrown = await desk.halt(action="top_up")

    assert (thrown.halt.principal, thrown.halt.reason, thrown.halt.scope.action) == ("operator", "incident 7", "top_up")
    assert (thrown.halt.create_time.ToMilliseconds(), thrown.halt.HasField("lift_time")) == (NOW_MS, False)
    assert (thrown.inventory.in_flight, thrown.inventory.unknown, thrown.inventory.thinking) == (0, 1, 0)
    assert [(one.level, one.ledger, one.held) for one in thrown.inventory.held] == [("run", "writes", 1), ("tenant", "value", 1_000)]


async def test_a_halt_is_lifted_by_name_and_stays_in_the_list_of_all(desk: Desk) -> None:
    """With who lifted it."""
    thrown = await desk.halt()
    lifted = await desk.ask("operator", "Resume", operator_pb2.ResumeRequest(halt_id=thrown.halt.halt_id, reason="over"), operator_pb2.ResumeResponse)

    active = await desk.ask("viewer", "ListHalts", operator_pb2.ListHaltsRequest(), operator_pb2.ListHaltsResponse)
    every = await desk.ask("viewer", "ListHalts", operator_pb2.ListHaltsRequest(include_lifted=True), operator_pb2.ListHaltsResponse)

    assert (lifted.halt.lifted_by, lifted.halt.HasField("lift_time")) == ("operator", True)
    assert (list(active.halts), [one.halt_id for one in every.halts]) == ([], [thrown.halt.halt_id])


@pytest.mark.parametrize(
    ("rpc", "request_message", "fields"),
    [
        ("Halt", operator_pb2.HaltRequest(), ["reason"]),
        ("Halt", operator_pb2.HaltRequest(reason="  "), ["reason"]),
        ("Halt", operator_pb2.HaltRequest(reason="r" * 501), ["reason"]),
        ("Halt", operator_pb2.HaltRequest(reason="r", scope=operator_pb2.HaltScope(run_id="run-1")), ["scope.workflow"]),
        ("Halt", operator_pb2.HaltRequest(reason="r", scope=operator_pb2.HaltScope(action="a" * 65)), ["scope.action"]),
        ("Resume", operator_pb2.ResumeRequest(), ["halt_id", "reason"]),
        ("ListCommits", operator_pb2.ListCommitsRequest(page_size=501, page_token="x"), ["page_token", "page_size"]),
        ("ListCommits", operator_pb2.ListCommitsRequest(outcome=types_pb2.OUTCOME_AWAITING_APPROVAL), ["outcome"]),
        ("InspectCommit", operator_pb2.InspectCommitRequest(idempotency_key="K-1"), ["tenant"]),
        ("InspectRun", operator_pb2.InspectRunRequest(run_id="run-1"), ["tenant"]),
    ],
)
async def test_every_wrong_field_is_named(desk: Desk, rpc: str, request_message: Message, fields: list[str]) -> None:
    """A halt without a reason is no halt; where every tenant is served, one is named."""
    refused = await desk.refused("operator", rpc, request_message)

    assert (reason(refused), [path for path, _ in refused.fields]) == (Reason.MALFORMED, fields)


async def test_an_operator_of_one_tenant_halts_and_lifts_nothing_else(desk: Desk) -> None:
    """Not everything, not another tenant."""
    for scope in ({}, {"tenant": OTHER_TENANT}, {"action": "top_up"}):
        asked = operator_pb2.HaltRequest(scope=operator_pb2.HaltScope(**scope), reason="r")
        refused = await desk.refused("acme", "Halt", asked)
        assert [path for path, _ in refused.fields] == ["scope.tenant"]
    mine, everybodys = await desk.halt("acme", tenant=TENANT), await desk.halt()

    seen = await desk.ask("acme", "ListHalts", operator_pb2.ListHaltsRequest(), operator_pb2.ListHaltsResponse)
    lifting = operator_pb2.ResumeRequest(halt_id=everybodys.halt.halt_id, reason="over")

    assert {one.halt_id for one in seen.halts} == {mine.halt.halt_id, everybodys.halt.halt_id}
    assert reason(await desk.refused("acme", "Resume", lifting)) == Reason.NOT_FOUND


async def test_an_unknown_is_resolved_with_evidence(desk: Desk) -> None:
    """Settled, under the resolver's name."""
    commit_id = await desk.unknown()
    asked = operator_pb2.ResolveCommitRequest(
        commit_id=commit_id, expected=types_pb2.OUTCOME_UNKNOWN, outcome=types_pb2.OUTCOME_SUCCEEDED, evidence="their ledger, line 7"
    )  # fmt: skip

    resolved = await desk.ask("resolver", "ResolveCommit", asked, operator_pb2.ResolveCommitResponse)
    again = await desk.refused("resolver", "ResolveCommit", asked)

    assert (resolved.commit.outcome, [one.settled for one in resolved.commit.budgets]) == (types_pb2.OUTCOME_SUCCEEDED, [1, 1_000])
    assert [path for path, _ in again.fields] == ["expected"]


async def test_a_resolution_names_what_it_expects_says_how_and_why(desk: Desk) -> None:
    """And only UNKNOWN is resolved, to one of two ends."""
    refused = await desk.refused("resolver", "ResolveCommit", operator_pb2.ResolveCommitRequest(outcome=types_pb2.OUTCOME_DENIED))

    assert [path for path, _ in refused.fields] == ["commit_id", "evidence", "expected", "outcome"]


async def test_failed_is_not_said_before_every_sender_has_stopped(desk: Desk) -> None:
    """The field says from when on."""
    commit_id = await desk.unknown()
    asked = operator_pb2.ResolveCommitRequest(
        commit_id=commit_id, expected=types_pb2.OUTCOME_UNKNOWN, outcome=types_pb2.OUTCOME_FAILED, evidence="never arrived"
    )  # fmt: skip
    early = await desk.refused("resolver", "ResolveCommit", asked)
    desk.of.clock.advance(ms=60_000 + CLOCK_SKEW_MS)

    late = await desk.ask("resolver", "ResolveCommit", asked, operator_pb2.ResolveCommitResponse)

    assert ([path for path, _ in early.fields], late.commit.outcome) == (["outcome"], types_pb2.OUTCOME_FAILED)


async def test_commits_are_listed_newest_first_in_pages(desk: Desk) -> None:
    """By tenant, outcome and workflow."""
    for number in range(3):
        await desk.of.commit(commit_command(f"K-{number}", run_id=f"run-{number}"))
    await desk.unknown("K-9", tenant=OTHER_TENANT)

    async def listed(name: str, **asked: object) -> tuple[list[str], str]:
        request = operator_pb2.ListCommitsRequest()
        for field, value in asked.items():
            setattr(request, field, value)
        page = await desk.ask(name, "ListCommits", request, operator_pb2.ListCommitsResponse)
        return [one.idempotency_key for one in page.commits], page.next_page_token

    first, token = await listed("viewer", page_size=3)
    assert first == ["K-9", "K-2", "K-1"]
    assert await listed("viewer", page_size=3, page_token=token) == (["K-0"], "")
    assert (await listed("viewer", outcome=types_pb2.OUTCOME_UNKNOWN))[0] == ["K-9"]
    assert (await listed("viewer", tenant=TENANT))[0] == (await listed("acme"))[0] == ["K-2", "K-1", "K-0"]
    assert (await listed("viewer", workflow="nowhere"))[0] == []


async def test_a_listener_of_one_tenant_sees_that_tenant(desk: Desk) -> None:
    """Another's commit, run and budgets are not found, or not there."""
    theirs = await desk.unknown(tenant=OTHER_TENANT)
    by_id = await desk.refused("acme", "InspectCommit", operator_pb2.InspectCommitRequest(commit_id=theirs))
    by_name = await desk.refused("acme", "InspectCommit", operator_pb2.InspectCommitRequest(tenant=OTHER_TENANT, commit_id=theirs))
    run = await desk.refused("acme", "InspectRun", operator_pb2.InspectRunRequest(run_id="run-1"))
    resolving = operator_pb2.ResolveCommitRequest(
        commit_id=theirs, expected=types_pb2.OUTCOME_UNKNOWN, outcome=types_pb2.OUTCOME_SUCCEEDED, evidence="e"
    )  # fmt: skip
    resolved = await desk.refused("acme-resolver", "ResolveCommit", resolving)
    budgets = await desk.ask("acme", "ListBudgets", operator_pb2.ListBudgetsRequest(), operator_pb2.ListBudgetsResponse)

    assert [reason(one) for one in (by_id, by_name, run, resolved)] == [Reason.NOT_FOUND, Reason.MALFORMED, Reason.NOT_FOUND, Reason.NOT_FOUND]
    assert list(budgets.budgets) == []


async def test_a_commit_and_a_run_are_inspected(desk: Desk) -> None:
    """By key where a tenant is named; the trace as the workflow would see it."""
    await desk.of.runs.record_step(step_command())
    done: Outcome = await desk.of.commit(commit_command())
    by_key = operator_pb2.InspectCommitRequest(tenant=TENANT, idempotency_key="K-1")

    found = await desk.ask("viewer", "InspectCommit", by_key, operator_pb2.InspectCommitResponse)
    asked = operator_pb2.InspectRunRequest(tenant=TENANT, run_id="run-1", workflow="subscribe")
    trace = await desk.ask("viewer", "InspectRun", asked, operator_pb2.InspectRunResponse)

    assert (found.commit.commit_id, found.commit.host_response) == (done.row.commit_id, b'{"ok":true}')
    assert [(one.level, one.scope, one.ledger, one.held, one.settled, one.left, one.limit) for one in trace.run.budgets] == [
        ("run", "run-1", "writes", 0, 1, 2, 3),
    ]  # fmt: skip
    assert [types_pb2.EntryKind.Name(line.kind) for line in trace.entries] == ["ENTRY_KIND_STEP_RECORDED", "ENTRY_KIND_INTENT", "ENTRY_KIND_OUTCOME"]


async def test_budgets_are_listed_with_the_limits_in_force(desk: Desk) -> None:
    """A run's limits are those it was opened with; a limit that is gone is 0."""
    await desk.of.commit(commit_command())
    await desk.unknown("K-2")
    await desk.of.decide(decide_command())
    await desk.of.activate(activation(number=2))

    listed = await desk.ask("viewer", "ListBudgets", operator_pb2.ListBudgetsRequest(tenant=TENANT), operator_pb2.ListBudgetsResponse)

    assert {(one.level, one.scope, one.ledger): (one.held, one.settled, one.left) for one in listed.budgets} == {
        ("run", "run-1", "writes"): (1, 1, 1),
        ("tenant", TENANT, "value"): (1_000, 1_000, 10**12 - 2_000),
        ("tenant", TENANT, "spend"): (0, 30, 10**12 - 30),
    }


async def test_the_activation_in_force_is_shown(desk: Desk) -> None:
    """Number, revision, digest, the boundary as written."""
    shown = await desk.ask("viewer", "GetActivation", operator_pb2.GetActivationRequest(), operator_pb2.GetActivationResponse)

    assert (shown.number, shown.revision, shown.digest, shown.boundary_yaml) == (1, "rev-1", b"\x01" * 32, b"version: 1\n")


async def test_a_tenant_is_not_told_what_others_may_spend(desk: Desk) -> None:
    """The boundary file has the budgets of all: who is shown one tenant is shown what the law is called, and no more."""
    shown = await desk.ask("acme", "GetActivation", operator_pb2.GetActivationRequest(), operator_pb2.GetActivationResponse)

    assert (shown.number, shown.digest, shown.boundary_yaml) == (1, b"\x01" * 32, b"")


async def test_a_host_is_asked_now(desk: Desk) -> None:
    """Instead of when its turn comes: the re-send of a host that dedupes settles it."""
    commit_id = await desk.unknown()
    desk.of.clock.advance(ms=60_000)

    done = await desk.ask("operator", "ReconcileCommit", operator_pb2.ReconcileCommitRequest(commit_id=commit_id), operator_pb2.ReconcileCommitResponse)
    again = await desk.ask("resolver", "ReconcileCommit", operator_pb2.ReconcileCommitRequest(commit_id=commit_id), operator_pb2.ReconcileCommitResponse)

    assert (done.asked, done.commit.outcome) == (True, types_pb2.OUTCOME_SUCCEEDED)
    assert (again.asked, again.commit.outcome) == (False, types_pb2.OUTCOME_SUCCEEDED)
    assert len(desk.of.billing.deliveries) == 2


async def test_an_operator_of_one_tenant_asks_about_its_own(desk: Desk) -> None:
    """Another tenant's is not found, and nobody is asked."""
    commit_id = await desk.unknown(tenant=OTHER_TENANT)
    desk.of.clock.advance(ms=60_000)

    refused = await desk.refused("acme", "ReconcileCommit", operator_pb2.ReconcileCommitRequest(commit_id=commit_id))

    assert reason(refused) == Reason.NOT_FOUND
    assert len(desk.of.billing.deliveries) == 1


async def test_commits_are_listed_by_age(desk: Desk) -> None:
    """Only those admitted before; younger ones are passed over page by page, and a page may be empty."""
    old = await desk.unknown("K-old")
    desk.of.clock.advance(ms=3_600_000)
    for number in range(3):
        await desk.of.commit(commit_command(f"K-{number}", run_id=f"run-{number + 2}", expire_at_ms=0))
    asked = operator_pb2.ListCommitsRequest(tenant=TENANT, page_size=2)
    asked.created_before.FromMilliseconds(NOW_MS + 1_000)

    found = await desk.ask("viewer", "ListCommits", asked, operator_pb2.ListCommitsResponse)
    asked.created_before.FromMilliseconds(NOW_MS)
    nothing = await desk.ask("viewer", "ListCommits", asked, operator_pb2.ListCommitsResponse)

    assert [one.commit_id for one in found.commits] == [old]
    assert (list(nothing.commits), nothing.next_page_token) == ([], "")


async def test_a_budget_says_whose_it_is_and_when_it_begins_anew(desk: Desk) -> None:
    """Of a window its start and its end; a total has neither."""
    await desk.unknown()

    found = await desk.ask("viewer", "ListBudgets", operator_pb2.ListBudgetsRequest(), operator_pb2.ListBudgetsResponse)

    of_run = next(one for one in found.budgets if one.level == "run")
    assert (of_run.tenant, of_run.HasField("window_start_time"), of_run.HasField("reset_time")) == (TENANT, False, False)
    windowed = [one for one in found.budgets if one.window != "total"]
    assert all(one.window_start_time.ToMilliseconds() <= NOW_MS < one.reset_time.ToMilliseconds() for one in windowed)
