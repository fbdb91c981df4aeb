"""The reconciler: what settles an unknown, by which host, and when; what it never does."""

import asyncio

import pytest

from gateway.domain.audit import EntryKind
from gateway.domain.budget import HoldState
from gateway.domain.faults import StoreFault
from gateway.domain.halts import HaltScope
from gateway.domain.host_answer import QueryFinding
from gateway.domain.lifecycle import Event, State
from gateway.domain.limits import CLOCK_SKEW_MS
from gateway.domain.reasons import Reason
from gateway.domain.records import CommitRow
from gateway.domain.targets import HostMode
from gateway.domain.writes.commits import SettleCommit
from gateway.domain.writes.halts import ThrowHalt
from gateway.domain.writes.resolutions import ClaimLook, ClaimResend, Resent
from gateway.ports.host import QueryAnswer
from tests.fakes.commands import commit_command
from tests.fakes.gateway import NEVER_S, PACE, FakeGateway, gateway, terms
from tests.fakes.host import DID, DID_AND_VANISHED, NOT_REACHED, VANISHED, Turn, answered

QUERY, DEDUPE, NONE = HostMode.QUERY, HostMode.DEDUPE, HostMode.NONE
APPLIED = QueryAnswer(finding=QueryFinding.APPLIED, status=201, body=b'{"id":7}', detail="")


def says(finding: QueryFinding) -> QueryAnswer:
    return QueryAnswer(finding=finding, status=0, body=b"", detail="")


async def unknown(one: FakeGateway, turn: Turn = VANISHED) -> CommitRow:
    one.billing.turns.append(turn)
    outcome = await one.commit(commit_command())
    assert outcome.row.state is State.UNKNOWN
    return outcome.row


async def now(one: FakeGateway, commit_id: str) -> CommitRow:
    stored = await one.store.commit(commit_id)
    assert stored is not None
    return stored.row


def past_every_attempt(one: FakeGateway, row: CommitRow) -> None:
    one.clock.advance(ms=row.not_after_ms + CLOCK_SKEW_MS - one.clock.now_ms())


DONE, NOT_DONE, STILL = State.SUCCEEDED, State.FAILED, State.UNKNOWN


@pytest.mark.parametrize(
    ("finding", "enforces", "early", "late"),
    [
        (QueryFinding.APPLIED, False, DONE, DONE),
        (QueryFinding.APPLIED, True, DONE, DONE),
        (QueryFinding.NOT_APPLIED, False, STILL, NOT_DONE),
        (QueryFinding.NOT_APPLIED, True, STILL, NOT_DONE),
        (QueryFinding.NOT_FOUND, False, STILL, STILL),
        (QueryFinding.NOT_FOUND, True, STILL, NOT_DONE),
        (QueryFinding.IN_PROGRESS, False, STILL, STILL),
        (QueryFinding.IN_PROGRESS, True, STILL, STILL),
        (QueryFinding.NO_ANSWER, False, STILL, STILL),
        (QueryFinding.NO_ANSWER, True, STILL, STILL),
    ],
)
@pytest.mark.parametrize("is_late", [False, True], ids=["before not_after with skew", "after it"])
async def test_what_a_query_settles(*, finding: QueryFinding, enforces: bool, early: State, late: State, is_late: bool) -> None:
    """Not found is final only where the host enforces Not-After; nothing is "not done" while a sender may still wake."""
    async with gateway(billing=terms("billing", QUERY, enforces_not_after=enforces)) as one:
        row = await unknown(one)
        one.billing.findings[f"cs-{row.commit_id}"] = APPLIED if finding is QueryFinding.APPLIED else says(finding)
        if is_late:
            past_every_attempt(one, row)

        await one.reconciler.sweep()

        assert (await now(one, row.commit_id)).state is (late if is_late else early)
        assert len(one.billing.deliveries) == 1


async def test_a_query_that_finds_it_done_settles_with_the_hosts_original_answer() -> None:
    """Status and body; the hold is settled; resolved by "query"."""
    async with gateway(billing=terms("billing", QUERY)) as one:
        row = await unknown(one)
        one.billing.findings[f"cs-{row.commit_id}"] = APPLIED

        await one.reconciler.sweep()

        stored = await one.store.commit(row.commit_id)
        assert stored is not None
        assert (stored.row.state, stored.row.host_status, stored.response, stored.row.resolved_by) == (State.SUCCEEDED, 201, b'{"id":7}', "query")
        assert [(held.state, held.settled) for held in stored.row.holds] == [(HoldState.SETTLED, 1_000)]
        assert await one.entries() == [EntryKind.INTENT, EntryKind.OUTCOME, EntryKind.RESOLUTION]


