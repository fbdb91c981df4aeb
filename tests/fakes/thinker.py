"""A thinker in memory: it says what the test scripts, uses what the test says, and can be kept from answering.

1. One `Says` per thinking, in order; after the last it answers the first option.
2. `hold()` keeps it thinking, with a model call in flight, until `release()`; cancellation reaches it there, and the meter keeps what was used.
3. It stays inside the limits of its brief: steps, tool calls and tokens are bounded by them, and a passed deadline is TIMEOUT.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.domain.faults import AgentFault
from gateway.domain.limits import RATIONALE_CHARS_MAX
from gateway.domain.reasons import DecideStop
from gateway.domain.thinking import Agreement, ModelCall
from gateway.ports.agent import Brief, Evidence, Meter, Thought

VERSION = "fake-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """How one thinking goes. `option` None: the first of the brief."""

    stop: DecideStop = DecideStop.FINAL_RESULT
    option: str | None = None
    rationale: str = "it fits"
    detail: str = ""
    steps: int = 1
    tokens_in: int = 100
    tokens_out: int = 10
    spend_micros: int = 30
    tokens_reserved: int = 0  # of the call in flight while it is held
    spend_reserved_micros: int = 0
    breaks: bool = False  # the machinery, not the model
    calls: tuple[ModelCall, ...] = ()
    agreement: Agreement | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    words: tuple[tuple[str, bytes], ...] = ()  # of its transcript


class FakeThinker:
    """Implements `ports.agent.Thinker`."""

    def __init__(self, *script: Says) -> None:
        self.script = deque(script)
        self.briefs: list[Brief] = []
        self.priced = True
        self.seats_max = 1_000
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._begun = asyncio.Condition()

    def hold(self) -> None:
        self._flowing.clear()

    def release(self) -> None:
        self._flowing.set()

    async def until_thinking(self, count: int = 1) -> None:
        """Waits until `count` thinkings have begun; the test's own timeout bounds it."""
        async with self._begun:
            await self._begun.wait_for(lambda: len(self.briefs) >= count)

    async def think(self, brief: Brief, meter: Meter) -> Thought:
        says = self.script.popleft() if self.script else Says()
        meter.steps, meter.tokens_in, meter.tokens_out, meter.spend_micros = says.steps, says.tokens_in, says.tokens_out, says.spend_micros
        meter.tokens_reserved, meter.spend_reserved_micros = says.tokens_reserved, says.spend_reserved_micros
        read = tuple(
            Evidence(tool=tool, arguments_json=b"{}", result_sha256=bytes(32), result_bytes=2, ok=True, prefetched=True) for tool in brief.reads
        )  # fmt: skip
        meter.evidence.extend(read)
        self.briefs.append(brief)
        if meter.hear is not None:
            for label, content in says.words:
                meter.hear(label, content)
        async with self._begun:
            self._begun.notify_all()
        if says.breaks:
            raise AgentFault("told to break")
        try:
            async with asyncio.timeout_at(brief.deadline_s):
                await asyncio.sleep(0)  # yield, as any model call would
                await self._flowing.wait()
        except TimeoutError:
            return _thought(Says(stop=DecideStop.TIMEOUT, option="", detail="the deadline came"), brief, meter)
        meter.tokens_reserved, meter.spend_reserved_micros = 0, 0
        return _thought(says, brief, meter)

    def spend_known(self, models: tuple[str, ...]) -> bool:
        return self.priced

    def seats(self, model: str) -> int:
        return self.seats_max


def _thought(says: Says, brief: Brief, meter: Meter) -> Thought:
    option = says.option if says.option is not None else next(iter(brief.options)) if says.stop is DecideStop.FINAL_RESULT else ""
    return Thought(
        stop=says.stop, option=option, rationale=says.rationale[:RATIONALE_CHARS_MAX], detail=says.detail, evidence=tuple(meter.evidence), steps=meter.steps,
        tool_calls=meter.tool_calls, tokens_in=meter.tokens_in + meter.tokens_reserved, tokens_out=meter.tokens_out,
        spend_micros=meter.spend_micros + meter.spend_reserved_micros, wall_ms=5, model=brief.models[0], agent_version=VERSION,
        transcript_sha256=bytes(32), calls=says.calls, agreement=says.agreement, facts=says.facts,
    )  # fmt: skip
