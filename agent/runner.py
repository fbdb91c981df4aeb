"""Drives the loop: does what `next_step` says, under one absolute deadline, and reports every change of usage before it acts on it.

1. The deadline is the earlier of the task's and now + `wall_ms_max`. What is under way when it comes is cancelled and charged in full.
2. Cancellation passes through: by then everything done and everything reserved has been reported to `watch`.
3. Reads are fetched before the first question, all at once, with arguments from the context; one that fails is told to the model.
4. The same call again within one thinking is answered from memory, and still counts.
"""

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from hashlib import sha256

from agent.budget import release, settle
from agent.loop import Ask, Call, Exhausted, Propose, next_step
from agent.models.port import Answer, Model, ModelFault, Question
from agent.schema import read_reply
from agent.task import AGENT_VERSION, Ended, Evidence, Limits, Stop, Task, Usage
from agent.tools.http_get import Result, Tool
from agent.transcript import Faulted, Returned, Transcript, TranscriptDigest, Turn

Watch = Callable[[Usage, tuple[Evidence, ...]], None]
"""Told of usage and evidence after every change, before the next thing is done."""


class Agent:
    """Thinks with the models and tools it was given; keeps nothing between two tasks."""

    def __init__(self, *, models: Mapping[str, Model], tools: Mapping[str, Tool]) -> None:
        self._models = models
        self._tools = tools

    async def think(self, task: Task, watch: Watch) -> Ended:
        """Every end is an `Ended`, except cancellation. KeyError when the task names a model or tool that is not here."""
        missing = [name for name in (*task.reads, *(tool.name for tool in task.tools)) if name not in self._tools]
        missing += [model.name for model in task.models if model.name not in self._models]
        if missing:
            raise KeyError(missing[0])
        return await _Thinking(task, self._models, self._tools, watch).run()


