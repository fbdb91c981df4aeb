"""Runs: a step taken, a run finished, its trace."""

import pytest

from gateway.domain.audit import EntryKind
from gateway.domain.commands import FinishCommand, StepCommand
from gateway.domain.faults import StoreFault
from gateway.domain.reasons import Reason, RunStop
from gateway.domain.records import RunName
from gateway.domain.refusal import Refusal
from gateway.domain.writes.runs import RecordStep, RunFinished, StepTaken
from gateway.service.runs import Trace
from tests.fakes.activation import TENANT, WORKFLOW, activation
from tests.fakes.commands import PLAN, commit_command, decide_command, finish_command, step_command
from tests.fakes.gateway import FakeGateway, gateway
from tests.fakes.rows import RUN


async def taken(one: FakeGateway, command: StepCommand) -> StepTaken:
    found = await one.runs.record_step(command)
    assert isinstance(found, StepTaken)
    return found


async def finished(one: FakeGateway, command: FinishCommand) -> RunFinished:
    found = await one.runs.finish(command)
    assert isinstance(found, RunFinished)
    return found


def refused(found: object) -> Refusal:
    assert isinstance(found, Refusal)
    return found


async def trace(one: FakeGateway, *, after: int = 0, limit: int = 100) -> Trace:
    found = await one.runs.trace(RUN, after=after, limit=limit)
    assert isinstance(found, Trace)
    return found


async def test_a_step_is_counted_and_kept_with_its_result() -> None:
    """It opens the run; replays count nothing."""
    async with gateway(activation(steps_max=5)) as one:
        first = await taken(one, step_command())
        again = await taken(one, step_command())
        second = await taken(one, step_command("S-2", result=b""))

        assert (first.steps_left, first.replayed, again.entry_hash, again.replayed, second.steps_left) == (4, False, first.entry_hash, True, 3)
        assert [(line.entry.kind, line.result) for line in (await trace(one)).lines] == [
            (EntryKind.STEP_RECORDED, b'{"seats":12}'), (EntryKind.STEP_RECORDED, b""),
        ]  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [step_command(tenant="nobody"), step_command(workflow="nowhere"), step_command(step="nowhere"), step_command(step="select")],
    ids=["tenant", "workflow", "step", "agentic"],
)
async def test_a_step_that_is_not_declared_deterministic_is_refused(command: StepCommand) -> None:
    """An agentic one is recorded by Decide."""
    async with gateway() as one:
        assert refused(await one.runs.record_step(command)).reason is Reason.UNDECLARED


async def test_a_result_that_is_not_strict_json_is_refused() -> None:
    """It would stand in the trace."""
    async with gateway() as one:
        found = refused(await one.runs.record_step(step_command(result=b"{'a':1}")))

        assert (found.reason, found.violations[0].path) == (Reason.MALFORMED, "result")


async def test_other_content_under_a_steps_key_is_refused() -> None:
    """As everywhere."""
    async with gateway() as one:
        await taken(one, step_command())

        assert refused(await one.runs.record_step(step_command(result=b"1"))).reason is Reason.IDEMPOTENCY_KEY_REUSED


async def test_a_step_too_many_is_not_counted_and_says_why() -> None:
    """The run's own limit stops the run."""
    async with gateway(activation(steps_max=1)) as one:
        await taken(one, step_command())

        over = await taken(one, step_command("S-2"))
        after = await taken(one, step_command("S-3"))

        assert (over.entry_hash, over.notes[0].reason, over.notes[0].facts["ledger"]) == (b"", Reason.BUDGET_EXHAUSTED, "steps")
        assert (after.notes[0].reason, after.notes[0].facts) == (Reason.RUN_STOPPED, {"stop": "MAX_STEPS"})
        assert await one.entries() == [EntryKind.STEP_RECORDED, EntryKind.RUN_STOPPED]


async def test_a_run_ends_once_with_what_the_workflow_says_of_it() -> None:
    """Whoever finishes it later hears the stop it has; the note stays the first."""
    async with gateway() as one:
        await taken(one, step_command())

        first = await finished(one, finish_command(note="done"))
        replay = await finished(one, finish_command(note="done"))
        later = await finished(one, finish_command("F-2", stop="FAILED", note="no"))

        assert (first.run.stop, first.replayed, replay.replayed) == (RunStop.FINAL_RESULT, False, True)
        assert (later.run.stop, later.run.note, later.replayed) == (RunStop.FINAL_RESULT, "done", True)
        assert await one.entries() == [EntryKind.STEP_RECORDED, EntryKind.RUN_STOPPED]


