"""Think: hand the agent its brief, and check what comes back against that brief. The agent proposes; nothing here can write.

1. An option outside the list ends as INVALID_OPTION, whatever the agent or the model server promised: it is checked here again.
2. A declared fallback answers for the agent where thinking itself failed, and says so; never for a halt, a denial or a caller that left.
3. Cut off (halted, cancelled, broken), what the meter shows, reservations included, is what was used.
"""

import asyncio
from collections.abc import Callable

from gateway.domain.faults import AgentFault
from gateway.domain.handoffs import Admissible, Concluded
from gateway.domain.lifecycle import Thinking
from gateway.domain.limits import RATIONALE_CHARS_MAX
from gateway.domain.reasons import DecideStop
from gateway.domain.records import DecisionRow, EvidenceNote, Usage
from gateway.ports.agent import Brief, Evidence, Meter, Thinker, ThinkLimits, Thought

_FALLBACK_FOR = frozenset({
    DecideStop.MAX_STEPS, DecideStop.BUDGET_LIMIT, DecideStop.TIMEOUT, DecideStop.INVALID_OPTION, DecideStop.ABSTAINED, DecideStop.MODEL_FAULT,
})  # fmt: skip


async def think(row: DecisionRow, admissible: Admissible, thinker: Thinker, cut_off: Callable[[], DecideStop | None]) -> Concluded:
    """`cut_off` says why this task was cancelled, or None for a cancellation that is not ours."""
    loop, meter = asyncio.get_running_loop(), Meter()
    began_s = loop.time()
    try:
        thought = await thinker.think(brief_of(row, admissible, loop.time()), meter)
    except asyncio.CancelledError:
        stop = cut_off()
        if stop is None:
            raise
        return conclude(row, admissible, cut_thought(stop, meter, wall_ms=round((loop.time() - began_s) * 1000)))
    except AgentFault as fault:
        wall_ms = round((loop.time() - began_s) * 1000)
        return conclude(row, admissible, cut_thought(DecideStop.MODEL_FAULT, meter, wall_ms=wall_ms, detail=fault.detail))
    return conclude(row, admissible, thought)


def brief_of(row: DecisionRow, admissible: Admissible, now_s: float) -> Brief:
    command, step = admissible.command, admissible.step
    run = admissible.facts.run
    run_left_s = (run.deadline_at_ms - row.created_at_ms) / 1000 if run else admissible.workflow.run.wall_ms_max / 1000
    return Brief(
        decision_id=row.decision_id, goal=step.goal, options=admissible.options, context=admissible.context, reads=step.reads, tools=step.tools,
        models=step.models, rationale=step.rationale,
        limits=ThinkLimits(
            steps_max=admissible.steps_max, tool_calls_max=admissible.tool_calls_max, tokens_max=admissible.tokens_max,
            spend_micros_max=admissible.spend_micros_max, wall_ms_max=admissible.wall_ms_max,
        ),
        deadline_s=min(command.deadline_s, now_s + admissible.wall_ms_max / 1000, now_s + run_left_s), traceparent=command.traceparent,
    )  # fmt: skip


def conclude(row: DecisionRow, admissible: Admissible, thought: Thought) -> Concluded:
    """Checks a thought against the brief, and decides what it amounts to."""
    stop, option, source = thought.stop, "", ""
    if stop is DecideStop.FINAL_RESULT and thought.option not in admissible.options:
        stop = DecideStop.INVALID_OPTION
    if stop is DecideStop.FINAL_RESULT:
        option, source = thought.option, "AGENT"
    elif stop in _FALLBACK_FOR and admissible.step.fallback in admissible.options:
        option, source = admissible.step.fallback, "FALLBACK"
    state = Thinking.DECIDED if option else Thinking.ABSTAINED if stop is DecideStop.ABSTAINED else Thinking.STOPPED
    return Concluded(
        decision_id=row.decision_id, state=state, option=option, source=source, stop=stop, notes=(),
        rationale=_text(thought.rationale if source == "AGENT" else thought.detail),
        evidence=tuple(_noted(one) for one in thought.evidence),
        usage=Usage(
            steps=thought.steps, tool_calls=thought.tool_calls, tokens_in=thought.tokens_in, tokens_out=thought.tokens_out,
            spend_micros=thought.spend_micros, wall_ms=thought.wall_ms, model=thought.model,
        ),
        agent_version=thought.agent_version, transcript_sha256=thought.transcript_sha256, stops_run=admissible.workflow.run.stops_run,
    )  # fmt: skip


def cut_thought(stop: DecideStop, meter: Meter, *, wall_ms: int, detail: str = "") -> Thought:
    """What is left of a thought that was cut off: its usage, the call in flight charged as reserved."""
    return Thought(
        stop=stop, option="", rationale="", detail=detail, evidence=tuple(meter.evidence), steps=meter.steps, tool_calls=meter.tool_calls,
        tokens_in=meter.tokens_in + meter.tokens_reserved, tokens_out=meter.tokens_out,
        spend_micros=meter.spend_micros + meter.spend_reserved_micros, wall_ms=wall_ms, model="", agent_version="", transcript_sha256=b"",
    )  # fmt: skip


def _text(untrusted: str) -> str:
    """Bounded, and text that can be written down: a lone surrogate is not."""
    return untrusted[:RATIONALE_CHARS_MAX].encode(errors="replace").decode()


def _noted(evidence: Evidence) -> EvidenceNote:
    return EvidenceNote(
        tool=evidence.tool, result_sha256=evidence.result_sha256, result_bytes=evidence.result_bytes, ok=evidence.ok, prefetched=evidence.prefetched
    )
