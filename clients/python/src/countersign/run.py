"""One execution of a workflow, walked through the six stages. Classify and Route are the boundary file's; here are the other four.

1. Keys are made from the run's id and names of the workflow's own, never from a clock, a counter or chance: `{run_id}/{step}` for a decision
   and for a recorded step, `{run_id}/{step}/{action}` for a commit, `{run_id}/finish/{stop}` for the end. The same run, started again, asks the same
   questions and gets the same answers; nothing is written twice. Choose a `run_id` that is unique in the tenant, whatever the workflow.
2. Every call asks on within `give_up_after_s`. What comes back is still to be read: `option` may be None, `outcome` may be UNKNOWN. `conclude`
   ends the run as its last answer says, and leaves it open where that is not known yet.
3. Leaving the block by an error of the workflow's own finishes the run FAILED, noting the error's type and nothing of its text. Leaving it by
   `Unclear`, by a passing `Refused`, or by what ends a process (KeyboardInterrupt and the like) leaves the run open: start it again.
   Leaving it quietly without `finish` leaves it open too.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Final, Self, TypeVar

from countersign.answers import Commit, Decision, Run, RunTrace, StepRecorded
from countersign.calls import Calls
from countersign.codes import EntryKind, Reason, RunStop
from countersign.encoding import DecideLimits
from countersign.errors import CountersignError, NotOffered, Refused, StepNotCounted, Unclear

Found = TypeVar("Found")

GIVE_UP_AFTER_S: Final = 60.0


class HybridRun:
    """A run of `workflow`. Use it as a context manager, or call `finish` yourself where an engine re-enters the block."""

    def __init__(self, client: Calls, *, workflow: str, run_id: str, give_up_after_s: float = GIVE_UP_AFTER_S, supersede: bool = False) -> None:
        self._client: Final = client
        self.workflow: Final = workflow
        self.run_id: Final = run_id
        self._give_up_after_s: Final = give_up_after_s
        self._supersede: Final = supersede

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not isinstance(error, Exception) or _can_go_on(error):
            return
        try:
            self.finish(stop=RunStop.FAILED, note=type(error).__name__)
        except CountersignError as unfinished:
            error.add_note(f"countersign: run {self.run_id} could not be finished: {unfinished}")

    def step(self, name: str, work: Callable[[], Found], *, key: str | None = None) -> Found:
        """Takes a deterministic step: calls `work`, records what it found (plain JSON, at most 16 KiB), returns it. Raises StepNotCounted.

        Taken again in the same run and finding something else, it returns what it found the first time: a run goes on from its own record.
        (With a `key` of the caller's own that is the caller's to sort out: Refused with IDEMPOTENCY_KEY_REUSED.)
        """
        found = work()
        try:
            self.record(name, found, key=key)
        except Refused as refused:
            if refused.reason is not Reason.IDEMPOTENCY_KEY_REUSED or key is not None:
                raise
            found = json.loads(self._first_result(name, refused))
        return found

    def record(self, name: str, result: object, *, key: str | None = None) -> StepRecorded:
        """Records a deterministic step already taken. Raises StepNotCounted when the run has stopped or is out of steps."""
        recorded = self._client.record_step(
            key=key or f"{self.run_id}/{name}",
            run_id=self.run_id,
            workflow=self.workflow,
            step=name,
            result=result,
            give_up_after_s=self._give_up_after_s,
        )
        if recorded.reasons:
            raise StepNotCounted(name, recorded.reasons)
        return recorded

    def decide(
        self,
        step: str,
        *,
        context: Mapping[str, object] | bytes,
        options: Sequence[str] = (),
        limits: DecideLimits | None = None,
        key: str | None = None,
    ) -> Decision:
        """Lets the bounded agent decide an agentic step. Branch on `option`: None means that there is no decision.

        Raises NotOffered where `options` are given and the decision names none of them, which no sound gateway answers.
        """
        decision = self._client.decide_until_ended(
            key=key or f"{self.run_id}/{step}",
            run_id=self.run_id,
            workflow=self.workflow,
            step=step,
            context=context,
            options=options,
            limits=limits,
            give_up_after_s=self._give_up_after_s,
            supersede=self._supersede,
        )
        if options and decision.option is not None and decision.option not in options:
            raise NotOffered(step, decision.option)
        return decision

    def commit(
        self,
        action: str,
        *,
        step: str,
        payload: Mapping[str, object] | bytes,
        decision: Decision | str | None = None,
        expire_time: datetime | None = None,
        key: str | None = None,
    ) -> Commit:
        """Has one write judged and forwarded. Branch on `outcome`; give a `key` where one step commits the same action more than once."""
        return self._client.commit_until_ended(
            key=key or f"{self.run_id}/{step}/{action}",
            run_id=self.run_id,
            workflow=self.workflow,
            step=step,
            action=action,
            payload=payload,
            decision=decision,
            expire_time=expire_time,
            give_up_after_s=self._give_up_after_s,
            supersede=self._supersede,
        )

    def finish(self, *, stop: RunStop = RunStop.FINAL_RESULT, note: str = "") -> Run:
        """Ends the run. One that had stopped earlier keeps its first stop: read `stop` of the answer."""
        return self._client.finish_run(
            key=f"{self.run_id}/finish/{stop}",
            run_id=self.run_id,
            workflow=self.workflow,
            stop=stop,
            note=note,
            give_up_after_s=self._give_up_after_s,
        )

    def conclude(self, last: Decision | Commit) -> RunStop | None:
        """Ends the run as its last answer says: FINAL_RESULT for a write that succeeded (or a decision, of a run that only decides), FAILED for what
        definitely did not come. None where that is not known yet: the run stays open, and run again with the same id it goes on.
        """
        if not last.ended:
            return None
        if isinstance(last, Commit):
            good, note = last.succeeded, str(last.outcome)
        else:
            good, note = last.option is not None, f"no decision: {last.stop}"
        return self.finish().stop if good else self.finish(stop=RunStop.FAILED, note=note).stop

    def _first_result(self, name: str, refused: Refused) -> bytes:
        results = [entry.result for entry in self.trace().entries if entry.kind is EntryKind.STEP_RECORDED and entry.step == name]
        if len(results) != 1:
            raise refused
        return results[0]

    def trace(self) -> RunTrace:
        """The run and what happened in it so far: route, decision, verdict, budgets, outcome, stop, in order."""
        return self._client.get_run(run_id=self.run_id, workflow=self.workflow)


def _can_go_on(error: Exception) -> bool:
    """The workflow did not fail; it could not get through. Started again with the same run id, it goes on."""
    return isinstance(error, Unclear) or (isinstance(error, Refused) and error.passing)
