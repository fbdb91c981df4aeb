"""The bounded agent behind the `Thinker` port: the only file of the gateway that imports `agent`.

1. It translates words, both ways, and decides nothing: a stop of the agent is the same stop of the gateway.
2. `meter` is written after every change, before the agent acts on it, so that a cancelled thought can still be settled.
3. A brief naming a model or a tool that the settings do not have is an `AgentFault`: the activation let through what it must not.
"""

from collections.abc import Mapping
from typing import Final

from agent.models.openai_chat import OpenAIChat
from agent.models.spec import ModelSpec
from agent.runner import Agent, Watch
from agent.task import AGENT_VERSION, Ended, Limits, ModelCard, Price, RationaleOrder, Stop, Task, ToolCard, Usage
from agent.task import Evidence as AgentEvidence
from agent.tools.http_get import HttpTool
from agent.tools.spec import SlotSpec, SlotType, Source, ToolSpec
from gateway.domain.faults import AgentFault
from gateway.domain.reasons import DecideStop
from gateway.ports.agent import Brief, Evidence, Meter, Thought

__all__ = ["AgentRunner", "ModelSpec", "Price", "SlotSpec", "SlotType", "Source", "ToolSpec"]

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

    def __init__(self, models: Mapping[str, ModelSpec], tools: Mapping[str, ToolSpec]) -> None:
        self._models = dict(models)
        self._tools = dict(tools)
        self._chats = {name: OpenAIChat(spec) for name, spec in models.items()}
        self._agent = Agent(models=self._chats, tools={name: HttpTool(spec) for name, spec in tools.items()})

    async def think(self, brief: Brief, meter: Meter) -> Thought:
        ended = await self._agent.think(self._task(brief), _writer(meter))
        return _thought(ended)

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
            models=tuple(_model_card(self._model(name)) for name in brief.models),
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
        )

    def _tool(self, name: str) -> ToolSpec:
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


def _tool_card(spec: ToolSpec) -> ToolCard:
    return ToolCard(name=spec.name, description=spec.description, slots=spec.model_slots)


def _model_card(spec: ModelSpec) -> ModelCard:
    return ModelCard(name=spec.name, price=spec.price, completion_tokens_max=spec.completion_tokens_max, strict_schema=spec.strict_schema)


def _writer(meter: Meter) -> Watch:
    def write(usage: Usage, evidence: tuple[AgentEvidence, ...]) -> None:
        meter.steps = usage.steps
        meter.tool_calls = usage.tool_calls
        meter.tokens_in = usage.tokens_in
        meter.tokens_out = usage.tokens_out
        meter.spend_micros = usage.spend_micros
        meter.tokens_reserved = usage.tokens_reserved
        meter.spend_reserved_micros = usage.spend_reserved_micros
        meter.evidence[:] = _evidence(evidence)

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
        )
        for one in evidence
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
    )
