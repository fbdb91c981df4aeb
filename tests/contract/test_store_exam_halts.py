"""The store's exam, halts and activations: what stands when a T1 is decided is what was acknowledged before."""

import asyncio
from typing import Final

import pytest

from gateway.domain.asks import Refuse, Rejudge
from gateway.domain.halts import Halt, HaltScope
from gateway.domain.lifecycle import Event
from gateway.domain.reasons import DecideStop, Reason, RunStop
from gateway.domain.rows import ActivationRow, Gate, Rows, Wants, Write
from gateway.domain.writes.commits import Authorised
from gateway.domain.writes.decisions import ThinkingBegun, ThinkingDenied
from gateway.domain.writes.halts import LiftHalt, ThrowHalt
from tests.contract.store_desk import RUN, TENANT, WORKFLOW, Desk, limit, reasons, run_named, terms, writes

EVERYTHING: Final = HaltScope()


def throw(scope: HaltScope, halt_id: str = "h-1") -> ThrowHalt:
    return ThrowHalt(halt_id=halt_id, scope=scope, reason="incident 7", principal="dora", salt=b"salt")


def lift(halt_id: str = "h-1") -> LiftHalt:
    return LiftHalt(halt_id=halt_id, reason="over", principal="emil", salt=b"pepper")


class RaiseMinimum(Write[None]):
    """What a rollback of an activation will do."""

    def wants(self) -> Wants:
        return Wants()

    def apply(self, rows: Rows) -> None:
        assert rows.gate.activation is not None
        row = rows.gate.activation
        rows.put_activation(ActivationRow(
            number=row.number + 1, revision="rolled", digest=b"rolled", standing=row.standing, activated_at_ms=rows.now_ms
        ), minimum_number=row.number + 1)  # fmt: skip


@pytest.mark.parametrize(
    "scope",
    [
        EVERYTHING, HaltScope(tenant=TENANT), HaltScope(workflow=WORKFLOW), HaltScope(step="activate"), HaltScope(action="activate_plan"),
        HaltScope(target="billing"), HaltScope(run_id="run-1"), HaltScope(tenant=TENANT, target="billing"),
    ],
)  # fmt: skip
async def test_nothing_in_scope_is_admitted_after_a_halt(desk: Desk, scope: HaltScope) -> None:
    """Denied and recorded with the halt's id; what flies may end; lifting lets the superseding retry through."""
    flying = await desk.authorised(desk.ask("K-1"))
    await desk.write(throw(scope))

    denied = await desk.denied(desk.ask("K-2", run=RUN))
    landed = await desk.settled(flying, Event.HOST_DID)

    assert (reasons(denied), denied.notes[0].facts["halt_id"], denied.notes[0].detail) == ([Reason.HALTED], "h-1", "incident 7")
    assert landed.state == "SUCCEEDED"
    run = await desk.store.run(RUN)
    assert run is not None
    assert run.stop is (RunStop.HALTED if scope.run_id else None)
    await desk.write(lift())
    if not scope.run_id:
        assert (await desk.authorised(desk.ask("K-2", supersedes=denied.commit_id))).generation == 2


@pytest.mark.parametrize(
    "scope",
    [
        HaltScope(tenant="other"), HaltScope(workflow="other"), HaltScope(action="refund"), HaltScope(model="small"), HaltScope(run_id="run-2"),
        HaltScope(tenant=TENANT, target="mail"),
    ],
)  # fmt: skip
async def test_what_is_out_of_scope_goes_on(desk: Desk, scope: HaltScope) -> None:
    """All fields that are set must match."""
    await desk.write(throw(scope))

    assert (await desk.authorised(desk.ask("K-1"))).state == "FORWARDING"


@pytest.mark.parametrize("first", [EVERYTHING, HaltScope(run_id="run-1")])
async def test_a_halt_on_the_run_stops_it_whatever_else_is_halted(desk: Desk, first: HaltScope) -> None:
    """Whichever was thrown first, by any clock: it is the one that is named."""
    second = HaltScope(run_id="run-1") if first == EVERYTHING else EVERYTHING
    await desk.write(throw(first, "h-1"))
    desk.clock.advance(ms=5)
    await desk.write(throw(second, "h-2"))

    denied = await desk.denied(desk.ask("K-1"))

    run = await desk.store.run(RUN)
    assert run is not None
    assert (denied.notes[0].facts["scope"], run.stop) == ("run_id=run-1", RunStop.HALTED)


