"""The store's exam, runs: opened by their first call, counted step by step, stopped once."""

import pytest

from gateway.domain.asks import Refuse
from gateway.domain.budget import Ledger, Window
from gateway.domain.fingerprint import VERSION
from gateway.domain.lifecycle import Event
from gateway.domain.reasons import Reason, RunStop
from gateway.domain.records import KeyName, KeySpace, Note, RunName
from gateway.domain.rows import Rows, Wants, Write
from gateway.domain.writes.commits import Authorised, Denied
from gateway.domain.writes.runs import FinishRun, RecordStep, RunFinished, ShowRun, StepTaken, TimeOutRun
from tests.contract.store_desk import RUN, TENANT, Desk, limit, reasons, run_named, terms, writes


def step(desk: Desk, key: str, *, content: str = "content", run: RunName = RUN, result: bytes = b'{"seats":12}') -> RecordStep:
    return RecordStep(
        key=KeyName(KeySpace.STEP, run.tenant, key.encode()), fingerprints={VERSION: content.encode()}, caller="signup", run=run,
        terms=desk.terms, step="read_account", result=result, salt=b"salt", activation_number=1, revision="r-1",
    )  # fmt: skip


def finish(key: str, *, stop: RunStop = RunStop.FINAL_RESULT, note: str = "done", content: str = "content") -> FinishRun:
    name = KeyName(KeySpace.FINISH, TENANT, key.encode())
    return FinishRun(key=name, fingerprints={VERSION: content.encode()}, run=RUN, stop=stop, note=note, salt=b"salt")


class CountOpen(Write[int]):
    """What the guard sees of the tenant."""

    def wants(self) -> Wants:
        return Wants(runs=(RUN,))

    def apply(self, rows: Rows) -> int:
        return rows.open_runs.get(TENANT, 0)


async def test_a_run_is_opened_by_its_first_call_and_counts_each_new_step(desk: Desk) -> None:
    """A commit, a decision, a recorded step: one each. Replays, refusals and denials: none."""
    opened_at_ms = desk.clock.now_ms()
    await desk.committed(desk.ask("K-1"))
    await desk.decided("D-1")
    await desk.write(step(desk, "S-1"))
    desk.clock.advance(ms=10)
    await desk.write(desk.claim(desk.ask("K-1")))
    await desk.write(step(desk, "S-1"))
    await desk.denied(desk.ask("K-2", denial=[Note(reason=Reason.PAYLOAD_DRIFT)]))
    await desk.refused(desk.ask("K-3", expire_at_ms=opened_at_ms))

    run = await desk.store.run(RUN)

    assert run is not None
    assert (run.opened_at_ms, run.deadline_at_ms, run.steps, run.steps_max, run.stop) == (opened_at_ms, opened_at_ms + 3_600_000, 3, 1_000, None)


async def test_the_step_after_the_last_stops_the_run(desk: Desk) -> None:
    """Two steps are two steps, in one batch too; the third is denied and ends the run with MAX_STEPS."""
    desk.terms = terms(steps_max=2)

    replies = await desk.together([desk.claim(desk.ask(f"K-{n}")) for n in range(4)])

    assert [type(reply) for reply in replies] == [Authorised, Authorised, Denied, Denied]
    assert [reasons(reply.row) for reply in replies if isinstance(reply, Denied)] == [[Reason.BUDGET_EXHAUSTED], [Reason.RUN_STOPPED]]
    run = await desk.store.run(RUN)
    assert run is not None
    assert (run.stop, run.steps) == (RunStop.MAX_STEPS, 2)
    assert (await desk.kinds()).count("RUN_STOPPED") == 1


async def test_a_run_past_its_wall_clock_stops_with_timeout(desk: Desk) -> None:
    """Found by the next call, or by the sweeper, whoever comes first."""
    desk.terms = terms(wall_ms_max=1_000)
    await desk.authorised(desk.ask("K-1"))
    other = run_named("run-2")
    await desk.authorised(desk.ask("K-2", run=other))
    early = await desk.write(TimeOutRun(run=other))
    desk.clock.advance(ms=1_000)

    denied = await desk.denied(desk.ask("K-3"))
    due = await desk.store.due(limit=10)
    swept = [await desk.write(TimeOutRun(run=other)) for _ in range(2)]

    assert (reasons(denied), denied.notes[0].facts) == ([Reason.RUN_STOPPED], {"stop": "TIMEOUT"})
    assert (due.timed_out, early, swept) == ((other,), False, [True, False])
    assert await desk.kinds(other) == ["INTENT", "RUN_STOPPED"]


async def test_a_stopped_run_lets_what_flies_end(desk: Desk) -> None:
    """Nothing new, but T2 of what T1 admitted is written."""
    row = await desk.authorised(desk.ask("K-1"))
    await desk.write(finish("F-1"))

    settled = await desk.settled(row, Event.HOST_DID)
    later = await desk.denied(desk.ask("K-2"))

    assert settled.state == "SUCCEEDED"
    assert later.notes[0].facts == {"stop": "FINAL_RESULT"}
    assert await desk.kinds() == ["INTENT", "RUN_STOPPED", "OUTCOME", "DENIAL"]


