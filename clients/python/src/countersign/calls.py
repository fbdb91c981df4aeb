"""The calls of a workflow, one method each. Synchronous; safe to share between threads.

1. `decide`, `commit` and the other plain methods are one request each, sent once. `..._until_ended` asks on, as `patience` says.
2. A denial, a failure, an unknown is an answer. `Refused` and `Unclear` are about requests; ValueError and TypeError about arguments.
3. Keys are the caller's: stable over retries and restarts, never made here.
"""

from dataclasses import replace
from typing import Final, TypedDict, Unpack

from countersign import decoding
from countersign.answers import Commit, Decision, Preview, Run, RunTrace, StepRecorded, TraceEntry
from countersign.channel import Line
from countersign.codes import RunStop
from countersign.encoding import Question, Write, commit_request, decide_request, finish_request, step_request
from countersign.patience import SENDS_MAX, Ask, Clock, Patience, after_commit, after_decision, until_ended
from countersign.v1 import gateway_pb2, gateway_pb2_grpc

DEADLINE_S: Final = 30.0
PAGE_SIZE: Final = 50
PAGES_MAX: Final = 1000


class Calls:
    """Everything the gateway answers, over one line."""

    def __init__(self, line: Line, *, deadline_s: float, clock: Clock) -> None:
        if deadline_s <= 0:
            raise ValueError(f"deadline_s is {deadline_s}; every call needs one above 0")
        self._line: Final = line
        self._stub: Final = gateway_pb2_grpc.GatewayServiceStub(line.channel)
        self._deadline_s: Final = deadline_s
        self._clock: Final = clock

    def decide(self, *, supersedes: str = "", deadline_s: float | None = None, **question: Unpack[Question]) -> Decision:
        """Asks once for a decision. It may answer IN_PROGRESS: ask again with the same key."""
        return self._decide(decide_request(supersedes=supersedes, **question), deadline_s)

    def decide_until_ended(self, *, give_up_after_s: float, supersede: bool = False, sends_max: int = SENDS_MAX, **question: Unpack[Question]) -> Decision:
        """Asks on until DECIDED, ABSTAINED or STOPPED, or until patience ends: then what is known, possibly IN_PROGRESS.

        `supersede` also asks for a new generation where thinking stopped for TIMEOUT, MODEL_FAULT, LOST or CANCELLED: steps and money count again.
        Raises Refused, or Unclear when a send stayed without an answer to the end.
        """
        patience = Patience(self._clock, give_up_after_s=give_up_after_s, sends_max=sends_max)
        request = decide_request(supersedes="", **question)

        def send() -> Decision:
            return self._decide(request, patience.ask_s(self._deadline_s))

        def next_generation(known: Decision) -> Decision:
            request.supersedes = known.decision_id  # the one field that moves
            return send()

        def then(known: Decision) -> Ask[Decision] | None:
            return after_decision(known, same=lambda _: send(), supersede=next_generation if supersede else None)

        return until_ended(Ask(question=send, sends=True), then, patience)

    def commit(self, *, supersedes: str = "", deadline_s: float | None = None, **write: Unpack[Write]) -> Commit:
        """Sends one governed write once. It may answer IN_PROGRESS or UNKNOWN: wait for it, never send it elsewhere."""
        return self._commit(commit_request(supersedes=supersedes, **write), deadline_s)

    def commit_until_ended(self, *, give_up_after_s: float, supersede: bool = False, sends_max: int = SENDS_MAX, **write: Unpack[Write]) -> Commit:
        """Asks on until SUCCEEDED, FAILED or DENIED, or until patience ends: then what is known, possibly UNKNOWN or IN_PROGRESS.

        `supersede` also asks for a new generation of the same content after a FAILED or DENIED whose every reason says AFTER.
        Raises Refused, or Unclear when a send stayed without an answer to the end.
        """
        patience = Patience(self._clock, give_up_after_s=give_up_after_s, sends_max=sends_max)
        request = commit_request(supersedes="", **write)

        def send() -> Commit:
            return self._commit(request, patience.ask_s(self._deadline_s))

        def next_generation(known: Commit) -> Commit:
            request.supersedes = known.commit_id  # the one field that moves
            return send()

        def wait(known: Commit) -> Commit:
            return replace(self.wait_commit(commit_id=known.commit_id, deadline_s=patience.ask_s(self._deadline_s)), replayed=known.replayed)

        def then(known: Commit) -> Ask[Commit] | None:
            return after_commit(known, wait=wait, supersede=next_generation if supersede else None)

        return until_ended(Ask(question=send, sends=True), then, patience)

    def preview(self, *, supersedes: str = "", **write: Unpack[Write]) -> Preview:
        """What `commit` would answer now: everything but the effect and the record."""
        request = gateway_pb2.PreviewCommitRequest(commit=commit_request(supersedes=supersedes, **write))
        return decoding.preview(self._line.ask(self._stub.PreviewCommit, request, deadline_s=self._deadline_s))

    def get_commit(self, *, commit_id: str | None = None, key: str | None = None) -> Commit:
        """Its stored state, by id or by key (of a key, the latest generation). Refused with NOT_FOUND: there is none."""
        request = gateway_pb2.GetCommitRequest(**_name(commit_id, key))
        wire = self._line.ask(self._stub.GetCommit, request, deadline_s=self._deadline_s)
        return decoding.commit(wire.commit, replayed=False)

    def wait_commit(self, *, commit_id: str | None = None, key: str | None = None, deadline_s: float | None = None) -> Commit:
        """As `get_commit`, once it has ended; IN_PROGRESS when the deadline comes first."""
        request = gateway_pb2.WaitCommitRequest(**_name(commit_id, key))
        wire = self._line.ask(self._stub.WaitCommit, request, deadline_s=self._bound(deadline_s))
        return decoding.commit(wire.commit, replayed=False)

    def record_step(self, *, key: str, run_id: str, workflow: str, step: str, result: object, give_up_after_s: float = DEADLINE_S) -> StepRecorded:
        """Records that a deterministic step was taken and what it found (JSON, at most 16 KiB). With reasons: it was not counted."""
        request = step_request(key=key, run_id=run_id, workflow=workflow, step=step, result=result)
        patience = Patience(self._clock, give_up_after_s=give_up_after_s)

        def send() -> StepRecorded:
            return decoding.step_recorded(self._line.ask(self._stub.RecordStep, request, deadline_s=patience.ask_s(self._deadline_s)))

        return until_ended(Ask(question=send, sends=True), lambda _: None, patience)

    def finish_run(
        self, *, key: str, run_id: str, workflow: str, stop: RunStop = RunStop.FINAL_RESULT, note: str = "", give_up_after_s: float = DEADLINE_S
    ) -> Run:
        """Ends a run with its result, or with FAILED and a note. A run stopped earlier keeps its first stop: read `stop` of the answer."""
        request = finish_request(key=key, run_id=run_id, workflow=workflow, stop=stop, note=note)
        patience = Patience(self._clock, give_up_after_s=give_up_after_s)

        def send() -> Run:
            return decoding.run(self._line.ask(self._stub.FinishRun, request, deadline_s=patience.ask_s(self._deadline_s)).run)

        return until_ended(Ask(question=send, sends=True), lambda _: None, patience)

    def get_run(self, *, run_id: str, workflow: str) -> RunTrace:
        """A run and its whole trace, oldest first; reads page after page."""
        request = gateway_pb2.GetRunRequest(run_id=run_id, workflow=workflow, page_size=PAGE_SIZE)
        entries: list[TraceEntry] = []
        for _ in range(PAGES_MAX):
            page = self._line.ask(self._stub.GetRun, request, deadline_s=self._deadline_s)
            entries.extend(decoding.trace_entry(one) for one in page.entries)
            request.page_token = page.next_page_token
            if not request.page_token:
                return RunTrace(run=decoding.run(page.run), entries=tuple(entries))
        raise RuntimeError(f"the trace of run {run_id} did not end within {PAGES_MAX} pages of {PAGE_SIZE}")

    def _decide(self, request: gateway_pb2.DecideRequest, deadline_s: float | None) -> Decision:
        wire = self._line.ask(self._stub.Decide, request, deadline_s=self._bound(deadline_s))
        return decoding.decision(wire.decision, replayed=wire.replayed)

    def _commit(self, request: gateway_pb2.CommitRequest, deadline_s: float | None) -> Commit:
        wire = self._line.ask(self._stub.Commit, request, deadline_s=self._bound(deadline_s))
        return decoding.commit(wire.commit, replayed=wire.replayed)

    def _bound(self, deadline_s: float | None) -> float:
        return self._deadline_s if deadline_s is None else deadline_s


class _Name(TypedDict, total=False):
    commit_id: str
    idempotency_key: str


def _name(commit_id: str | None, key: str | None) -> _Name:
    match commit_id, key:
        case str(), None:
            return {"commit_id": commit_id}
        case None, str():
            return {"idempotency_key": key}
        case _:
            raise ValueError("name the commit by commit_id or by key, one of the two")
