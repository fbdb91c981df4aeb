"""What comes next, given what has been said, what is allowed and what is used. No I/O, no clock, no await.

1. Every bound is counted here, before the thing is done: the step returned carries the usage with the count and the reservation in it.
2. The last permitted step is forced to decide: no tool is offered in it. So is any step after which tokens would not carry another.
3. An option is compared code point by code point. Case and Unicode twins are other options; one outside the list ends the thinking.
4. A fault moves on to the next model, as a step that counts; nothing is asked of the same model again.
"""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent.budget import COMPLETION_TOKENS_MIN, Short, reserve
from agent.prompt import Message, render
from agent.schema import step_schema
from agent.task import OPTION_CHARS_MAX, Limits, ModelCard, Stop, ToolCard, Usage
from agent.transcript import Abstained, Decided, Faulted, Malformed, Refused, Returned, ToolWanted, Transcript
from agent.untrusted import as_seen

_MESSAGE_TOKENS_MAX = 16  # a chat template's own tokens around one message, and around the whole
_BYTES_PER_TOKEN = 3  # only to guess whether another step will fit; the bound itself counts bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask `model`; the answer is read with the `tools` offered here."""

    model: ModelCard
    messages: tuple[Message, ...]
    schema: Mapping[str, object]
    tools: tuple[ToolCard, ...]
    completion_tokens_max: int
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    tool: str
    args: Mapping[str, str | int]
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Propose:
    option: str
    rationale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted:
    """Thinking ends without a proposal. `option` is what the model said, bounded, with INVALID_OPTION only; `facts` come with BUDGET_LIMIT."""

    stop: Stop
    detail: str
    option: str = ""
    rationale: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


Step = Ask | Call | Propose | Exhausted


def next_step(transcript: Transcript, limits: Limits, usage: Usage) -> Step:
    """The one thing to do now."""
    last = transcript.turns[-1] if transcript.turns else None
    match last:
        case Decided():
            return _judge(last, transcript.task.options)
        case Abstained():
            return Exhausted(stop=Stop.ABSTAINED, detail="the model abstained", rationale=last.rationale)
        case Refused():
            return Exhausted(stop=Stop.ABSTAINED, detail="the model refused to answer", rationale=last.rationale)
        case ToolWanted():
            return _call(last, limits, usage)
        case Malformed() | Faulted() | Returned() | None:
            return _ask(transcript, limits, usage)


def _judge(decided: Decided, options: Mapping[str, str]) -> Propose | Exhausted:
    if decided.option in options:
        return Propose(option=decided.option, rationale=decided.rationale)
    twin = _folded(decided.option) in {_folded(option) for option in options}
    hint = "; it differs from one only by case, width or white space, which makes it another" if twin else ""
    said = as_seen(decided.option, chars_max=OPTION_CHARS_MAX)
    detail = f"what the model named is none of the {len(options)} options{hint}"
    return Exhausted(stop=Stop.INVALID_OPTION, detail=detail, option=said, rationale=decided.rationale)


def _folded(option: str) -> str:
    return "".join(unicodedata.normalize("NFKC", option).casefold().split())


def _call(wanted: ToolWanted, limits: Limits, usage: Usage) -> Call | Exhausted:
    if usage.wall_ms >= limits.wall_ms_max:
        return _timeout(limits)
    if usage.tool_calls >= limits.tool_calls_max:
        return Exhausted(stop=Stop.MAX_STEPS, detail=f"a tool call beyond the {limits.tool_calls_max} allowed")
    return Call(tool=wanted.tool, args=wanted.args, usage=replace(usage, tool_calls=usage.tool_calls + 1))


