"""Drives the loop: does what `next_step` says, under one absolute deadline, and reports every change of usage before it acts on it.

1. The deadline is the earlier of the task's and now + `wall_ms_max`. What is under way when it comes is cancelled and charged in full.
2. Cancellation passes through: by then everything done and everything reserved has been reported to `watch`.
3. Reads are fetched before the first question, all at once, with arguments from the context; one that fails is told to the model.
4. The same read again within one thinking is answered from memory, is marked as such, and still counts (`agent.tools.memory`).
5. Ballots come one after the other, each a conversation of its own over the same reads (`agent.ballots`).
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from agent.ballots import count, share, shown
from agent.budget import release, settle
from agent.loop import Ask, Call, Exhausted, Propose, next_step
from agent.models.port import Answer, Model, ModelFault, Question
from agent.record import Hear, Record, Watch
from agent.schema import read_reply
from agent.task import Ended, Limits, Stop, Task
from agent.tools.memory import Shelf
from agent.tools.port import Result, Tool
from agent.transcript import Faulted, Returned, Transcript, Turn

_MOMENT_S: Final = 0.02  # a turn that did not come until so little is left did not come in time


class Agent:
    """Thinks with the models and tools it was given; keeps nothing between two tasks."""

    def __init__(self, *, models: Mapping[str, Model], tools: Mapping[str, Tool]) -> None:
        self._models = models
        self._tools = tools

    async def think(self, task: Task, watch: Watch, hear: Hear | None = None) -> Ended:
        """Every end is an `Ended`, except cancellation. KeyError when the task names a model or tool that is not here."""
        missing = [name for name in (*task.reads, *(tool.name for tool in task.tools)) if name not in self._tools]
        missing += [model.name for model in task.models if model.name not in self._models]
        if missing:
            raise KeyError(missing[0])
        return await _Thinking(task, self._models, self._tools, Record(task, watch, hear)).run()


class _Thinking:
    """One task being thought about."""

    def __init__(self, task: Task, models: Mapping[str, Model], tools: Mapping[str, Tool], record: Record) -> None:
        self._task = task
        self._models = models
        self._tools = tools
        self._record = record
        self._started_s = asyncio.get_running_loop().time()
        self._deadline_s = min(task.deadline_s, self._started_s + task.limits.wall_ms_max / 1000)
        wall_ms_max = max(0, math.ceil((self._deadline_s - self._started_s) * 1000))
        self._limits: Limits = replace(task.limits, wall_ms_max=min(task.limits.wall_ms_max, wall_ms_max))
        self._reads: list[Returned] = []
        self._turns: list[Turn] = []
        self._faulted: tuple[Faulted, ...] = ()
        self._shelf = Shelf()

    async def run(self) -> Ended:
        if self._limits.wall_ms_max > 0:
            await self._prefetch()
        if self._task.votes == 1:
            return self._end(await self._ballot(1, self._task, self._limits))
        cast: list[Exhausted] = []
        for number in range(1, self._task.votes + 1):
            self._record.ballot(number)
            limits = share(self._limits, self._record.usage, ballots_left=self._task.votes - len(cast))
            ended = await self._ballot(number, replace(self._task, options=shown(self._task.options, ballot=number)), limits)
            if ended.stop not in {Stop.FINAL_RESULT, Stop.ABSTAINED}:
                return self._end(ended, cast)
            cast.append(ended)
        return self._end(None, cast)

    async def _ballot(self, number: int, task: Task, limits: Limits) -> Exhausted:
        """One conversation, to its end."""
        self._turns = []
        for _ in range(2 * limits.steps_max + 1):
            self._tick()
            transcript = Transcript(task=task, reads=tuple(self._reads), turns=tuple(self._turns), faulted=self._faulted)
            step = next_step(transcript, limits, self._record.usage)
            match step:
                case Ask():
                    await self._ask(step, ballot=number, options=task.options)
                case Call():
                    await self._call(step)
                case Propose():
                    self._faulted = transcript.faults
                    return Exhausted(stop=Stop.FINAL_RESULT, detail="", option=step.option, rationale=step.rationale)
                case Exhausted():
                    self._faulted = transcript.faults
                    return step
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
        tool, task = self._tools[name], self._task
        return await self._shelf.read(name, args, lambda: tool.call(args=args, context=task.context, traceparent=task.traceparent))

    async def _ask(self, ask: Ask, *, ballot: int, options: Mapping[str, str]) -> None:
        """Waits for a turn, reserves, asks. Given up while it waits, it was never asked."""
        began_s = asyncio.get_running_loop().time()
        async with self._models[ask.model.name].turn(self._deadline_s) as refused:
            self._record.asked(ask)
            heard = refused or await self._heard(ask)
        if refused is not None and self._deadline_s - asyncio.get_running_loop().time() < _MOMENT_S:
            self._run_out()
        wall_ms = math.ceil((asyncio.get_running_loop().time() - began_s) * 1000)
        usage = self._record.usage
        if isinstance(heard, Answer):
            settled, reply = settle(usage, ask.model.price, heard.reported), read_reply(heard.said, tools=ask.tools)
        else:
            settled = settle(usage, ask.model.price, None) if heard.charged else release(usage)
            reply = Faulted(model=ask.model.name, detail=heard.detail)
        self._record.heard(ask, heard, reply, settled, ballot=ballot, options=options, wall_ms=wall_ms)
        self._turns.append(reply)

    async def _heard(self, ask: Ask) -> Answer | ModelFault:
        question = Question(
            messages=ask.messages,
            schema=ask.schema,
            completion_tokens_max=ask.completion_tokens_max,
            deadline_s=self._deadline_s,
            traceparent=self._task.traceparent,
        )
        try:
            async with asyncio.timeout_at(self._deadline_s):
                return await self._models[ask.model.name].ask(question)
        except TimeoutError:
            self._run_out()
            return ModelFault(detail="no answer before the deadline", charged=True)

    async def _call(self, call: Call) -> None:
        self._record.use(call.usage)
        try:
            async with asyncio.timeout_at(self._deadline_s):
                result = await self._fetch(call.tool, call.args)
        except TimeoutError:
            self._run_out()
            result = Result(arguments=call.args, body=b"", note="no answer before the deadline", ok=False)
        self._turns.append(self._keep(call.tool, result, prefetched=False))

    def _keep(self, tool: str, result: Result, *, prefetched: bool) -> Returned:
        """Write a result down as evidence, and give it the form the model sees."""
        self._record.returned(tool, result, prefetched=prefetched)
        return Returned(tool=tool, arguments=result.arguments, text=result.body.decode("utf-8", "replace"), note=result.note)

    def _tick(self) -> None:
        elapsed_ms = math.ceil((asyncio.get_running_loop().time() - self._started_s) * 1000)
        self._record.usage = replace(self._record.usage, wall_ms=max(self._record.usage.wall_ms, elapsed_ms))

    def _run_out(self) -> None:
        """The deadline came, whatever a rounded clock says."""
        self._record.usage = replace(self._record.usage, wall_ms=max(self._record.usage.wall_ms, self._limits.wall_ms_max))

    def _end(self, ended: Exhausted | None, cast: list[Exhausted] | None = None) -> Ended:
        """`ended` None: every ballot was cast."""
        self._tick()
        if cast is None:
            assert ended is not None, "a single ballot ends by itself"
            return self._record.end(ended, None)
        options = [one.option if one.stop is Stop.FINAL_RESULT else "" for one in cast]
        counted = count(options, votes=self._task.votes, agreement_min=self._task.agreement_min)
        if ended is None and counted.option:
            rationale = next(one.rationale for one in cast if one.option == counted.option)
            ended = Exhausted(stop=Stop.FINAL_RESULT, detail="", option=counted.option, rationale=rationale)
        return self._record.end(ended or Exhausted(stop=Stop.ABSTAINED, detail=counted.detail), counted.agreement)
