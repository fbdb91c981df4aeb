"""Think: hand the agent its brief, and check what comes back against that brief. The agent proposes; nothing here can write.

1. An option outside the list ends as INVALID_OPTION, whatever the agent or the model server promised: it is checked here again.
2. A declared fallback answers for the agent where thinking itself failed, and says so; never for a halt, a denial or a caller that left.
3. Cut off (halted, cancelled, broken), what the meter shows, reservations included, is what was used.
"""

import asyncio
from collections.abc import Callable, Mapping

from gateway.domain.budget import Ledger
from gateway.domain.change import replace
from gateway.domain.faults import AgentFault
from gateway.domain.handoffs import Admissible, Concluded
from gateway.domain.lifecycle import Thinking
from gateway.domain.limits import CALL_DETAIL_CHARS_MAX, RATIONALE_CHARS_MAX
from gateway.domain.reasons import DecideStop, Reason
from gateway.domain.records import DecisionRow, EvidenceNote, Note, Usage
from gateway.domain.thinking import Earlier, ModelCall
from gateway.ports.agent import Brief, Evidence, Meter, Thinker, ThinkLimits, Thought

Hear = Callable[[str, bytes], None]

_FALLBACK_FOR = frozenset({
    DecideStop.MAX_STEPS, DecideStop.BUDGET_LIMIT, DecideStop.TIMEOUT, DecideStop.INVALID_OPTION, DecideStop.ABSTAINED, DecideStop.MODEL_FAULT,
})  # fmt: skip


async def think(
    row: DecisionRow, admissible: Admissible, earlier: tuple[Earlier, ...], thinker: Thinker, cut_off: Callable[[], DecideStop | None], hear: Hear | None
) -> Concluded:
    """`cut_off` says why this task was cancelled, or None for a cancellation that is not ours. `hear` is told the transcript."""
    loop, meter = asyncio.get_running_loop(), Meter(hear=hear)
    began_s = loop.time()
    try:
        thought = await thinker.think(brief_of(row, admissible, earlier, loop.time()), meter)
    except asyncio.CancelledError:
        stop = cut_off()
        if stop is None:
            raise
        return conclude(row, admissible, cut_thought(stop, meter, wall_ms=round((loop.time() - began_s) * 1000)))
    except AgentFault as fault:
        wall_ms = round((loop.time() - began_s) * 1000)
        return conclude(row, admissible, cut_thought(DecideStop.MODEL_FAULT, meter, wall_ms=wall_ms, detail=fault.detail))
    return conclude(row, admissible, thought)


def brief_of(row: DecisionRow, admissible: Admissible, earlier: tuple[Earlier, ...], now_s: float) -> Brief:
    command, step = admissible.command, admissible.step
    run = admissible.facts.run
    run_left_s = (run.deadline_at_ms - row.created_at_ms) / 1000 if run else admissible.workflow.run.wall_ms_max / 1000
    return Brief(
        decision_id=row.decision_id, goal=step.goal, options=admissible.options, context=admissible.context, reads=step.reads, tools=step.tools,
        run=f"{row.tenant}\x1f{row.workflow}\x1f{row.run_id}",
        models=row.models, rationale=step.rationale, earlier=earlier, votes=step.votes, agreement_min=step.agreement_min,
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
        decision_id=row.decision_id, state=state, option=option, source=source, stop=stop, notes=() if option else _notes(admissible, thought),
        rationale=_text(thought.rationale if source == "AGENT" else thought.detail),
        evidence=tuple(_noted(one) for one in thought.evidence),
        usage=Usage(
            steps=thought.steps, tool_calls=thought.tool_calls, tokens_in=thought.tokens_in, tokens_out=thought.tokens_out,
            spend_micros=thought.spend_micros, wall_ms=thought.wall_ms, model=thought.model,
            calls=tuple(_call(one, admissible.options) for one in thought.calls), agreement=thought.agreement,
        ),
        agent_version=thought.agent_version, transcript_sha256=thought.transcript_sha256, stops_run=admissible.workflow.run.stops_run,
    )  # fmt: skip


def cut_thought(stop: DecideStop, meter: Meter, *, wall_ms: int, detail: str = "") -> Thought:
    """What is left of a thought that was cut off: its usage, the call in flight charged as reserved."""
    return Thought(
        stop=stop, option="", rationale="", detail=detail, evidence=tuple(meter.evidence), steps=meter.steps, tool_calls=meter.tool_calls,
        tokens_in=meter.tokens_in + meter.tokens_reserved, tokens_out=meter.tokens_out,
        spend_micros=meter.spend_micros + meter.spend_reserved_micros, wall_ms=wall_ms, model=meter.model, agent_version=meter.agent_version,
        transcript_sha256=meter.transcript_sha256, calls=tuple(meter.calls),
    )  # fmt: skip


def _notes(admissible: Admissible, thought: Thought) -> tuple[Note, ...]:
    """Which limit of the step ended the thinking, in the words that a shortage anywhere else is told with."""
    if thought.stop is not DecideStop.BUDGET_LIMIT or not thought.facts:
        return ()
    limits = admissible.step.limits
    currency = limits.spend_currency if limits and thought.facts.get("ledger") == Ledger.SPEND else ""
    facts = {"level": "step", "node": admissible.step.name, "currency": currency, **thought.facts}
    return (Note(reason=Reason.BUDGET_EXHAUSTED, facts={name: _text(fact) for name, fact in facts.items() if fact}),)


def _call(call: ModelCall, options: Mapping[str, str]) -> ModelCall:
    """As told, but for an option that the step does not offer, and words that are too many."""
    return replace(call, option=call.option if call.option in options else "", detail=_text(call.detail)[:CALL_DETAIL_CHARS_MAX])


def _text(untrusted: str) -> str:
    """Bounded, and text that can be written down: a lone surrogate is not."""
    return untrusted[:RATIONALE_CHARS_MAX].encode(errors="replace").decode()


def _noted(evidence: Evidence) -> EvidenceNote:
    return EvidenceNote(
        tool=evidence.tool, result_sha256=evidence.result_sha256, result_bytes=evidence.result_bytes, ok=evidence.ok, prefetched=evidence.prefetched,
        cached=evidence.cached, note=_text(evidence.note)[:CALL_DETAIL_CHARS_MAX],
    )  # fmt: skip
