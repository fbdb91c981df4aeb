"""What was read once is not read again: within one decision always, within one run for as long as the operator said it stays fresh.

1. Remembered is a good and whole result, by its tool and all of its arguments. What failed or was cut is read again.
2. A decision sees one state of what it reads: the same read is made once, whoever asks for it (a read beforehand, a ballot, a model that
   asks again), also when two ask at the same time. What comes from memory is marked `cached`, and still counts as a call.
3. Between two decisions of a run the workflow writes. So a later decision gets an earlier one's read only of a tool with `fresh_ms`, only
   of the same run, and only that long after it was read. Nothing passes between runs, workflows or tenants.
4. Bounded: `RUNS_MAX` runs, `READS_MAX` reads of each, `BYTES_MAX` altogether; what was begun first goes first.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from agent.tools.port import Result, Tool
from agent.tools.slots import Unfilled, fill_slots
from agent.tools.spec import SlotSpec

RUNS_MAX: Final = 1_000
READS_MAX: Final = 64
BYTES_MAX: Final = 16 * 1024 * 1024


class Shelf:
    """What one decision has read. The context is the same throughout, so a tool and the model's arguments are all of a read."""

    def __init__(self) -> None:
        self._known: dict[str, Result] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def read(self, tool: str, args: Mapping[str, str | int], fetch: Callable[[], Awaitable[Result]]) -> Result:
        key = _key(tool, args)
        async with self._turns.setdefault(key, asyncio.Lock()):
            if key in self._known:
                return replace(self._known[key], cached=True)
            result = await fetch()
            if result.ok:
                self._known[key] = result
            return result


@dataclass(frozen=True, slots=True)
class _Kept:
    result: Result
    until_s: float


class RunMemory:
    """What the decisions of runs leave to those after them. `now_s` is the running loop's clock."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._runs: OrderedDict[str, dict[str, _Kept]] = OrderedDict()
        self._bytes = 0

    def over(self, tool: Tool, *, name: str, slots: Mapping[str, SlotSpec], fresh_ms: int, run: str) -> Tool:
        """The same tool with this run's memory before it. `run` is unique among runs; "" remembers nothing."""
        return _Remembered(tool, name, slots, fresh_ms, run, self) if run and fresh_ms else tool

    def recall(self, run: str, key: str) -> Result | None:
        kept = self._runs.get(run, {}).get(key)
        return replace(kept.result, cached=True) if kept is not None and self._now_s() < kept.until_s else None

    def keep(self, run: str, key: str, result: Result, *, fresh_ms: int) -> None:
        reads = self._runs.setdefault(run, {})
        self._forget(reads, key)
        while len(reads) >= READS_MAX:
            self._forget(reads, next(iter(reads)))
        reads[key] = _Kept(result, self._now_s() + fresh_ms / 1000)
        self._bytes += len(result.body)
        while len(self._runs) > RUNS_MAX or self._bytes > BYTES_MAX:
            _, oldest = self._runs.popitem(last=False)
            self._bytes -= sum(len(kept.result.body) for kept in oldest.values())

    def _forget(self, reads: dict[str, _Kept], key: str) -> None:
        kept = reads.pop(key, None)
        self._bytes -= len(kept.result.body) if kept is not None else 0


class _Remembered:
    def __init__(self, tool: Tool, name: str, slots: Mapping[str, SlotSpec], fresh_ms: int, run: str, memory: RunMemory) -> None:
        self._tool = tool
        self._name = name
        self._slots = slots
        self._fresh_ms = fresh_ms
        self._run = run
        self._memory = memory

    async def call(self, *, args: Mapping[str, str | int], context: Mapping[str, object], traceparent: str) -> Result:
        arguments = fill_slots(self._slots, args=args, context=context)
        key = "" if isinstance(arguments, Unfilled) else _key(self._name, arguments)
        known = self._memory.recall(self._run, key) if key else None
        if known is not None:
            return known
        result = await self._tool.call(args=args, context=context, traceparent=traceparent)
        if key and result.ok:
            self._memory.keep(self._run, key, result, fresh_ms=self._fresh_ms)
        return result


def _key(tool: str, arguments: Mapping[str, str | int]) -> str:
    return json.dumps([tool, sorted(arguments.items())], separators=(",", ":"))
