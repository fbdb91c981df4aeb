"""Decide: run the bounded agent for one step and record what it concluded. It proposes; it never writes.

1. The same key is the same decision: no second model call; whoever asks while it thinks waits for the same thought.
2. Steps, tokens and money of the whole step are held before the first model call and settled with what was used.
3. When the last waiting caller leaves, thinking stops and what was used is recorded. A halt stops it too.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.domain.asks import Refuse, Rejudge, Twin
from gateway.domain.boundary import Activation
from gateway.domain.commands import DecideCommand, Patience
from gateway.domain.facts import Facts
from gateway.domain.faults import PolicyFault, StoreFault
from gateway.domain.handoffs import Concluded, Decided, InProgress, Permitted
from gateway.domain.lifecycle import Thinking
from gateway.domain.limits import REJUDGE_MAX
from gateway.domain.reasons import DecideStop
from gateway.domain.records import DecisionRow
from gateway.domain.refusal import Refusal
from gateway.domain.writes.decisions import ThinkingBegun, ThinkingDenied
from gateway.ports.agent import Meter, Thinker
from gateway.ports.policy import PolicyEngine
from gateway.ports.store import Store
from gateway.ports.system import Clock, Ids
from gateway.ports.transcripts import Transcripts
from gateway.service.doorkeeper import Doorkeeper
from gateway.service.keeper import Keeper, wait_until
from gateway.service.seats import Seats
from gateway.stages.admit import admit_step
from gateway.stages.authorise import authorise_step
from gateway.stages.judge import judge_step
from gateway.stages.recall import recall_decision, recall_earlier, replay_decision
from gateway.stages.settle import settle_decision
from gateway.stages.think import conclude, cut_thought, think
from gateway.stages.transcribe import Tape, transcribe

_SETTLE_PAUSE_S = (0.05, 0.2, 1.0, 5.0)

Ended = Decided | Refusal | Rejudge | Twin


@dataclass(slots=True)
class Thought:
    """One thinking under way in this process."""

    kept: "asyncio.Task[Ended]"
    callers: int = 0
    thinking: "asyncio.Task[Concluded] | None" = None
    cut: DecideStop | None = None

    def why_cut(self) -> DecideStop | None:
        return self.cut

    def cut_off(self, stop: DecideStop) -> None:
        """Stops the model call; what was used is still settled and recorded. The first reason stays."""
        if self.cut is None:
            self.cut = stop
            if self.thinking is not None:
                self.thinking.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    store: Store
    policy: PolicyEngine
    thinker: Thinker
    clock: Clock
    ids: Ids
    keeper: Keeper
    doorkeeper: Doorkeeper
    activation: Callable[[], Activation]
    transcripts: Transcripts | None = None
    seats: Seats = field(default_factory=Seats)
    under_way: dict[str, Thought] = field(default_factory=dict)

    async def decide(self, command: DecideCommand) -> Decided | InProgress | Refusal:
        facts = await recall_decision(command, self.store)
        if isinstance(facts, Decided):
            return await self._join(facts, command.patience)
        if isinstance(facts, Refusal):
            return facts
        for _ in range(REJUDGE_MAX + 1):
            refusal = self.doorkeeper.enter(command.run.tenant)
            if refusal:
                return refusal
            decision_id = None
            try:
                permitted = await self._judge(command, facts)
                if isinstance(permitted, Refusal):
                    return permitted
                started = self._start(permitted)
                if isinstance(started, Refusal):
                    return started
                decision_id = started
            finally:
                if decision_id is None:
                    self.doorkeeper.leave(command.run.tenant)
            ended = await self._wait(decision_id, command.patience)
            match ended:
                case Rejudge():
                    continue
                case Twin(id=twin_id):
                    twin = await replay_decision(twin_id, self.store)
                    return twin if isinstance(twin, Refusal) else await self._join(twin, command.patience)
                case _:
                    return ended
        raise PolicyFault("the verdict was too old at the door of the store, three times in a row")

    async def _judge(self, command: DecideCommand, facts: Facts) -> Permitted | Refusal:
        admissible = admit_step(command, facts, self.activation())
        if isinstance(admissible, Refusal):
            return admissible
        return await judge_step(admissible, self.policy, self.clock, self.ids)

    def _start(self, permitted: Permitted) -> str | Refusal:
        """Starts the kept work, where there is a seat before a model (a denial needs none); the decision's id."""
        models = permitted.admissible.step.models
        seat = "" if permitted.notes else self.seats.take(models, self.thinker.seats)
        if isinstance(seat, Refusal):
            return seat
        decision_id = self.ids.fresh()
        kept = self.keeper.keep(self._carry_out(permitted, decision_id), name=f"decide {decision_id}")
        self.under_way[decision_id] = Thought(kept)

        def ended(_: object) -> None:
            self.under_way.pop(decision_id, None)
            if seat:
                self.seats.leave(seat)

        kept.add_done_callback(ended)
        return decision_id

    async def _join(self, decided: Decided, patience: Patience) -> Decided | InProgress | Refusal:
        """Waits for a thought that this process has under way; any other answer stands."""
        decision_id = decided.row.decision_id
        if decided.row.state is not Thinking.THINKING or decision_id not in self.under_way:
            return decided
        ended = await self._wait(decision_id, patience)
        return Decided(row=ended.row, replayed=True) if isinstance(ended, Decided) else InProgress(decision_id)

    async def _wait(self, decision_id: str, patience: Patience) -> Ended | InProgress:
        thought = self.under_way[decision_id]
        thought.callers += 1
        try:
            return await wait_until(thought.kept, answer_by_s=patience.answer_by_s) or InProgress(decision_id)
        finally:
            thought.callers -= 1
            if not thought.callers and not thought.kept.done():
                thought.cut_off(DecideStop.CANCELLED)

    async def _carry_out(self, permitted: Permitted, decision_id: str) -> Ended:
        """T1, the thinking, T2. Kept: only `cut_off` reaches the thinking, nothing reaches the record."""
        try:
            begun = await authorise_step(permitted, decision_id=decision_id, store=self.store, ids=self.ids)
            match begun:
                case ThinkingBegun(row):
                    return await self._settle(row, await self._think(row, permitted))
                case ThinkingDenied(row):
                    return Decided(row=row, replayed=False)
                case Refuse(refusal):
                    return refusal
                case _:
                    return begun
        finally:
            self.doorkeeper.leave(permitted.admissible.command.run.tenant)

    async def _think(self, row: DecisionRow, permitted: Permitted) -> Concluded:
        thought = self.under_way[row.decision_id]
        if (cut := thought.why_cut()) is not None:
            return conclude(row, permitted.admissible, cut_thought(cut, Meter(), wall_ms=0))
        tape = Tape() if self.transcripts and permitted.admissible.step.transcript_kept else None
        thought.thinking = asyncio.get_running_loop().create_task(self._told(row, permitted, thought, tape), name=f"think {row.decision_id}")
        try:
            concluded = await thought.thinking
        except asyncio.CancelledError:
            if (cut := thought.why_cut()) is None:
                raise
            return conclude(row, permitted.admissible, cut_thought(cut, Meter(), wall_ms=0))  # cut off before it began
        if tape is not None and self.transcripts is not None:
            self.keeper.keep(self._transcribed(row, permitted, concluded, tape, self.transcripts), name=f"transcribe {row.decision_id}")
        return concluded

    async def _transcribed(self, row: DecisionRow, permitted: Permitted, concluded: Concluded, tape: Tape, transcripts: Transcripts) -> None:
        """Beside the decision, which waits neither for much text to be looked through nor for a disk that hangs."""
        await transcripts.keep(row.decision_id, await asyncio.to_thread(transcribe, row, permitted.admissible, concluded, tape))

    async def _told(self, row: DecisionRow, permitted: Permitted, thought: Thought, tape: Tape | None) -> Concluded:
        """Thinking, with what was decided before in the run where the step names it; a store that cannot say it ends the thinking."""
        admissible = permitted.admissible
        try:
            earlier = await recall_earlier(row, admissible.step.earlier, self.store)
        except StoreFault as fault:
            told = f"what was decided before in this run could not be read: {fault.detail}"
            return conclude(row, admissible, cut_thought(DecideStop.MODEL_FAULT, Meter(), wall_ms=0, detail=told))
        return await think(row, admissible, earlier, self.thinker, thought.why_cut, tape.hear if tape else None)

    async def _settle(self, row: DecisionRow, concluded: Concluded) -> Decided:
        """T2. Until it is durable the decision is THINKING to everybody, so nothing can use it."""
        pauses = iter(_SETTLE_PAUSE_S)
        while True:
            try:
                return await settle_decision(concluded, self.store)
            except StoreFault:
                if not self.store.ready():
                    return Decided(row=row, replayed=False)
                await asyncio.sleep(next(pauses, _SETTLE_PAUSE_S[-1]))

    def stop_thinking(self, decision_ids: tuple[str, ...], stop: DecideStop) -> int:
        """Cuts off those of the decisions that this process has under way; how many."""
        mine = [self.under_way[decision_id] for decision_id in decision_ids if decision_id in self.under_way]
        for thought in mine:
            thought.cut_off(stop)
        return len(mine)
