"""A run as a story, for somebody who was not there: what was routed, decided, committed, verified, and why it stopped. In order.

1. A line says what was true when it was recorded: states and holds come from the entry's own leaf, words from the rows beside it.
2. What an agent, a host or a workflow wrote is quoted, escaped and cut. It is told, never obeyed.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, assert_never

from countersign import Agreement, Commit, Decision, DecisionStatus, EntryKind, Outcome, RunStop, RunTrace, TraceEntry
from gateway.cli.calls import calls_told, cost
from gateway.cli.screen import amount, counted, moment, plain
from gateway.cli.words import budget_line, host_line, meaning, outcome_words, reason_lines

_QUOTE_CHARS_MAX: Final = 300
_HASH_CHARS: Final = 12
_FORWARDING: Final = "FORWARDING"


class Stage(StrEnum):
    CLASSIFY = "Classify"
    ROUTE = "Route"
    DECIDE = "Decide"
    COMMIT = "Commit"
    VERIFY = "Verify"
    STOP = "Stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that happened. `told` has the first sentence first."""

    after_ms: int  # since the run was opened
    stage: Stage
    step: str
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    head: tuple[str, ...]
    lines: tuple[Line, ...]
    foot: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """What has been told already, so that it is not told again."""

    steps: set[str] = field(default_factory=set)


def tell(trace: RunTrace) -> Story:
    run, seen = trace.run, _Seen()
    opened = f"opened {moment(run.create_time)}, {run.steps} of {run.steps_max} steps taken"
    ended = f"stopped {run.stop}, {moment(run.end_time)}" if run.stop is not None else f"open until {moment(run.deadline)} at the latest"
    lines = tuple(line for entry in trace.entries for line in _lines(entry, trace, seen))
    foot = tuple(f"budget  {budget_line(one)}" for one in run.budgets)
    return Story(head=(f"run {plain(run.run_id)} of {plain(run.workflow)}", opened, ended), lines=lines, foot=foot)


def _lines(entry: TraceEntry, trace: RunTrace, seen: _Seen) -> Iterator[Line]:
    asked = entry.decision.create_time if entry.decision is not None else None

    def line(stage: Stage, *told: str, at: datetime | None = None) -> Line:
        return Line(after_ms=_after_ms(trace, at or entry.time), stage=stage, step=plain(entry.step), told=told)

    if entry.step and entry.mode and entry.step not in seen.steps:
        seen.steps.add(entry.step)
        who = "the workflow takes this step itself" if entry.mode == "deterministic" else "an agent may decide, among declared options"
        yield line(Stage.CLASSIFY, f"{plain(entry.mode)}: {who}", at=asked)
    match entry.kind:
        case EntryKind.STEP_RECORDED:
            yield line(Stage.VERIFY, f"recorded {_quoted(entry.result)}", _proof(entry))
        case EntryKind.DECISION if entry.decision is not None:
            yield line(Stage.ROUTE, *_routed(entry.decision), at=asked)
            yield line(Stage.DECIDE, *_decided(entry.decision), _proof(entry))
        case EntryKind.INTENT if entry.commit is not None:
            yield line(Stage.COMMIT, *_admitted(entry.commit, _leaf(entry)), _proof(entry))
        case EntryKind.DENIAL if entry.commit is not None:
            yield line(Stage.COMMIT, *_denied(entry.commit), _proof(entry))
        case EntryKind.OUTCOME | EntryKind.RESOLUTION | EntryKind.LATE_OUTCOME | EntryKind.RESENT if entry.commit is not None:
            yield line(Stage.VERIFY, *_came_of(entry, entry.commit, _leaf(entry)), _proof(entry))
        case EntryKind.RUN_STOPPED:
            yield line(Stage.STOP, *_stopped(entry), _proof(entry))
        case EntryKind.HALT | EntryKind.RESUME:
            yield line(Stage.STOP, "an operator halted this" if entry.kind is EntryKind.HALT else "an operator lifted a halt", _proof(entry))
        case _:
            yield line(Stage.VERIFY, plain(entry.kind.value), _proof(entry))


def _after_ms(trace: RunTrace, at: datetime | None) -> int:
    began = trace.run.create_time
    return int((at - began).total_seconds() * 1000) if at and began else 0


def _proof(entry: TraceEntry) -> str:
    return f"record {entry.entry_hash.hex()[:_HASH_CHARS]}"


def _routed(decision: Decision) -> Iterator[str]:
    model = f"model {plain(decision.usage.model)}" if decision.usage.model else "no model was asked"
    yield f"handed to the agent: {model}" + (f", agent {plain(decision.agent_version)}" if decision.agent_version else "")
    for one in decision.evidence:
        when = "before the first model call" if one.prefetched else "called by the model"
        when += ", from memory" if one.cached else ""
        failed = "" if one.ok and not one.note else f", {'' if one.ok else 'failed: '}{plain(one.note)}".removesuffix(": ")
        yield f"read {plain(one.tool)} ({when}{failed}; {one.result_bytes:,} bytes, sha256 {one.result_sha256.hex()[:_HASH_CHARS]})"


def _decided(decision: Decision) -> Iterator[str]:
    attempt = f", generation {decision.generation}" if decision.generation > 1 else ""
    if decision.status is DecisionStatus.DECIDED:
        yield f"chose {_said(decision.option or '')} ({decision.source}), decision {plain(decision.decision_id)}{attempt}"
    else:
        yield f"{decision.status}: {decision.stop}, no option; decision {plain(decision.decision_id)}{attempt}"
    if decision.agreement is not None:
        yield _agreed(decision.agreement)
    if decision.rationale:
        yield f"its words: {_said(decision.rationale)}"
    yield from reason_lines(decision.reasons)
    yield _judged(decision.verdict_id, decision.activation_revision, decision.activation_number)
    yield from calls_told(decision)
    usage = decision.usage
    spent = cost(decision, usage.spend_micros)
    used = f"{counted(usage.steps, 'model call')}, {counted(usage.tool_calls, 'tool call')}, {usage.tokens_in:,} + {usage.tokens_out:,} tokens, {spent}"
    yield f"used {used}, {usage.wall.total_seconds():.1f} s"
    yield from (budget_line(one) for one in decision.budgets)


