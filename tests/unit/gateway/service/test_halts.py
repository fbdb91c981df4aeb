"""The kill switch and an operator's word."""

import asyncio

import pytest

from gateway.domain.faults import StoreFault
from gateway.domain.halts import Halt, HaltScope
from gateway.domain.handoffs import Outcome
from gateway.domain.identity import Role
from gateway.domain.lifecycle import State
from gateway.domain.limits import CLOCK_SKEW_MS
from gateway.domain.reasons import Reason
from gateway.domain.refusal import Refusal
from gateway.domain.writes.halts import ThrowHalt, Thrown
from tests.fakes.activation import OTHER_TENANT, TENANT, WORKFLOW
from tests.fakes.commands import caller, commit_command, decide_command, patient
from tests.fakes.gateway import NEVER_S, FakeGateway, gateway
from tests.fakes.host import VANISHED

OPS = caller("*", name="ops", role=Role.OPERATOR)
OPS_OF_ACME = caller(TENANT, name="acme-ops", role=Role.OPERATOR)


async def throw(one: FakeGateway, **scope: str) -> Thrown:
    return await one.halts.throw(HaltScope(**scope), reason="incident", caller=OPS, hand_over_by_s=NEVER_S)


async def lift(one: FakeGateway, halt_id: str, by: str = "*") -> Halt | Refusal:
    return await one.halts.lift(halt_id, reason="over", caller=OPS if by == "*" else OPS_OF_ACME, hand_over_by_s=NEVER_S)


@pytest.mark.parametrize(
    "scope",
    [
        {},
        {"tenant": TENANT},
        {"workflow": WORKFLOW},
        {"step": "write"},
        {"action": "top_up"},
        {"target": "billing"},
        {"tenant": TENANT, "workflow": WORKFLOW, "run_id": "run-1"},
        {"tenant": TENANT, "action": "top_up"},
    ],
    ids=str,
)
async def test_after_a_halt_nothing_in_scope_is_admitted(scope: dict[str, str]) -> None:
    """Whichever part of a write it names."""
    async with gateway() as one:
        thrown = await throw(one, **scope)

        outcome = await one.commit(commit_command())

        assert [(note.reason, note.facts["halt_id"]) for note in outcome.row.notes] == [(Reason.HALTED, thrown.halt.halt_id)]
        assert one.billing.deliveries == []


@pytest.mark.parametrize(
    "scope",
    [{"tenant": OTHER_TENANT}, {"action": "notify"}, {"target": "mail"}, {"model": "small"}, {"tenant": TENANT, "workflow": WORKFLOW, "run_id": "run-2"}],
    ids=str,
)
async def test_a_halt_elsewhere_halts_nothing_here(scope: dict[str, str]) -> None:
    """Every field that is set must match; a model is never part of a write."""
    async with gateway() as one:
        await throw(one, **scope)

        assert (await one.commit(commit_command())).row.state is State.SUCCEEDED


async def test_a_halt_on_a_run_stops_the_run() -> None:
    """Lifting it does not open the run again."""
    async with gateway() as one:
        thrown = await throw(one, tenant=TENANT, workflow=WORKFLOW, run_id="run-1")
        await one.commit(commit_command("K-1"))
        await lift(one, thrown.halt.halt_id)

        after = await one.commit(commit_command("K-2"))

        assert (after.row.notes[0].reason, after.row.notes[0].facts) == (Reason.RUN_STOPPED, {"stop": "HALTED"})


async def test_a_halt_answers_what_was_under_way_at_that_instant() -> None:
    """In flight, unknown, thinking, held."""
    async with gateway() as one:
        one.billing.turns.append(VANISHED)
        await one.commit(commit_command("K-1"))
        one.billing.hold()
        writing = asyncio.create_task(one.committer.commit(commit_command("K-2", patience=patient())))
        await one.billing.until_delivered(2)
        one.thinker.hold()
        thinking = asyncio.create_task(one.decider.decide(decide_command(patience=patient())))
        await one.thinker.until_thinking()

        thrown = await throw(one)
        one.billing.release()
        done = await writing
        await thinking

        assert (thrown.in_flight, thrown.unknown, len(thrown.thinking)) == (1, 1, 1)
        assert sorted(held.amount for held in thrown.held) == [1_000, 1_000, 2_000]
        assert isinstance(done, Outcome)
        assert done.row.state is State.SUCCEEDED  # what was in flight finishes


