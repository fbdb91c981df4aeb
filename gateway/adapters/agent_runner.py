"""The bounded agent behind the `Thinker` port: the only file of the gateway that imports `agent`.

1. It translates words, both ways, and decides nothing: a stop of the agent is the same stop of the gateway.
2. `meter` is written after every change, before the agent acts on it, so that a cancelled thought can still be settled.
3. A brief naming a model or a tool that the settings do not have is an `AgentFault`: the activation let through what it must not.
4. Models that have been put aside are asked after those that have not; where all are, the order of preference stands.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from agent.models.check import Probe, Rely, check_model
from agent.models.port import Model
from agent.models.spec import ModelSpec
from agent.models.turns import Turns
from agent.record import Watch
from agent.runner import Agent
from agent.task import AGENT_VERSION, Ended, Limits, ModelCard, Price, Progress, RationaleOrder, Stop, Task, ToolCard
from agent.task import Agreement as AgentAgreement
from agent.task import Earlier as AgentEarlier
from agent.task import Evidence as AgentEvidence
from agent.task import ModelCall as AgentCall
from agent.tools.http_get import HttpTool
from agent.tools.mcp_spec import McpServerSpec, McpToolSpec, SeenTool
from agent.tools.memory import RunMemory
from agent.tools.port import PinnedTool, Tool
from agent.tools.spec import SlotSpec, SlotType, Source, ToolSpec
from gateway.domain.faults import AgentFault
from gateway.domain.reasons import DecideStop
from gateway.domain.thinking import Agreement, CallOutcome, ModelCall
from gateway.ports.agent import Brief, Evidence, Meter, Thought

__all__ = [
    "AgentRunner",
    "McpServerSpec",
    "McpToolSpec",
    "ModelSpec",
    "Price",
    "Probe",
    "Rely",
    "SeenTool",
    "SlotSpec",
    "SlotType",
    "Source",
    "ToolSpec",
    "listed_tools",
    "probed",
]

SPEND_UNLIMITED_MICROS: Final = 10**15  # the ceiling of every amount: a limit this high is no limit, and asks for no price

_STOPS: Final[Mapping[Stop, DecideStop]] = {
    Stop.FINAL_RESULT: DecideStop.FINAL_RESULT,
    Stop.MAX_STEPS: DecideStop.MAX_STEPS,
    Stop.BUDGET_LIMIT: DecideStop.BUDGET_LIMIT,
    Stop.TIMEOUT: DecideStop.TIMEOUT,
    Stop.INVALID_OPTION: DecideStop.INVALID_OPTION,
    Stop.ABSTAINED: DecideStop.ABSTAINED,
    Stop.MODEL_FAULT: DecideStop.MODEL_FAULT,
}


class AgentRunner:
    """A `Thinker` over the models and tools of the settings, by name. Make it inside a running loop; `close` it there."""

    def __init__(
        self, models: Mapping[str, ModelSpec], tools: Mapping[str, ToolSpec | McpToolSpec], *, told: Callable[[str, str], None] = lambda *_: None
    ) -> None:
        """`told` gets the name of a tool and why it is disabled; "" when it no longer is."""
        self._models = dict(models)
        self._tools = dict(tools)
        self._chats = {name: Turns(_opened(spec), spec) for name, spec in models.items()}
        self._told = told
        self._disabled: dict[str, str] = {}
        self._pinned = {name: _pinned(spec, self._standing) for name, spec in tools.items() if isinstance(spec, McpToolSpec)}
        self._reading: dict[str, Tool] = {**self._pinned, **{name: HttpTool(spec) for name, spec in tools.items() if isinstance(spec, ToolSpec)}}
        self._memory = RunMemory(asyncio.get_running_loop().time)

    async def think(self, brief: Brief, meter: Meter) -> Thought:
        task = self._task(brief)
        agent = Agent(models=self._chats, tools={name: self._remembering(name, brief.run) for name in {*brief.reads, *brief.tools}})
        ended = await agent.think(task, _writer(meter), meter.hear)
        return _thought(ended)

    def seats(self, model: str) -> int:
        spec = self._model(model)
        return spec.concurrency_max + spec.queue_max

    async def look(self) -> Mapping[str, str]:
        """Looks at every pinned tool once, so that a change is told before a decision meets it. Those that cannot be looked at, and why."""
        found = {}
        for name, tool in self._pinned.items():
            why = await tool.look()
            if why:
                found[name] = why
        return found

    @property
    def aside(self) -> tuple[str, ...]:
        """The models that failed by themselves a moment ago, and are asked last until they are forgiven."""
        return tuple(name for name, chat in self._chats.items() if chat.aside)

    @property
    def disabled(self) -> Mapping[str, str]:
        """The tools that are not called, because they are not what was pinned; each with the reason."""
        return dict(self._disabled)

    def spend_known(self, models: tuple[str, ...]) -> bool:
        return all(name in self._models and self._models[name].price is not None for name in models)

    async def close(self) -> None:
        for chat in self._chats.values():
            await chat.close()

    def _task(self, brief: Brief) -> Task:
        limits = brief.limits
        spend_micros_max = None if limits.spend_micros_max >= SPEND_UNLIMITED_MICROS else limits.spend_micros_max
        return Task(
            decision_id=brief.decision_id,
            goal=brief.goal,
            options=brief.options,
            context=brief.context,
            reads=tuple(self._tool(name).name for name in brief.reads),
            tools=tuple(_tool_card(self._tool(name)) for name in brief.tools),
            models=tuple(_model_card(self._model(name)) for name in self._ordered(brief.models)),
            rationale=_order(brief.rationale),
            limits=Limits(
                steps_max=limits.steps_max,
                tool_calls_max=limits.tool_calls_max,
                tokens_max=limits.tokens_max,
                spend_micros_max=spend_micros_max,
                wall_ms_max=limits.wall_ms_max,
            ),
            deadline_s=brief.deadline_s,
            traceparent=brief.traceparent,
            earlier=tuple(AgentEarlier(step=one.step, option=one.option, source=one.source) for one in brief.earlier),
            votes=brief.votes,
            agreement_min=brief.agreement_min,
        )

    def _remembering(self, name: str, run: str) -> Tool:
        spec = self._tools[name]
        return self._memory.over(self._reading[name], name=name, slots=spec.slots, fresh_ms=spec.fresh_ms, run=run)

    def _standing(self, name: str, why: str) -> None:
        if why:
            self._disabled[name] = why
        else:
            self._disabled.pop(name, None)
        self._told(name, why)

    def _ordered(self, names: tuple[str, ...]) -> list[str]:
        return sorted(names, key=lambda name: name in self._chats and self._chats[name].aside)

    def _tool(self, name: str) -> ToolSpec | McpToolSpec:
        if name not in self._tools:
            raise AgentFault(f"tool {name} is not in the settings; declared there: {', '.join(sorted(self._tools)) or 'none'}")
        return self._tools[name]

    def _model(self, name: str) -> ModelSpec:
        if name not in self._models:
            raise AgentFault(f"model {name} is not in the settings; declared there: {', '.join(sorted(self._models)) or 'none'}")
        return self._models[name]


def _order(rationale: str) -> RationaleOrder:
    try:
        return RationaleOrder(rationale)
    except ValueError as error:
        raise AgentFault(f"rationale must be before, after or none, got {rationale!r}") from error


def _opened(spec: ModelSpec) -> Model:
    from agent.models.openai_chat import OpenAIChat  # noqa: PLC0415 - the SDK takes a second to load, and only who declares a model needs it

    return OpenAIChat(spec)


def _pinned(spec: McpToolSpec, told: Callable[[str, str], None]) -> PinnedTool:
    from agent.tools.mcp_tool import McpTool  # noqa: PLC0415 - as above, of an MCP server

    return McpTool(spec, told)


def probed(spec: ModelSpec) -> AsyncIterator[Probe]:
    """What the server of a model really does, one probe after the other. Raises nothing: a fault is something seen."""
    return check_model(spec, _opened)


async def listed_tools(server: McpServerSpec) -> tuple[SeenTool, ...]:
    """What an MCP server offers now, each with the pin that allows it; nothing is called. Raises `AgentFault`."""
    from agent.tools.mcp_tool import Unanswered, seen_tools  # noqa: PLC0415 - as above

    try:
        return await seen_tools(server)
    except Unanswered as error:
        raise AgentFault(str(error)) from error


def _tool_card(spec: ToolSpec | McpToolSpec) -> ToolCard:
    return ToolCard(name=spec.name, description=spec.description, slots=spec.model_slots)


def _model_card(spec: ModelSpec) -> ModelCard:
    return ModelCard(name=spec.name, price=spec.price, completion_tokens_max=spec.completion_tokens_max, strict_schema=spec.strict_schema)


def _writer(meter: Meter) -> Watch:
    def write(progress: Progress) -> None:
        usage = progress.usage
        meter.steps = usage.steps
        meter.tool_calls = usage.tool_calls
        meter.tokens_in = usage.tokens_in
        meter.tokens_out = usage.tokens_out
        meter.spend_micros = usage.spend_micros
        meter.tokens_reserved = usage.tokens_reserved
        meter.spend_reserved_micros = usage.spend_reserved_micros
        meter.evidence[:] = _evidence(progress.evidence)
        meter.calls[:] = _calls(progress.calls)
        meter.model = progress.model
        meter.agent_version = AGENT_VERSION
        meter.transcript_sha256 = progress.transcript_sha256

    return write


def _evidence(evidence: tuple[AgentEvidence, ...]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            tool=one.tool,
            arguments_json=one.arguments_json,
            result_sha256=one.result_sha256,
            result_bytes=one.result_bytes,
            ok=one.ok,
            prefetched=one.prefetched,
            cached=one.cached,
            note=one.note,
        )
        for one in evidence
    )


def _calls(calls: tuple[AgentCall, ...]) -> tuple[ModelCall, ...]:
    return tuple(
        ModelCall(
            ballot=one.ballot,
            model=one.model,
            outcome=CallOutcome(one.outcome),
            option=one.option,
            position=one.position,
            detail=one.detail,
            tokens_in=one.tokens_in,
            tokens_out=one.tokens_out,
            spend_micros=one.spend_micros,
            wall_ms=one.wall_ms,
        )
        for one in calls
    )


def _agreement(agreement: AgentAgreement | None) -> Agreement | None:
    if agreement is None:
        return None
    return Agreement(
        votes=agreement.votes,
        agreeing=agreement.agreeing,
        abstained=agreement.abstained,
        agreement_min=agreement.agreement_min,
    )


def _thought(ended: Ended) -> Thought:
    return Thought(
        stop=_STOPS[ended.stop],
        option=ended.option,
        rationale=ended.rationale,
        detail=ended.detail,
        evidence=_evidence(ended.evidence),
        steps=ended.usage.steps,
        tool_calls=ended.usage.tool_calls,
        tokens_in=ended.usage.tokens_in,
        tokens_out=ended.usage.tokens_out,
        spend_micros=ended.usage.spend_micros,
        wall_ms=ended.usage.wall_ms,
        model=ended.model,
        agent_version=AGENT_VERSION,
        transcript_sha256=ended.transcript_sha256,
        calls=_calls(ended.calls),
        agreement=_agreement(ended.agreement),
        facts=ended.facts,
    )