class _Thinking:
    """One task being thought about."""

    def __init__(self, task: Task, models: Mapping[str, Model], tools: Mapping[str, Tool], watch: Watch) -> None:
        self._task = task
        self._models = models
        self._tools = tools
        self._watch = watch
        self._started_s = asyncio.get_running_loop().time()
        self._deadline_s = min(task.deadline_s, self._started_s + task.limits.wall_ms_max / 1000)
        wall_ms_max = max(0, math.ceil((self._deadline_s - self._started_s) * 1000))
        self._limits: Limits = replace(task.limits, wall_ms_max=min(task.limits.wall_ms_max, wall_ms_max))
        self._usage = Usage()
        self._evidence: list[Evidence] = []
        self._reads: list[Returned] = []
        self._turns: list[Turn] = []
        self._known: dict[str, Result] = {}
        self._model = ""
        self._digest = TranscriptDigest(decision_id=task.decision_id, agent_version=AGENT_VERSION)

    async def run(self) -> Ended:
        if self._limits.wall_ms_max > 0:
            await self._prefetch()
        for _ in range(2 * self._limits.steps_max + 1):
            self._tick()
            step = next_step(Transcript(task=self._task, reads=tuple(self._reads), turns=tuple(self._turns)), self._limits, self._usage)
            match step:
                case Ask():
                    await self._ask(step)
                case Call():
                    await self._call(step)
                case Propose():
                    return self._end(Exhausted(stop=Stop.FINAL_RESULT, detail="", option=step.option, rationale=step.rationale))
                case Exhausted():
                    return self._end(step)
        raise AssertionError("each step of the loop uses up a bound, and the bounds are used up")

    async def _prefetch(self) -> None:
        """The reads, in their declared order; those not finished at the deadline are cancelled, and the next step ends with it."""
        try:
            async with asyncio.timeout_at(self._deadline_s):
                async with asyncio.TaskGroup() as group:
                    fetching = [group.create_task(self._fetch(name, {})) for name in self._task.reads]
                    for name, fetch in zip(self._task.reads, fetching, strict=True):
                        self._reads.append(self._keep(name, await fetch, prefetched=True))
        except TimeoutError:
            self._run_out()

    async def _fetch(self, name: str, args: Mapping[str, str | int]) -> Result:
        return await self._tools[name].call(args=args, context=self._task.context, traceparent=self._task.traceparent)

    async def _ask(self, ask: Ask) -> None:
        self._use(ask.usage)
        self._model = ask.model.name
        self._digest.add("asked", _canonical([ask.model.name, ask.completion_tokens_max, [asdict(message) for message in ask.messages], ask.schema]))
        question = Question(
            messages=ask.messages,
            schema=ask.schema,
            completion_tokens_max=ask.completion_tokens_max,
            deadline_s=self._deadline_s,
            traceparent=self._task.traceparent,
        )
        heard: Answer | ModelFault
        try:
            async with asyncio.timeout_at(self._deadline_s):
                heard = await self._models[ask.model.name].ask(question)
        except TimeoutError:
            self._run_out()
            heard = ModelFault(detail="no answer before the deadline", charged=True)
        self._hear(ask, heard)

    def _hear(self, ask: Ask, heard: Answer | ModelFault) -> None:
        if isinstance(heard, Answer):
            self._use(settle(self._usage, ask.model.price, heard.reported))
            self._digest.add("answered", heard.raw)
            self._turns.append(read_reply(heard.said, tools=ask.tools))
            return
        self._use(settle(self._usage, ask.model.price, None) if heard.charged else release(self._usage))
        self._digest.add("faulted", heard.detail.encode())
        self._turns.append(Faulted(model=ask.model.name, detail=heard.detail))

    async def _call(self, call: Call) -> None:
        self._use(call.usage)
        key = _canonical([call.tool, dict(call.args)]).decode()
        result = self._known.get(key)
        try:
            async with asyncio.timeout_at(self._deadline_s):
                result = result or await self._fetch(call.tool, call.args)
        except TimeoutError:
            self._run_out()
            result = Result(arguments=call.args, body=b"", note="no answer before the deadline", ok=False)
        if result.ok:
            self._known[key] = result
        self._turns.append(self._keep(call.tool, result, prefetched=False))

    def _keep(self, tool: str, result: Result, *, prefetched: bool) -> Returned:
        """Write a result down as evidence, and give it the form the model sees."""
        arguments = _canonical(dict(result.arguments))
        self._evidence.append(
            Evidence(
                tool=tool,
                arguments_json=arguments,
                result_sha256=sha256(result.body).digest(),
                result_bytes=len(result.body),
                ok=result.ok,
                prefetched=prefetched,
            )
        )
        self._digest.add("returned", _canonical([tool, result.note, result.ok]) + arguments)
        self._digest.add("result", result.body)
        self._watch(self._usage, tuple(self._evidence))
        return Returned(tool=tool, arguments=result.arguments, text=result.body.decode("utf-8", "replace"), note=result.note)

    def _use(self, usage: Usage) -> None:
        self._usage = usage
        self._watch(usage, tuple(self._evidence))

    def _tick(self) -> None:
        elapsed_ms = math.ceil((asyncio.get_running_loop().time() - self._started_s) * 1000)
        self._usage = replace(self._usage, wall_ms=max(self._usage.wall_ms, elapsed_ms))

    def _run_out(self) -> None:
        """The deadline came, whatever a rounded clock says."""
        self._usage = replace(self._usage, wall_ms=max(self._usage.wall_ms, self._limits.wall_ms_max))

    def _end(self, ended: Exhausted) -> Ended:
        self._tick()
        self._digest.add("ended", _canonical([ended.stop, ended.option, ended.rationale, ended.detail]))
        return Ended(
            stop=ended.stop,
            option=ended.option,
            rationale=ended.rationale,
            detail=ended.detail,
            evidence=tuple(self._evidence),
            usage=self._usage,
            model=self._model,
            transcript_sha256=self._digest.value(),
        )


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
