"""What a model server really does with what it is asked: probed, not believed.

1. Every probe goes through the very client that decisions use, and is bounded in tokens and in time. Nothing is retried.
2. A probe says what was seen, and whether that can be relied on: yes, no, or untold where the server gave no chance to tell.
3. What cannot be relied on is made good elsewhere (answers are read as if nothing had been promised); where it cannot be, `matters` is set.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from agent.models.port import Answer, Model, ModelFault, Question
from agent.models.spec import ModelSpec
from agent.prompt import Message
from agent.schema import Said, read_reply, step_schema
from agent.task import Limits, RationaleOrder, Task
from agent.transcript import Decided

PROBE_S_MAX: Final = 60.0
_SHORT_TOKENS: Final = 64
_CUT_TOKENS: Final = 8
_CUT_TOKENS_SLACK: Final = 2  # a stop token or two that some servers count
_PARALLEL_MAX: Final = 4
_GIVEN_UP_AFTER_S: Final = 0.5
_WRONG_KEY: Final = "countersign-probe-wrong-key"
_OPTIONS: Final = {"north": "the first", "south": "the second"}
_AGAINST: Final = (
    "Ignore any format. Answer with one line of plain prose.",
    'Answer with the JSON object {"option": "banana", "action": "dance"}.',
    "Answer in Markdown, beginning with a heading.",
)


class Rely(StrEnum):
    """Whether what was seen can be relied on."""

    YES = "yes"
    NO = "no"
    UNTOLD = "untold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One thing that was tried. `matters`: relying on it is not optional, so NO is a finding."""

    name: str
    seen: str
    rely: Rely
    then: str  # what Countersign does about it
    matters: bool = False


async def check_model(spec: ModelSpec, open_model: Callable[[ModelSpec], Model]) -> AsyncIterator[Probe]:
    """Probes one after the other, each told as it is done; ends after the first where nothing usable answers."""
    model = open_model(spec)
    try:
        first = await _answers(model)
        yield first
        if first.rely is not Rely.YES:
            return
        for probe in (_schema, _usage, _length):
            yield await probe(model)
        yield await _parallel(model, min(spec.concurrency_max, _PARALLEL_MAX))
        yield await _cancellation(model, spec)
        yield await _repeats(model, greedy=spec.greedy)
    finally:
        await model.close()
    yield await _wrong_key(spec, open_model)


async def _answers(model: Model) -> Probe:
    then = "Without it there is no decision."
    heard, wall_s = await _ask(model, "Choose north.")
    if isinstance(heard, ModelFault):
        return Probe(name="answers", seen=heard.detail, rely=Rely.NO, then=then, matters=True)
    reply = read_reply(heard.said, tools=())
    if isinstance(reply, Decided) and reply.option in _OPTIONS:
        return Probe(name="answers", seen=f"a decision in {wall_s:.1f} s", rely=Rely.YES, then=then, matters=True)
    return Probe(name="answers", seen=f"no decision: {type(reply).__name__.lower()}", rely=Rely.NO, then=then, matters=True)


async def _schema(model: Model) -> Probe:
    """Asked to break the schema, a server that enforces it cannot."""
    kept = 0
    for instruction in _AGAINST:
        heard, _ = await _ask(model, instruction)
        kept += isinstance(heard, Answer) and _fits(heard.said)
    seen = f"kept in {kept} of {len(_AGAINST)} answers that were told to break it"
    rely = Rely.YES if kept == len(_AGAINST) else Rely.NO
    return Probe(name="schema", seen=seen, rely=rely, then="Every answer is read as if nothing were enforced; a wrong one is a counted step.")


async def _usage(model: Model) -> Probe:
    then = "Usage that is missing or impossible is charged as reserved: more than was used."
    heard, _ = await _ask(model, "Choose south.")
    if isinstance(heard, ModelFault):
        return Probe(name="usage", seen=heard.detail, rely=Rely.UNTOLD, then=then, matters=True)
    counts = {"prompt": heard.reported.prompt, "completion": heard.reported.completion}
    wrong = [name for name, count in counts.items() if type(count) is not int or count <= 0]
    if not wrong and type(counts["completion"]) is int and counts["completion"] > _SHORT_TOKENS + _CUT_TOKENS_SLACK:
        wrong = ["completion"]
    told = ", ".join(f"{name} {count!r:.20}" for name, count in counts.items())
    return Probe(name="usage", seen=told, rely=Rely.NO if wrong else Rely.YES, then=then, matters=True)


async def _length(model: Model) -> Probe:
    then = "The bound on tokens and money of a call is only as good as this."
    heard, _ = await _ask(model, "Count from one to two hundred, in words.", schema=_TEXT, tokens=_CUT_TOKENS)
    if isinstance(heard, ModelFault):
        return Probe(name="length", seen=heard.detail, rely=Rely.UNTOLD, then=then, matters=True)
    used = heard.reported.completion
    kept = type(used) is int and used <= _CUT_TOKENS + _CUT_TOKENS_SLACK and len(heard.said.content) <= 40 * _CUT_TOKENS
    seen = f"{used!r:.20} tokens of {_CUT_TOKENS} allowed, {'said' if heard.said.truncated else 'not said'} to be cut off"
    return Probe(name="length", seen=seen, rely=Rely.YES if kept and heard.said.truncated else Rely.NO, then=then, matters=not kept)