async def test_a_halt_that_the_store_does_not_take_is_a_fault() -> None:
    """Whoever throws it must hear that it was not thrown."""
    async with gateway() as one:
        one.store.fails(ThrowHalt, StoreFault("disk"))

        with pytest.raises(StoreFault):
            await throw(one)


async def test_lifting_is_recorded_with_who_and_why_and_may_be_said_twice() -> None:
    """The second time changes nothing."""
    async with gateway() as one:
        thrown = await throw(one)
        lifted = await lift(one, thrown.halt.halt_id)
        again = await lift(one, thrown.halt.halt_id)

        assert isinstance(lifted, Halt)
        assert (lifted.lifted_by, lifted.lift_reason, again) == ("ops", "over", lifted)
        assert (await one.commit(commit_command())).row.state is State.SUCCEEDED


async def test_lifting_what_was_never_thrown_is_not_found() -> None:
    """As another tenant's is."""
    async with gateway() as one:
        found = await lift(one, "nobody-s")

        assert isinstance(found, Refusal)
        assert found.reason is Reason.NOT_FOUND


@pytest.mark.parametrize("scope", [{}, {"tenant": OTHER_TENANT}, {"action": "top_up"}], ids=str)
async def test_an_operator_of_one_tenant_cannot_lift_what_covers_more(scope: dict[str, str]) -> None:
    """It could not have thrown it either."""
    async with gateway() as one:
        thrown = await throw(one, **scope)

        found = await lift(one, thrown.halt.halt_id, by=TENANT)

        assert isinstance(found, Refusal)
        assert found.reason is Reason.NOT_FOUND
        assert [halt.halt_id for halt in await one.store.halts(include_lifted=False)] == [thrown.halt.halt_id]


async def test_an_operator_of_one_tenant_lifts_its_own() -> None:
    """Whoever threw it."""
    async with gateway() as one:
        thrown = await throw(one, tenant=TENANT)

        found = await lift(one, thrown.halt.halt_id, by=TENANT)

        assert isinstance(found, Halt)
        assert found.lifted_by == "acme-ops"


async def resolve(one: FakeGateway, commit_id: str, *, done: bool, tenant: str = "*") -> Outcome | Refusal:
    who = caller(tenant, name="resolver", role=Role.RESOLVER)
    return await one.halts.resolve(commit_id, done=done, evidence="their ledger shows it", caller=who, hand_over_by_s=NEVER_S)


async def test_an_operator_ends_an_unknown_by_evidence() -> None:
    """Recorded under the listener's caller; the hold is settled."""
    async with gateway() as one:
        one.billing.turns.append(VANISHED)
        unknown = await one.commit(commit_command())

        resolved = await resolve(one, unknown.row.commit_id, done=True)

        assert isinstance(resolved, Outcome)
        assert (resolved.row.state, resolved.row.resolved_by, resolved.row.holds[0].settled) == (State.SUCCEEDED, "resolver", 1_000)


async def test_nobody_says_failed_while_a_stopped_sender_may_still_wake() -> None:
    """Not before not_after with skew; from then on the hold comes back."""
    async with gateway() as one:
        one.billing.turns.append(VANISHED)
        unknown = (await one.commit(commit_command())).row

        one.clock.set_wall(now_ms=unknown.not_after_ms + CLOCK_SKEW_MS - 1)
        early = await resolve(one, unknown.commit_id, done=False)
        one.clock.set_wall(now_ms=unknown.not_after_ms + CLOCK_SKEW_MS)
        late = await resolve(one, unknown.commit_id, done=False)

        assert isinstance(early, Refusal)
        assert early.violations[0].path == "outcome"
        assert isinstance(late, Outcome)
        assert (late.row.state, late.row.holds[0].settled) == (State.FAILED, 0)


async def test_what_has_ended_is_not_resolved() -> None:
    """Terminal rows never change."""
    async with gateway() as one:
        done = await one.commit(commit_command())

        found = await resolve(one, done.row.commit_id, done=False)

        assert isinstance(found, Refusal)
        assert found.violations[0].path == "expected"


@pytest.mark.parametrize("tenant", [OTHER_TENANT, "*"])
async def test_another_tenants_commit_is_not_found(tenant: str) -> None:
    """The same answer as for one that does not exist."""
    async with gateway() as one:
        one.billing.turns.append(VANISHED)
        unknown = await one.commit(commit_command())

        found = await resolve(one, unknown.row.commit_id if tenant == OTHER_TENANT else "nobody-s", done=True, tenant=tenant)

        assert isinstance(found, Refusal)
        assert found.reason is Reason.NOT_FOUND
