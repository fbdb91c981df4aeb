"""Looking up commits: by id, by key, waiting for the end."""

import asyncio
from dataclasses import replace

import pytest

from gateway.domain.handoffs import Outcome
from gateway.domain.lifecycle import State
from gateway.domain.limits import WAITERS_MAX
from gateway.domain.reasons import Reason
from gateway.domain.records import KeyName, KeyRow, KeySpace
from gateway.domain.refusal import Refusal
from tests.fakes.activation import OTHER_TENANT, TENANT
from tests.fakes.clock import FakeClock
from tests.fakes.commands import caller, commit_command, patient
from tests.fakes.gateway import NEVER_S, gateway
from tests.fakes.host import NOT_REACHED, VANISHED
from tests.fakes.store import MemoryStore

KEY = KeyName(KeySpace.COMMIT, TENANT, b"K-1")


def in_s(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


def refused(found: Outcome | Refusal) -> Reason:
    assert isinstance(found, Refusal)
    return found.reason


@pytest.mark.parametrize("tenant", [TENANT, "*"])
async def test_a_commit_is_found_by_id_and_by_key(tenant: str) -> None:
    """With its response: a crashed caller has only its key."""
    async with gateway() as one:
        done = await one.commit(commit_command())

        by_id = await one.lookup.commit(done.row.commit_id, tenant=tenant)
        by_key = await one.lookup.commit(KEY, tenant=tenant)

        assert by_id == by_key == replace(done, replayed=True)


@pytest.mark.parametrize("waits", [False, True])
async def test_what_does_not_exist_and_what_is_anothers_are_one_answer(*, waits: bool) -> None:
    """NOT_FOUND, at once, also when waiting."""
    async with gateway() as one:
        done = await one.commit(commit_command())
        names: list[tuple[KeyName | str, str]] = [("nobody-s", TENANT), (done.row.commit_id, OTHER_TENANT), (replace(KEY, tenant=OTHER_TENANT), OTHER_TENANT)]

        found = [await (one.lookup.wait(name, tenant=tenant, until_s=in_s(60)) if waits else one.lookup.commit(name, tenant=tenant)) for name, tenant in names]

        assert {refused(one) for one in found} == {Reason.NOT_FOUND}
        assert len({one.message for one in found if isinstance(one, Refusal)}) == 1


async def test_by_key_the_latest_generation_answers() -> None:
    """The failed one is found by its id."""
    async with gateway() as one:
        one.billing.turns.append(NOT_REACHED)
        failed = await one.commit(commit_command())
        done = await one.commit(commit_command(supersedes=failed.row.commit_id))

        by_key = await one.lookup.commit(KEY, tenant=TENANT)
        by_id = await one.lookup.commit(failed.row.commit_id, tenant=TENANT)

        assert isinstance(by_key, Outcome)
        assert isinstance(by_id, Outcome)
        assert (by_key.row.commit_id, by_id.row.state) == (done.row.commit_id, State.FAILED)


async def test_a_key_that_was_collected_is_retired() -> None:
    """Also when waiting; it never executes again."""
    memory = MemoryStore(clock=(clock := FakeClock()))
    async with gateway(clock=clock, store=memory) as one:
        memory.keys[KEY] = KeyRow(name=KEY, generations=())

        assert refused(await one.lookup.commit(KEY, tenant=TENANT)) is Reason.KEY_RETIRED
        assert refused(await one.lookup.wait(KEY, tenant=TENANT, until_s=in_s(60))) is Reason.KEY_RETIRED
        assert (await one.refused(commit_command())).reason is Reason.KEY_RETIRED
        memory.keys.clear()


async def test_waiting_ends_when_the_commit_does() -> None:
    """By key, while it is in flight."""
    async with gateway() as one:
        one.billing.hold()
        writing = asyncio.create_task(one.committer.commit(commit_command(patience=patient())))
        await one.billing.until_delivered(1)
        waiting = asyncio.create_task(one.lookup.wait(KEY, tenant=TENANT, until_s=in_s(10)))
        done, _ = await asyncio.wait({waiting}, timeout=0.05)

        one.billing.release()
        found = await waiting
        await writing

        assert done == set()
        assert isinstance(found, Outcome)
        assert found.row.state is State.SUCCEEDED


async def test_an_unknown_is_waited_for_and_told_when_time_is_up() -> None:
    """It may be resolved; until then it is what it is."""
    async with gateway() as one:
        one.billing.turns.append(VANISHED)
        unknown = await one.commit(commit_command())

        in_time = await one.lookup.wait(KEY, tenant=TENANT, until_s=in_s(0.05))
        waiting = asyncio.create_task(one.lookup.wait(KEY, tenant=TENANT, until_s=in_s(10)))
        await one.halts.resolve(unknown.row.commit_id, done=True, evidence="e", caller=caller("*"), hand_over_by_s=NEVER_S)
        resolved = await waiting

        assert isinstance(in_time, Outcome)
        assert isinstance(resolved, Outcome)
        assert (in_time.row.state, resolved.row.state) == (State.UNKNOWN, State.SUCCEEDED)


async def test_more_waiters_than_the_limit_are_told_to_ask_instead() -> None:
    """GetCommit is not limited."""
    async with gateway() as one:
        await one.commit(commit_command())
        one.lookup.waiters.count["other"] = one.lookup.waiters.count["third"] = WAITERS_MAX // 2

        waited = await one.lookup.wait(KEY, tenant=TENANT, until_s=in_s(1))
        asked = await one.lookup.commit(KEY, tenant=TENANT)

        assert refused(waited) is Reason.OVERLOADED
        assert isinstance(asked, Outcome)


async def test_a_waiter_that_leaves_gives_its_place_back() -> None:
    """Cancelled or answered."""
    async with gateway() as one:
        one.billing.turns.append(VANISHED)
        await one.commit(commit_command())
        waiting = asyncio.create_task(one.lookup.wait(KEY, tenant=TENANT, until_s=in_s(10)))
        await asyncio.wait({waiting}, timeout=0.02)
        while_it_waits = one.lookup.waiters.count.total()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        assert (while_it_waits, dict(one.lookup.waiters.count)) == (1, {})


async def test_one_tenant_has_half_of_the_places() -> None:
    """The other half is for the others."""
    async with gateway() as one:
        await one.commit(commit_command())
        one.lookup.waiters.count["other"] = WAITERS_MAX // 2

        of_the_other = await one.lookup.wait(KEY, tenant="other", until_s=in_s(1))
        of_this = await one.lookup.wait(KEY, tenant=TENANT, until_s=in_s(1))

        assert refused(of_the_other) is Reason.OVERLOADED
        assert isinstance(of_this, Outcome)