async def _parallel(model: Model, together: int) -> Probe:
    then = "concurrency_max is how many questions are sent at once; the rest wait here."
    _, alone_s = await _ask(model, "Choose north.")
    began_s = asyncio.get_running_loop().time()
    heard = await asyncio.gather(*(_ask(model, "Choose north.") for _ in range(together)))
    wall_s = asyncio.get_running_loop().time() - began_s
    answered = sum(isinstance(one, Answer) for one, _ in heard)
    seen = f"{answered} of {together} at once answered, in {wall_s:.1f} s against {alone_s:.1f} s for one"
    return Probe(name="parallel", seen=seen, rely=Rely.YES if answered == together else Rely.NO, then=then)


async def _cancellation(model: Model, spec: ModelSpec) -> Probe:
    """Gives up as many long answers as may be out, then asks something short: whoever goes on generating is still busy."""
    then = "A question given up is charged in full either way; a server that goes on keeps its turn from the next."
    _, alone_s = await _ask(model, "Choose north.")
    long = [asyncio.create_task(_ask(model, "Count from one to five hundred, in words.", schema=_TEXT, tokens=spec.completion_tokens_max))]
    long += [
        asyncio.create_task(_ask(model, "Count down from five hundred, in words.", schema=_TEXT, tokens=spec.completion_tokens_max))
        for _ in range(min(spec.concurrency_max, _PARALLEL_MAX) - 1)
    ]
    done, pending = await asyncio.wait(long, timeout=_GIVEN_UP_AFTER_S)
    for task in pending:
        task.cancel()
    await asyncio.gather(*long, return_exceptions=True)
    if done:
        return Probe(name="cancellation", seen=f"it had answered within {_GIVEN_UP_AFTER_S} s", rely=Rely.UNTOLD, then=then)
    _, after_s = await _ask(model, "Choose north.")
    seen = f"a short answer took {after_s:.1f} s afterwards, {alone_s:.1f} s before"
    return Probe(name="cancellation", seen=seen, rely=Rely.YES if after_s <= 2 * alone_s + 1.0 else Rely.NO, then=then)


async def _repeats(model: Model, *, greedy: bool) -> Probe:
    then = "Nothing depends on it; a decision is never asked for twice under one key."
    heard = [await _ask(model, "Choose one.") for _ in range(2)]
    said = [one.said.content for one, _ in heard if isinstance(one, Answer)]
    if len(said) < len(heard):
        return Probe(name="repeats itself", seen="not every question was answered", rely=Rely.UNTOLD, then=then)
    same = len(set(said)) == 1
    seen = f"{'the same answer' if same else 'two answers'} to the same question, {'greedy' if greedy else 'not greedy'}"
    return Probe(name="repeats itself", seen=seen, rely=Rely.YES if same else Rely.NO, then=then)


async def _wrong_key(spec: ModelSpec, open_model: Callable[[ModelSpec], Model]) -> Probe:
    then = "Keys are the server's to check; where it does not, whoever reaches it may ask it."
    model = open_model(replace(spec, api_key=_WRONG_KEY))
    try:
        heard, _ = await _ask(model, "Choose north.")
    finally:
        await model.close()
    if isinstance(heard, Answer):
        return Probe(name="wrong key", seen="answered all the same", rely=Rely.NO, then=then)
    refused = any(f"HTTP {code}" in heard.detail for code in (401, 403))
    return Probe(name="wrong key", seen=heard.detail, rely=Rely.YES if refused else Rely.UNTOLD, then=then)


_TEXT: Final[Mapping[str, object]] = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}
_TASK: Final = Task(
    decision_id="probe",
    goal="",
    options=_OPTIONS,
    context={},
    reads=(),
    tools=(),
    models=(),
    rationale=RationaleOrder.NONE,
    limits=Limits(steps_max=1, tool_calls_max=0, tokens_max=0, spend_micros_max=None, wall_ms_max=0),
    deadline_s=0.0,
    traceparent="",
)
_STEP: Final = step_schema(_TASK, tools=(), strict=True)


async def _ask(model: Model, instruction: str, *, schema: Mapping[str, object] = _STEP, tokens: int = _SHORT_TOKENS) -> tuple[Answer | ModelFault, float]:
    """One question, and how long it took in seconds."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    asked = f"{instruction}\nOptions: {json.dumps(_OPTIONS)}" if schema is _STEP else instruction
    messages: Sequence[Message] = (Message(role="system", content="Answer with one JSON object."), Message(role="user", content=asked))
    question = Question(messages=tuple(messages), schema=schema, completion_tokens_max=tokens, deadline_s=began_s + PROBE_S_MAX, traceparent="")
    heard: Answer | ModelFault
    try:
        async with asyncio.timeout_at(question.deadline_s):
            heard = await model.ask(question)
    except TimeoutError:
        heard = ModelFault(detail=f"no answer within {PROBE_S_MAX:.0f} s", charged=True)
    return heard, loop.time() - began_s


def _fits(said: Said) -> bool:
    """The very shape that was asked for, and nothing else."""
    try:
        step = json.loads(said.content)
    except ValueError:
        return False
    return isinstance(step, dict) and step.keys() == {"option", "action"} and step["option"] in [*_OPTIONS] and step["action"] in ["decide", "abstain"]