def _ask(transcript: Transcript, limits: Limits, usage: Usage) -> Ask | Exhausted:
    if usage.wall_ms >= limits.wall_ms_max:
        return _timeout(limits)
    faults, models = transcript.faults, transcript.task.models
    if len(faults) >= len(models):
        return Exhausted(stop=Stop.MODEL_FAULT, detail=_told(faults) or "no model is named")
    if usage.steps >= limits.steps_max:
        return _out_of_steps(transcript, limits)
    model = models[len(faults)]
    if model.price is None and limits.spend_micros_max is not None:
        detail = f"UNPRICED_MODEL: a money limit applies and model {model.name} has no price"
        return Exhausted(stop=Stop.BUDGET_LIMIT, detail=detail, facts={"ledger": "spend", "why": "UNPRICED_MODEL", "model": model.name})
    asked = _reserved(transcript, limits, usage, model)
    if isinstance(asked, Ask):
        return asked
    if isinstance(transcript.turns[-1] if transcript.turns else None, Faulted):
        return Exhausted(stop=Stop.MODEL_FAULT, detail=f"{_told(faults)}; the next model cannot be asked: {asked.told}")
    return Exhausted(stop=Stop.BUDGET_LIMIT, detail=asked.told, facts=asked.facts())


def _reserved(transcript: Transcript, limits: Limits, usage: Usage, model: ModelCard) -> Ask | Short:
    tools = transcript.task.tools
    if usage.steps + 1 >= limits.steps_max or usage.tool_calls >= limits.tool_calls_max or not _carries_another(transcript, limits, usage, model):
        tools = ()
    messages, schema = _question(transcript, tools, model)
    granted = reserve(usage, limits, model.price, prompt_tokens_max=_prompt_tokens_max(messages, schema), completion_tokens_max=model.completion_tokens_max)
    if isinstance(granted, Short):
        return granted
    counted = replace(granted.usage, steps=usage.steps + 1)
    return Ask(model=model, messages=messages, schema=schema, tools=tools, completion_tokens_max=granted.completion_tokens, usage=counted)


def _carries_another(transcript: Transcript, limits: Limits, usage: Usage, model: ModelCard) -> bool:
    """Whether, this step being what it probably is, tokens will still carry one more with all that was said."""
    messages, schema = _question(transcript, transcript.task.tools, model)
    next_prompt = _prompt_tokens_max(messages, schema)
    left = limits.tokens_max - usage.tokens_in - usage.tokens_out
    return left - next_prompt // _BYTES_PER_TOKEN - model.completion_tokens_max >= next_prompt + COMPLETION_TOKENS_MIN


def _question(transcript: Transcript, tools: tuple[ToolCard, ...], model: ModelCard) -> tuple[tuple[Message, ...], Mapping[str, object]]:
    return render(transcript, tools=tools), step_schema(transcript.task, tools=tools, strict=model.strict_schema)


def _prompt_tokens_max(messages: tuple[Message, ...], schema: Mapping[str, object]) -> int:
    """An upper bound: some servers write the schema into the prompt."""
    text = sum(len(message.content.encode()) for message in messages)
    return text + _MESSAGE_TOKENS_MAX * (len(messages) + 1) + len(json.dumps(schema, separators=(",", ":")))


def _out_of_steps(transcript: Transcript, limits: Limits) -> Exhausted:
    last = transcript.turns[-1] if transcript.turns else None
    if isinstance(last, Faulted):
        return Exhausted(stop=Stop.MODEL_FAULT, detail=f"{_told(transcript.faults)}; no step is left for the next model ({limits.steps_max} allowed)")
    why = f"; the last answer was not accepted: {last.error}" if isinstance(last, Malformed) else ""
    return Exhausted(stop=Stop.MAX_STEPS, detail=f"all {limits.steps_max} steps are used{why}")


def _told(faults: tuple[Faulted, ...]) -> str:
    return "; ".join(f"model {fault.model}: {fault.detail}" for fault in faults)


def _timeout(limits: Limits) -> Exhausted:
    return Exhausted(stop=Stop.TIMEOUT, detail=f"no decision within {limits.wall_ms_max} ms")
