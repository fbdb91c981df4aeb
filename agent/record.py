"""What one thinking has done and used: written down before the next thing is done, and told to whoever watches.

1. Every change of usage, evidence or calls is told at once, with the digest so far: a thinking that is cut off leaves all of it behind.
2. What is digested is what is told to `hear`, part by part: a transcript that was kept whole digests to the same value.
3. A call is closed by its settlement; the one in flight is not among the calls, and its reservation is in the usage.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from hashlib import sha256

from agent.loop import Ask, Exhausted
from agent.models.port import Answer, ModelFault
from agent.task import AGENT_VERSION, Agreement, CallOutcome, Ended, Evidence, ModelCall, Progress, Task, Usage
from agent.tools.port import Result
from agent.transcript import Abstained, Decided, Faulted, Malformed, Refused, Reply, ToolWanted, TranscriptDigest
from agent.untrusted import as_prose

DETAIL_CHARS_MAX = 200

Watch = Callable[[Progress], None]
"""Told of all progress after every change, before the next thing is done."""

Hear = Callable[[str, bytes], None]
"""Told every part of the transcript as it is digested: its label and its content."""


class Record:
    """One thinking's books. `usage` is as of the last change."""

    def __init__(self, task: Task, watch: Watch, hear: Hear | None) -> None:
        self.usage = Usage()
        self._watch = watch
        self._hear = hear
        self._evidence: list[Evidence] = []
        self._calls: list[ModelCall] = []
        self._model = ""
        self._digest = TranscriptDigest(decision_id=task.decision_id, agent_version=AGENT_VERSION)

    def use(self, usage: Usage) -> None:
        self.usage = usage
        self._tell()

    def ballot(self, number: int) -> None:
        self._add("ballot", str(number).encode())

    def asked(self, ask: Ask) -> None:
        """Told with its reservation, before the question leaves."""
        self._model = ask.model.name
        self._add("asked", canonical([ask.model.name, ask.completion_tokens_max, [asdict(message) for message in ask.messages], ask.schema]))
        self.use(ask.usage)

    def heard(self, ask: Ask, heard: Answer | ModelFault, reply: Reply, settled: Usage, *, ballot: int, options: Mapping[str, str], wall_ms: int) -> None:
        """What came back, read as `reply`; `settled` is the usage with this call in it."""
        if isinstance(heard, Answer):
            self._add("answered", heard.raw)
        else:
            self._add("faulted", heard.detail.encode())
        before = self.usage
        option = reply.option if isinstance(reply, Decided) and reply.option in options else ""
        self._calls.append(
            ModelCall(
                ballot=ballot,
                model=ask.model.name,
                outcome=outcome_of(reply),
                option=option,
                position=[*options].index(option) + 1 if option else 0,
                detail=as_prose(_detail(reply), chars_max=DETAIL_CHARS_MAX),
                tokens_in=settled.tokens_in - before.tokens_in,
                tokens_out=settled.tokens_out - before.tokens_out,
                spend_micros=settled.spend_micros - before.spend_micros,
                wall_ms=wall_ms,
            )
        )
        self.use(settled)

    def returned(self, tool: str, result: Result, *, prefetched: bool) -> None:
        """What a tool gave, as evidence."""
        arguments = canonical(dict(result.arguments))
        self._evidence.append(
            Evidence(
                tool=tool,
                arguments_json=arguments,
                result_sha256=sha256(result.body).digest(),
                result_bytes=len(result.body),
                ok=result.ok,
                prefetched=prefetched,
                cached=result.cached,
                note=as_prose(result.note, chars_max=DETAIL_CHARS_MAX),
            )
        )
        self._add("returned", canonical([tool, result.note, result.ok]) + arguments)
        self._add("result", result.body)
        self._tell()

    def end(self, ended: Exhausted, agreement: Agreement | None) -> Ended:
        self._add("ended", canonical([ended.stop, ended.option, ended.rationale, ended.detail]))
        return Ended(
            stop=ended.stop,
            option=ended.option,
            rationale=ended.rationale,
            detail=ended.detail,
            evidence=tuple(self._evidence),
            usage=self.usage,
            model=self._model,
            transcript_sha256=self._digest.value(),
            calls=tuple(self._calls),
            agreement=agreement,
            facts=ended.facts,
        )

    def _add(self, label: str, content: bytes) -> None:
        self._digest.add(label, content)
        if self._hear is not None:
            self._hear(label, content)

    def _tell(self) -> None:
        self._watch(
            Progress(usage=self.usage, evidence=tuple(self._evidence), calls=tuple(self._calls), model=self._model, transcript_sha256=self._digest.value())
        )


def outcome_of(reply: Reply) -> CallOutcome:
    match reply:
        case Decided():
            return CallOutcome.DECIDED
        case Abstained():
            return CallOutcome.ABSTAINED
        case ToolWanted():
            return CallOutcome.TOOL_CALLED
        case Malformed():
            return CallOutcome.TRUNCATED if reply.truncated else CallOutcome.MALFORMED
        case Refused():
            return CallOutcome.REFUSED
        case Faulted():
            return CallOutcome.FAULTED


def _detail(reply: Reply) -> str:
    match reply:
        case Malformed():
            return reply.error
        case Faulted():
            return reply.detail
        case ToolWanted():
            return reply.tool
        case _:
            return ""


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