async def test_a_host_that_dedupes_gets_the_same_key_again_and_writes_once() -> None:
    """The vanishing host: UNKNOWN, held, then SUCCEEDED, and one effect."""
    async with gateway() as one:
        row = await unknown(one, DID_AND_VANISHED)

        await one.reconciler.sweep()

        settled = await now(one, row.commit_id)
        assert (settled.state, settled.attempts, settled.resolved_by) == (State.SUCCEEDED, 2, "resend")
        assert [sent.key for sent in one.billing.deliveries] == [f"cs-{row.commit_id}"] * 2
        assert one.billing.writes == [f"cs-{row.commit_id}"]
        assert await one.entries() == [EntryKind.INTENT, EntryKind.OUTCOME, EntryKind.RESENT, EntryKind.RESOLUTION]


async def test_resent_is_durable_before_a_byte_leaves() -> None:
    """R2: a re-send that could not be recorded is not sent."""
    async with gateway() as one:
        row = await unknown(one)
        one.store.fails(ClaimResend, StoreFault("disk"))

        with pytest.raises(StoreFault):
            await one.reconciler.sweep()

        assert (len(one.billing.deliveries), await one.entries()) == (1, [EntryKind.INTENT, EntryKind.OUTCOME])
        assert (await now(one, row.commit_id)).state is State.UNKNOWN


@pytest.mark.parametrize("turn", [answered(422, applied=False), NOT_REACHED, VANISHED, answered(503, applied=False)])
async def test_no_answer_to_a_resend_but_success_proves_anything(turn: Turn) -> None:
    """One re-send a look; then it waits, backed off, with the hold kept."""
    async with gateway() as one:
        row = await unknown(one)
        one.billing.turns.append(turn)

        await one.reconciler.sweep()
        await one.reconciler.sweep()

        still = await now(one, row.commit_id)
        assert (still.state, still.attempts, still.looks, len(one.billing.deliveries)) == (State.UNKNOWN, 2, 1, 2 if turn.delivered else 1)
        assert [held.state for held in still.holds] == [HoldState.OPEN]
        assert still.look_at_ms == one.clock.now_ms() + PACE.backoff_ms


async def test_looks_are_backed_off_doubling_to_a_ceiling_and_then_an_operator_is_asked() -> None:
    """NEEDS_OPERATOR, held, never looked at again."""
    async with gateway(billing=terms("billing", QUERY)) as one:
        row = await unknown(one)
        one.billing.findings[f"cs-{row.commit_id}"] = says(QueryFinding.IN_PROGRESS)
        waits = []
        for _ in range(PACE.looks_max):
            await one.reconciler.sweep()
            wait_ms = (await now(one, row.commit_id)).look_at_ms - one.clock.now_ms()
            waits.append(wait_ms)
            one.clock.advance(ms=max(0, wait_ms))

        last = await now(one, row.commit_id)
        one.clock.advance(ms=86_400_000)
        due = await one.reconciler.sweep()

        assert waits[:2] == [1_000, 2_000]
        assert (last.state, last.looks, last.look_at_ms) == (State.UNKNOWN, 3, 0)
        assert [note.reason for note in last.notes] == [Reason.HOST_SILENT, Reason.NEEDS_OPERATOR]
        assert (due.unknown, [held.state for held in last.holds]) == ((), [HoldState.OPEN])


async def test_a_host_that_can_be_asked_nothing_needs_an_operator_at_once() -> None:
    """Nothing automatic can settle it."""
    async with gateway(billing=terms("billing", NONE)) as one:
        row = await unknown(one)

        await one.reconciler.sweep()

        asked = await now(one, row.commit_id)
        assert (asked.state, asked.notes[-1].reason, len(one.billing.deliveries)) == (State.UNKNOWN, Reason.NEEDS_OPERATOR, 1)


async def test_a_target_taken_out_of_the_settings_needs_an_operator() -> None:
    """Its commits are not forgotten."""
    async with gateway() as one:
        row = await unknown(one)
        del one.ways["billing"]

        await one.reconciler.sweep()

        assert (await now(one, row.commit_id)).notes[-1].reason is Reason.NEEDS_OPERATOR


async def test_nothing_is_resent_past_what_the_host_remembers() -> None:
    """Its declared retention, from the first attempt on."""
    async with gateway(billing=terms("billing", DEDUPE, retention_ms=60_000)) as one:
        row = await unknown(one)
        one.clock.advance(ms=60_000)

        await one.reconciler.sweep()

        assert ((await now(one, row.commit_id)).attempts, len(one.billing.deliveries)) == (1, 1)