async def test_after_its_end_a_run_takes_nothing() -> None:
    """Neither steps nor decisions nor writes."""
    async with gateway() as one:
        await taken(one, step_command())
        await finished(one, finish_command())

        step = await taken(one, step_command("S-2"))
        decision = await one.decide(decide_command())
        write = await one.commit(commit_command())

        assert {note.reason for notes in (step.notes, decision.row.notes, write.row.notes) for note in notes} == {Reason.RUN_STOPPED}


async def test_a_run_that_nobody_opened_cannot_be_finished_nor_traced() -> None:
    """NOT_FOUND; another tenant's run is the same answer."""
    async with gateway() as one:
        await taken(one, step_command())

        assert refused(await one.runs.finish(finish_command(run_id="run-9"))).reason is Reason.NOT_FOUND
        assert refused(await one.runs.finish(finish_command(tenant="zeta"))).reason is Reason.NOT_FOUND
        for name in (RunName("zeta", WORKFLOW, "run-1"), RunName("zeta", "", "run-1"), RunName(TENANT, WORKFLOW, "run-9")):
            assert refused(await one.runs.trace(name, after=0, limit=10)).reason is Reason.NOT_FOUND


async def test_other_content_under_a_finishs_key_is_refused() -> None:
    """Another stop, another note."""
    async with gateway() as one:
        await taken(one, step_command())
        await finished(one, finish_command(note="done"))

        assert refused(await one.runs.finish(finish_command(note="other"))).reason is Reason.IDEMPOTENCY_KEY_REUSED


async def test_the_trace_tells_a_run_in_order_with_what_each_entry_is_about() -> None:
    """Steps with results, decisions, commits, the stop."""
    async with gateway() as one:
        await taken(one, step_command())
        decided = await one.decide(decide_command())
        done = await one.commit(commit_command(action="activate_plan", payload=PLAN, decision_id=decided.row.decision_id))
        await finished(one, finish_command())

        told = await trace(one)

        assert [line.entry.kind for line in told.lines] == [
            EntryKind.STEP_RECORDED, EntryKind.DECISION, EntryKind.INTENT, EntryKind.OUTCOME, EntryKind.RUN_STOPPED,
        ]  # fmt: skip
        assert [line.decision.option for line in told.lines if line.decision] == ["basic"]
        assert [line.commit.row.commit_id for line in told.lines if line.commit] == [done.row.commit_id] * 2
        assert (told.shown.run.stop, told.shown.run.steps, told.after) == (RunStop.FINAL_RESULT, 3, 0)


async def test_a_long_trace_comes_in_pages_without_gaps() -> None:
    """Each page goes on where the last one ended; the last one says so."""
    async with gateway(activation(steps_max=100)) as one:
        for number in range(7):
            await taken(one, step_command(f"S-{number}"))

        pages, after = [], 0
        for _ in range(10):
            page = await trace(one, after=after, limit=3)
            pages.append([line.place for line in page.lines])
            after = page.after
            if not after:
                break

        places = [place for page in pages for place in page]
        assert [len(page) for page in pages] == [3, 3, 1]
        assert (len(places), places) == (7, sorted(set(places)))


async def test_a_run_named_without_its_workflow_is_found_when_there_is_one() -> None:
    """The caller of `run show` has only the id."""
    async with gateway() as one:
        await taken(one, step_command())

        found = await one.runs.trace(RunName(TENANT, "", "run-1"), after=0, limit=10)

        assert isinstance(found, Trace)
        assert found.shown.run.name == RUN


async def test_a_fault_of_the_store_is_a_fault() -> None:
    """Nothing was counted."""
    async with gateway() as one:
        one.store.fails(RecordStep, StoreFault("disk"))

        with pytest.raises(StoreFault):
            await one.runs.record_step(step_command())
        assert (await taken(one, step_command())).steps_left == 11
