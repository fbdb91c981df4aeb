"""Workflows and operators of the simulated world. They do what the contract tells callers to do, and what callers do anyway: hang up, repeat, mix up keys."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from gateway.domain.change import replace
from gateway.domain.commands import CommitCommand, DecideCommand, FinishCommand, StepCommand
from gateway.domain.handoffs import Decided, InProgress, Outcome
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.limits import EXPIRE_MS_DEFAULT
from gateway.domain.refusal import Refusal
from gateway.domain.writes.runs import RunFinished, StepTaken
from tests.fakes.commands import commit_command, decide_command, finish_command, patient, step_command
from tests.fakes.gateway import FakeGateway
from tests.simulation.process import Lost, Machine, Unavailable
from tests.simulation.watch import Watch
from tests.simulation.world import World

KEYS: Final = 7
TRIES_MAX: Final = 6
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    name: str
    world: World
    machine: Machine
    watch: Watch

    async def live(self, until_s: float) -> None:
        chance, loop = self.world.chance, asyncio.get_running_loop()
        while loop.time() < until_s:
            await asyncio.sleep(chance.expovariate(1 / 0.6))
            run_id = f"run-{chance.randrange(4)}"
            drawn = chance.random()
            if drawn < 0.55:
                await self._commit(self._write(run_id))
            elif drawn < 0.8:
                await self._decide_and_commit(run_id)
            elif drawn < 0.95:
                step = step_command(f"S-{chance.randrange(5)}", run_id=run_id)
                await self._ask("step", partial(_recorded, step))
            elif drawn < 0.96:
                finish = finish_command(f"F {run_id}", run_id=run_id)
                await self._ask("finish", partial(_finished, finish))

    def _write(self, run_id: str) -> CommitCommand:
        """The same key is mostly the same content, whoever sends it."""
        number = self.world.chance.randrange(KEYS)
        amount = 100 * (number + 1) if self.world.chance.random() < 0.95 else 1
        action = ("top_up", "notify")[number % 2]
        payload = {"account": "a", "slot": number, "amount": amount} if action == "top_up" else {"text": number, "amount": amount}
        run_id = f"run-{number % 4}" if self.world.chance.random() < 0.95 else run_id
        return commit_command(f"K-{number}", action=action, payload=payload, run_id=run_id, expire_at_ms=self.machine.clock.now_ms() + EXPIRE_MS_DEFAULT)

    async def _decide_and_commit(self, run_id: str) -> None:
        number = self.world.chance.randrange(KEYS)
        run_id = f"run-{number % 4}" if self.world.chance.random() < 0.95 else run_id
        decided = await self._decide(decide_command(f"D-{number}", run_id=run_id))
        if decided is None or decided.row.state is not Thinking.DECIDED:
            return
        payload = {"account": "a", "plan": decided.row.option, "amount": 50}
        await self._commit(commit_command(
            f"A-{number}", action="activate_plan", payload=payload, decision_id=decided.row.decision_id, run_id=run_id,
            expire_at_ms=self.machine.clock.now_ms() + EXPIRE_MS_DEFAULT,
        ))  # fmt: skip

    async def _decide(self, command: DecideCommand) -> Decided | None:
        for _ in range(TRIES_MAX):
            answered = await self._ask("decide", partial(_decided, command))
            if isinstance(answered, Decided):
                if answered.row.state is Thinking.STOPPED and self.world.chance.random() < 0.5:
                    command = replace(command, supersedes=answered.row.decision_id)
                    continue
                return answered
            if isinstance(answered, Refusal) or self.world.chance.random() < 0.2:
                return None
            await asyncio.sleep(self.world.chance.random() * 2)
        return None

    async def _commit(self, command: CommitCommand) -> None:
        """Repeats what is open or lost; goes on after a no, at times, by superseding it."""
        chance = self.world.chance
        for _ in range(TRIES_MAX):
            answered = await self._ask("commit", partial(_committed, command))
            if isinstance(answered, Outcome):
                self.watch.at_answer(answered)
            if isinstance(answered, Outcome) and answered.row.state in {State.FAILED, State.DENIED} and chance.random() < 0.5:
                command = replace(command, supersedes=answered.row.commit_id)
            elif isinstance(answered, Refusal) or (isinstance(answered, Outcome) and answered.row.state is not State.UNKNOWN) or chance.random() < 0.15:
                return
            await asyncio.sleep(chance.random() * 2)

    async def _ask(self, what: str, call: Callable[[FakeGateway], Coroutine[Any, Any, Result]]) -> Result | Refusal | Lost | Unavailable:
        hangs_up_s = self.world.chance.random() * 0.05 if self.world.happens(0.12) else 10.0
        answered = await self.machine.ask(call, hang_up_after_s=hangs_up_s)
        self.world.say(self.name, what, shown(answered))
        return answered


async def _committed(command: CommitCommand, gateway: FakeGateway) -> Outcome | InProgress | Refusal:
    return await gateway.committer.commit(replace(command, patience=patient(8.0)))


async def _decided(command: DecideCommand, gateway: FakeGateway) -> Decided | InProgress | Refusal:
    patience = patient(8.0)
    return await gateway.decider.decide(replace(command, patience=patience, deadline_s=patience.hand_over_by_s))


async def _recorded(command: StepCommand, gateway: FakeGateway) -> StepTaken | Refusal:
    return await gateway.runs.record_step(replace(command, patience=patient()))


async def _finished(command: FinishCommand, gateway: FakeGateway) -> RunFinished | Refusal:
    return await gateway.runs.finish(replace(command, patience=patient()))


def shown(answered: object) -> str:
    match answered:
        case Outcome(row=row):
            return f"{row.commit_id} {row.state} {','.join(note.reason for note in row.notes)}"
        case Decided(row=thought):
            return f"{thought.decision_id} {thought.state} {thought.stop}"
        case Refusal(reason=reason):
            return str(reason)
    return type(answered).__name__