def _agreed(agreement: Agreement) -> str:
    nothing = f", {agreement.abstained} for nothing" if agreement.abstained else ""
    return f"{agreement.agreeing} of {agreement.votes} ballots agree{nothing}; {agreement.agreement_min} are needed"


def _admitted(commit: Commit, leaf: Mapping[str, Any]) -> Iterator[str]:
    yield f"{plain(commit.action)} to {plain(commit.target)} admitted, commit {plain(commit.commit_id)}{_attempt(commit)}"
    if commit.decision_id:
        yield f"carried by decision {plain(commit.decision_id)}"
    yield _judged(commit.verdict_id, commit.activation_revision, commit.activation_number)
    yield from _holds(leaf)


def _denied(commit: Commit) -> Iterator[str]:
    yield f"{plain(commit.action)} {outcome_words(Outcome.DENIED)}, commit {plain(commit.commit_id)}{_attempt(commit)}"
    yield from reason_lines(commit.reasons)
    yield _judged(commit.verdict_id, commit.activation_revision, commit.activation_number)


def _came_of(entry: TraceEntry, commit: Commit, leaf: Mapping[str, Any]) -> Iterator[str]:
    then = _state(leaf) or commit.outcome
    match entry.kind:
        case EntryKind.RESENT:
            yield f"sent again to {plain(commit.target)} under the same key, which the host dedupes"
            return
        case EntryKind.LATE_OUTCOME:
            yield f"a late answer of {plain(commit.target)}: {plain(str(leaf.get('late', '')))}"
            yield from (meaning(code) for code in _codes(leaf))
            return
        case EntryKind.RESOLUTION:
            yield f"{outcome_words(then)}; found out by {plain(str(leaf.get('resolved_by', '') or 'the gateway'))}"
        case _:
            yield outcome_words(then)
    if then is commit.outcome:
        yield from (f"{plain(commit.target)} {line}" for line in host_line(commit))
        yield from reason_lines(commit.reasons)
        yield from (budget_line(one) for one in commit.budgets)
    else:
        if leaf.get("host_status"):  # as it was then; what the row has is the answer that ended it
            yield f"{plain(commit.target)} answered {plain(str(leaf['host_status']))}"
        yield from (meaning(code) for code in _codes(leaf))
        yield from _holds(leaf)


def _stopped(entry: TraceEntry) -> Iterator[str]:
    stop = entry.stop or RunStop.UNSPECIFIED
    match stop:
        case RunStop.FINAL_RESULT:
            why = "the workflow reached its result"
        case RunStop.FAILED:
            why = "the workflow gave up"
        case RunStop.MAX_STEPS:
            why = "its steps are used up"
        case RunStop.BUDGET_LIMIT:
            why = "its own budget is used up"
        case RunStop.TIMEOUT:
            why = "its wall clock ran out"
        case RunStop.POLICY_DENIAL:
            why = "a policy said no, and this workflow stops then"
        case RunStop.HALTED:
            why = "a halt on this run"
        case RunStop.UNSPECIFIED:
            why = "for a reason this version does not know"
        case _:
            assert_never(stop)
    yield f"{stop}: {why}"
    if entry.note:
        yield f"its note: {_said(entry.note)}"


def _attempt(commit: Commit) -> str:
    return f", generation {commit.generation} of key {plain(commit.idempotency_key)}" if commit.idempotency_key else ""


def _judged(verdict_id: str, revision: str, number: int) -> str:
    asked = f"verdict {plain(verdict_id)}" if verdict_id else "no verdict was asked for"
    return f"{asked}, under {plain(revision)} (activation {number})"


def _leaf(entry: TraceEntry) -> Mapping[str, Any]:
    """The recorded entry itself; nothing when it cannot be read, and then the rows speak alone."""
    try:
        leaf = json.loads(entry.leaf)
    except ValueError:
        return {}
    return leaf if isinstance(leaf, dict) else {}


def _state(leaf: Mapping[str, Any]) -> Outcome | None:
    state = leaf.get("state")
    if state == _FORWARDING:
        return Outcome.IN_PROGRESS
    return Outcome(state) if isinstance(state, str) and state in Outcome.__members__ else None


def _codes(leaf: Mapping[str, Any]) -> list[str]:
    codes = leaf.get("reasons", [])
    return [code for code in codes if isinstance(code, str)] if isinstance(codes, list) else []


def _holds(leaf: Mapping[str, Any]) -> Iterator[str]:
    """What was held when the entry was made, from the entry itself."""
    held = leaf.get("budgets", [])
    for one in held if isinstance(held, list) else []:
        if isinstance(one, dict) and isinstance(one.get("amount"), int):
            told = amount(one["amount"], str(one.get("currency", "")))
            yield f"holds {told} of the {plain(str(one.get('ledger', '')))} of {plain(str(one.get('level', '')))} {plain(str(one.get('scope', '')))}"


def _said(text: str) -> str:
    return f'"{plain(text, chars_max=_QUOTE_CHARS_MAX)}"'


def _quoted(content: bytes) -> str:
    return plain(content.decode("utf-8", errors="backslashreplace"), chars_max=_QUOTE_CHARS_MAX) or "nothing"
