"""Runs in the record: the step taken, the stop, and why it stopped by digest."""

from gateway.domain.audit import text_digest
from gateway.domain.reasons import RunStop
from gateway.domain.records import KeyName, KeySpace, StepRow
from gateway.domain.writes.runs import FinishRun, RecordStep, StepTaken
from tests.contract.store_desk import RUN, terms
from tests.unit.gateway.domain.writes.conftest import OpenDesk


async def test_a_step_is_recorded_by_the_digest_of_its_result(desk: OpenDesk) -> None:
    """The result is kept beside, with its salt, under the entry's hash."""
    taken = await desk.write(_step(desk))

    assert isinstance(taken, StepTaken)
    [leaf] = desk.leaves()
    assert leaf.items() >= {
        "kind": "STEP_RECORDED", "step": "read_account", "mode": "deterministic", "steps": 1, "result_digest": text_digest(b"salt", b"12 seats"),
    }.items()  # fmt: skip
    assert desk.memory.steps == {
        taken.entry_hash: StepRow(entry_hash=taken.entry_hash, run=RUN, key=b"S-1", recorded_at_ms=desk.clock.now_ms(), result=b"12 seats", salt=b"salt")
    }


async def test_a_stop_says_how_many_steps_were_taken_and_why_by_digest(desk: OpenDesk) -> None:
    """The note's salt stays with the run."""
    await desk.write(_step(desk))
    name = KeyName(KeySpace.FINISH, "acme", b"F-1")

    await desk.write(FinishRun(key=name, fingerprints={1: b"f"}, run=RUN, stop=RunStop.FAILED, note="gave up", salt=b"pepper"))

    leaf = desk.leaves()[-1]
    assert leaf.items() >= {
        "kind": "RUN_STOPPED", "stop": "FAILED", "steps": 1, "steps_max": 1_000, "note_digest": text_digest(b"pepper", b"gave up"),
    }.items()  # fmt: skip
    run = desk.memory.open_and_ended[RUN]
    assert (run.note, run.note_salt, run.stopped_at_ms) == ("gave up", b"pepper", desk.clock.now_ms())


async def test_the_last_step_leaves_none_and_the_next_is_not_taken(desk: OpenDesk) -> None:
    """`steps_left` never goes below zero."""
    desk.terms = terms(steps_max=1)

    last, none = await desk.write(_step(desk)), await desk.write(_step(desk, key=b"S-2"))

    assert isinstance(last, StepTaken)
    assert isinstance(none, StepTaken)
    assert (last.steps_left, none.steps_left, none.notes[0].facts["limit"]) == (0, 0, "1")
    assert [leaf["kind"] for leaf in desk.leaves()] == ["STEP_RECORDED", "RUN_STOPPED"]


def _step(desk: OpenDesk, key: bytes = b"S-1") -> RecordStep:
    return RecordStep(
        key=KeyName(KeySpace.STEP, "acme", key), fingerprints={1: b"f"}, caller="signup", run=RUN, terms=desk.terms, step="read_account", result=b"12 seats",
        salt=b"salt", activation_number=1, revision="r-1",
    )  # fmt: skip