async def test_nothing_is_resent_under_a_halt() -> None:
    """After Halt returned nothing leaves; lifted, the next look sends."""
    async with gateway() as one:
        row = await unknown(one, DID_AND_VANISHED)
        await one.store.write(ThrowHalt(halt_id="h-1", scope=HaltScope(target="billing"), reason="r", principal="p", salt=b""), hand_over_by_s=NEVER_S)
        await one.reconciler.sweep()
        sent_under_halt = len(one.billing.deliveries)
        await one.halts.lift("h-1", reason="over", caller=commit_command(tenant="*").caller, hand_over_by_s=NEVER_S)
        one.clock.advance(ms=PACE.backoff_ms)

        await one.reconciler.sweep()

        assert (sent_under_halt, (await now(one, row.commit_id)).state) == (1, State.SUCCEEDED)


@pytest.mark.parametrize("kept_off_by", ["halt", "lease"])
async def test_looks_that_could_ask_nobody_do_not_count(kept_off_by: str) -> None:
    """A long halt, or an attempt that somebody else may still be making: no operator is needed for waiting."""
    async with gateway() as one:
        row = await unknown(one, DID_AND_VANISHED)
        if kept_off_by == "halt":
            await one.store.write(ThrowHalt(halt_id="h-1", scope=HaltScope(target="billing"), reason="r", principal="p", salt=b""), hand_over_by_s=NEVER_S)
        else:
            elsewhere = ClaimResend(commit_id=row.commit_id, attempt_id="a-9", lease_ms=86_400_000, send_margin_ms=1_000, retention_ms=86_400_000)
            assert isinstance(await one.store.write(elsewhere, hand_over_by_s=NEVER_S), Resent)
        pauses = []
        for _ in range(2 * PACE.looks_max):
            await one.reconciler.sweep()
            pauses.append((await now(one, row.commit_id)).look_at_ms - one.clock.now_ms())
            one.clock.advance(ms=pauses[-1])

        waiting = await now(one, row.commit_id)
        assert (waiting.looks, [note.reason for note in waiting.notes], set(pauses)) == (0, [Reason.HOST_SILENT], {PACE.backoff_ms})
        assert len(one.billing.deliveries) == 1


async def test_a_resend_that_came_too_late_for_its_own_lease_is_not_sent() -> None:
    """The boot-time clock was taken before the attempt was made durable."""
    async with gateway() as one:
        row = await unknown(one)

        async def a_slow_disk() -> None:
            one.clock.advance(ms=60_000)
            one.clock.set_wall(now_ms=one.clock.now_ms() - 60_000)

        one.store.before(ClaimResend, a_slow_disk)

        await one.reconciler.sweep()

        assert ((await now(one, row.commit_id)).state, len(one.billing.deliveries)) == (State.UNKNOWN, 1)


async def test_a_look_is_leased_to_one_reconciler() -> None:
    """Two that begin together ask once."""
    async with gateway(billing=terms("billing", QUERY)) as one:
        row = await unknown(one)
        one.billing.hold()
        one.billing.findings[f"cs-{row.commit_id}"] = says(QueryFinding.IN_PROGRESS)
        first = asyncio.create_task(one.reconciler.look(row.commit_id))
        await one.store.until_written(ClaimLook)
        await one.reconciler.look(row.commit_id)
        while_it_looks = await one.store.due(limit=10)
        one.billing.release()
        await first

        assert (while_it_looks.unknown, (await now(one, row.commit_id)).looks) == ((), 1)


async def test_a_look_that_was_lost_is_taken_again_when_its_lease_is_over() -> None:
    """A store that failed in the middle of one changes nothing for good."""
    async with gateway() as one:
        row = await unknown(one)
        one.store.fails(SettleCommit, StoreFault("disk"))
        with pytest.raises(StoreFault):
            await one.reconciler.sweep()
        at_once = await one.reconciler.sweep()
        one.clock.advance(ms=60_000)
        one.billing.turns.append(DID)

        await one.reconciler.sweep()

        assert (at_once.unknown, (await now(one, row.commit_id)).state) == ((), State.SUCCEEDED)


async def test_a_success_by_the_first_attempt_while_the_second_is_under_way_is_kept() -> None:
    """R4: the owner's late answer resolves it, and the re-send's success only comes late."""
    async with gateway() as one:
        row = await unknown(one)

        async def the_owner_answers() -> None:
            late = SettleCommit(
                commit_id=row.commit_id, attempt_id=row.attempt_id, event=Event.HOST_DID, for_every_attempt=False, notes=(), host_status=201, response=b"{}",
                response_truncated=False,
            )  # fmt: skip
            await one.store.inner.write(late, hand_over_by_s=NEVER_S)

        one.store.before(SettleCommit, the_owner_answers)

        await one.reconciler.sweep()

        assert (await now(one, row.commit_id)).state is State.SUCCEEDED
        assert (await one.entries())[-2:] == [EntryKind.RESOLUTION, EntryKind.LATE_OUTCOME]