async def test_a_halted_model_stops_deciding_with_it(desk: Desk) -> None:
    """A Decide that may use the model is STOPPED with HALTED."""
    await desk.write(throw(HaltScope(model="small")))

    reply = await desk.write(desk.thought(desk.thinking_ask("D-1")))

    assert isinstance(reply, ThinkingDenied)
    assert (reply.row.stop, reasons(reply.row)) == (DecideStop.HALTED, [Reason.HALTED])


async def test_a_halt_answers_with_what_is_under_way_in_its_scope(desk: Desk) -> None:
    """In flight, unknown, thinking, held: at that instant, the members before it in the batch included."""
    desk.terms = terms(budgets=[limit(100)])
    other = run_named("run-1", workflow="other")
    await desk.authorised(desk.ask("K-1", costs=writes(1)))
    await desk.authorised(desk.ask("K-2", costs=writes(2), run=other))
    await desk.committed(desk.ask("K-3", costs=writes(4)), Event.NOBODY_KNOWS)
    await desk.committed(desk.ask("K-4", costs=writes(8)), Event.HOST_DID)
    decision = await desk.begun(desk.thinking_ask("D-1", costs=writes(16)))

    _, thought, thrown, later = await asyncio.gather(
        desk.write(desk.claim(desk.ask("K-5", costs=writes(32)))), desk.write(desk.thought(desk.thinking_ask("D-2"))),
        desk.write(throw(HaltScope(workflow=WORKFLOW))), desk.write(desk.claim(desk.ask("K-6"))),
    )  # fmt: skip

    assert isinstance(thought, ThinkingBegun)
    assert (thrown.in_flight, thrown.unknown, set(thrown.thinking)) == (2, 1, {decision.decision_id, thought.row.decision_id})
    assert sorted(hold.amount for hold in thrown.held) == [1, 4, 16, 32]
    assert not isinstance(later, Authorised)


async def test_a_halt_is_lifted_once_and_listed_ever_after(desk: Desk) -> None:
    """Who threw it, who lifted it, why: kept with the salts of their digests."""
    await desk.write(throw(EVERYTHING))
    desk.clock.advance(ms=5)
    await desk.write(throw(HaltScope(tenant="other"), "h-2"))
    lifted = await desk.write(lift())
    again = await desk.write(lift())
    nothing = await desk.write(lift("h-9"))

    assert isinstance(lifted, Halt)
    assert (lifted.thrown_at_ms, lifted.lifted_at_ms, lifted.lifted_by, lifted.lift_reason) == (
        desk.clock.now_ms() - 5, desk.clock.now_ms(), "emil", "over",
    )  # fmt: skip
    assert (lifted.salt, lifted.lift_salt) == (b"salt", b"pepper")
    assert again == lifted
    assert isinstance(nothing, Refuse)
    assert [halt.halt_id for halt in await desk.store.halts(include_lifted=False)] == ["h-2"]
    assert [halt.halt_id for halt in await desk.store.halts(include_lifted=True)] == ["h-2", "h-1"]
    assert lifted in await desk.store.halts(include_lifted=True)


async def test_halts_and_the_activation_survive_a_restart(desk: Desk) -> None:
    """The gate is the same for the next process."""
    await desk.write(throw(HaltScope(target="billing")))
    await desk.activate(tenant=[limit(5)], workflow=[limit(7), limit(9, currency="EUR")])
    before = await desk.store.gate()
    await desk.reopen()

    after = await desk.store.gate()

    assert after == before
    assert reasons(await desk.denied(desk.ask("K-1"))) == [Reason.HALTED]


async def test_an_activation_gets_the_next_number_and_the_one_in_force_keeps_its_own(desk: Desk) -> None:
    """Numbers have no gap; the same content again is the same activation."""
    nothing = await desk.store.gate()

    first = await desk.activate(revision="r-1")
    same = await desk.activate(revision="r-1")
    second = await desk.activate(revision="r-2")

    assert nothing == Gate(activation=None, minimum_number=0, halts=())
    assert [row.number for row in (first, same, second)] == [1, 1, 2]
    assert (await desk.store.gate()).activation == second


async def test_below_the_minimum_number_a_verdict_is_asked_again(desk: Desk) -> None:
    """The minimum that T1 reads is the one acknowledged before it, or decided before it in its batch."""
    await desk.activate()
    assert isinstance(await desk.write(desk.claim(desk.ask("K-1", activation_number=1))), Authorised)

    _, old, new = await asyncio.gather(
        desk.write(RaiseMinimum()), desk.write(desk.claim(desk.ask("K-2", activation_number=1))), desk.write(desk.claim(desk.ask("K-3", activation_number=2)))
    )

    assert isinstance(old, Rejudge)
    assert isinstance(new, Authorised)
    assert (await desk.store.gate()).minimum_number == 2
