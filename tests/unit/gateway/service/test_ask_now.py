"""Reconciling now: the reconciler's own look, asked for by an operator."""

import asyncio

from gateway.domain.handoffs import Outcome
from gateway.domain.identity import EVERY_TENANT, Role
from gateway.domain.lifecycle import State
from gateway.domain.reasons import Reason
from gateway.domain.refusal import Refusal
from gateway.domain.targets import HostMode
from gateway.service.ask_now import Asked, AskNow
from tests.fakes.activation import TENANT
from tests.fakes.commands import caller, commit_command, patient
from tests.fakes.gateway import FakeGateway, gateway, terms
from tests.fakes.host import VANISHED

ANYONE = caller(EVERY_TENANT, name="dora", role=Role.RESOLVER)


def ask(one: FakeGateway) -> AskNow:
    return AskNow(reconciler=one.reconciler, lookup=one.lookup, keeper=one.keeper)


async def unknown(one: FakeGateway) -> str:
    one.billing.turns.append(VANISHED)
    outcome = await one.commit(commit_command())
    assert outcome.row.state is State.UNKNOWN
    one.clock.advance(ms=60_000)
    return outcome.row.commit_id


async def asked(one: FakeGateway, commit_id: str) -> Asked:
    found = await ask(one).reconcile(commit_id, caller=ANYONE)
    assert isinstance(found, Asked), found
    return found


async def test_one_that_needs_an_operator_can_be_asked_about_again() -> None:
    """After it has been given up: whoever asks now looks once more."""
    async with gateway(billing=terms("billing", HostMode.NONE)) as one:
        commit_id = await unknown(one)
        given_up = await asked(one, commit_id)
        again = await asked(one, commit_id)

        for found in (given_up, again):
            assert (found.asked, found.outcome.row.state) == (True, State.UNKNOWN)
        assert Reason.NEEDS_OPERATOR in [note.reason for note in again.outcome.row.notes]
        assert len(one.billing.deliveries) == 1


async def test_two_who_ask_at_once_send_once() -> None:
    """The look is leased."""
    async with gateway() as one:
        commit_id = await unknown(one)

        found = await asyncio.gather(asked(one, commit_id), asked(one, commit_id))

        assert sorted(seen.asked for seen in found) == [False, True]
        assert len(one.billing.deliveries) == 2


async def test_what_is_in_flight_is_left_alone() -> None:
    """Its owner is waiting for the host."""
    async with gateway() as one:
        one.billing.hold()
        writing = asyncio.create_task(one.committer.commit(commit_command(patience=patient())))
        await one.billing.until_delivered(1)
        [(_, row)] = await one.store.commits(tenant=TENANT, state="", workflow="", before=0, limit=1)

        found = await asked(one, row.commit_id)
        one.billing.release()
        outcome = await writing

        assert (found.asked, found.outcome.row.state) == (False, State.FORWARDING)
        assert isinstance(outcome, Outcome)
        assert len(one.billing.deliveries) == 1


async def test_whoever_asked_may_leave() -> None:
    """What was asked is recorded."""
    async with gateway() as one:
        commit_id = await unknown(one)
        one.billing.hold()
        asking = asyncio.create_task(ask(one).reconcile(commit_id, caller=ANYONE))
        await one.billing.until_delivered(2)
        asking.cancel()
        await asyncio.wait({asking})
        one.billing.release()
        await one.keeper.drain(grace_s=5.0)

        stored = await one.store.commit(commit_id)
        assert stored is not None
        assert stored.row.state is State.SUCCEEDED


async def test_nobody_s_is_not_found() -> None:
    """By an id that was never given."""
    async with gateway() as one:
        found = await ask(one).reconcile("c-nobody", caller=ANYONE)

        assert isinstance(found, Refusal)
        assert found.reason is Reason.NOT_FOUND