async def test_a_recorded_step_replays_by_key_and_content(desk: Desk) -> None:
    """Same words, same entry; other words under the key are refused; its result is kept beside its hash."""
    taken = await desk.write(step(desk, "S-1"))
    again = await desk.write(step(desk, "S-1"))
    other = await desk.write(step(desk, "S-1", content="other"))

    assert isinstance(taken, StepTaken)
    assert (taken.replayed, taken.steps_left, taken.notes) == (False, 999, ())
    assert again == StepTaken(entry_hash=taken.entry_hash, steps_left=999, replayed=True, notes=())
    assert isinstance(other, Refuse)
    assert other.refusal.reason is Reason.IDEMPOTENCY_KEY_REUSED
    assert await desk.store.step_result(taken.entry_hash) == b'{"seats":12}'
    assert await desk.store.step_result(b"nothing") == b""
    assert await desk.kinds() == ["STEP_RECORDED"]


async def test_a_step_of_a_closed_run_is_not_taken(desk: Desk) -> None:
    """It says why, leaves its key free, and still replays what was taken before."""
    taken = await desk.write(step(desk, "S-1"))
    await desk.write(finish("F-1"))

    refused = await desk.write(step(desk, "S-2"))
    replayed = await desk.write(step(desk, "S-1"))

    assert isinstance(refused, StepTaken)
    assert isinstance(taken, StepTaken)
    assert isinstance(replayed, StepTaken)
    assert (refused.entry_hash, [note.reason for note in refused.notes]) == (b"", [Reason.RUN_STOPPED])
    assert (replayed.entry_hash, replayed.replayed) == (taken.entry_hash, True)
    assert await desk.store.commit_of_key(KeyName(KeySpace.STEP, TENANT, b"S-2")) is None


async def test_a_run_is_finished_once(desk: Desk) -> None:
    """Whoever comes later gets the stop it has; a run that never was cannot be finished."""
    nothing = await desk.write(finish("F-0"))
    await desk.write(step(desk, "S-1"))
    first = await desk.write(finish("F-1", note="all seats activated"))
    same = await desk.write(finish("F-1", note="all seats activated"))
    other = await desk.write(finish("F-2", stop=RunStop.FAILED))
    reused = await desk.write(finish("F-1", content="other"))

    assert isinstance(nothing, Refuse)
    assert nothing.refusal.reason is Reason.NOT_FOUND
    assert isinstance(first, RunFinished)
    assert isinstance(same, RunFinished)
    assert isinstance(other, RunFinished)
    assert isinstance(reused, Refuse)
    assert (first.run.stop, first.run.note, first.replayed, same.replayed) == (RunStop.FINAL_RESULT, "all seats activated", False, True)
    assert (other.run, other.replayed) == (first.run, True)
    assert await desk.store.run(RUN) == first.run
    assert await desk.kinds() == ["STEP_RECORDED", "RUN_STOPPED"]


@pytest.mark.parametrize("ended", [False, True])
async def test_only_open_runs_count_against_the_tenant(desk: Desk, ended: bool) -> None:  # noqa: FBT001 - a case
    """The count the guard reads follows opening and stopping, across a restart."""
    await desk.write(step(desk, "S-1"))
    if ended:
        await desk.write(finish("F-1"))

    counted = await desk.write(CountOpen())
    await desk.reopen()
    counted_again = await desk.write(CountOpen())

    assert (counted, counted_again) == ((0, 0) if ended else (1, 1))


async def test_a_run_is_shown_with_its_own_budgets(desk: Desk) -> None:
    """Held, settled and limit of each, in its window of now, in the order they are declared; other levels are not its own. Nothing is written."""
    desk.terms = terms(budgets=[limit(9), limit(5, window=Window.MINUTE), limit(7, ledger=Ledger.TOKENS)])
    await desk.activate(tenant=[limit(100)])
    await desk.committed(desk.ask("K-1", costs=writes(2)))
    await desk.authorised(desk.ask("K-2", costs=writes(1)))

    now = await desk.store.try_out(ShowRun(run=RUN))
    desk.clock.advance(ms=60_000)
    later = await desk.store.try_out(ShowRun(run=RUN))
    nobody = await desk.store.try_out(ShowRun(run=run_named("run-9")))
    finished = await desk.write(finish("F-1"))

    assert now is not None
    assert later is not None
    assert nobody is None
    assert [(one.row.node.ledger, one.row.node.window, one.row.held, one.row.settled, one.limit) for one in now.budgets] == [
        ("writes", "total", 1, 2, 9), ("writes", "minute", 1, 2, 5), ("tokens", "total", 0, 0, 7),
    ]  # fmt: skip
    assert [(one.row.held, one.row.settled) for one in later.budgets] == [(1, 2), (0, 0), (0, 0)]
    assert isinstance(finished, RunFinished)
    assert (finished.budgets, finished.run.steps) == (later.budgets, now.run.steps)
