"""Rehearse: a step is thought through with the very stages and limits of a real Decide, and nothing of it is written anywhere.

1. No store, no ledger, no policy, no key: what is admitted is what the boundary says. Models and tools are real, and cost what they cost.
2. What comes of it is a `Concluded`, as T2 would have taken it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.domain.boundary import Activation
from gateway.domain.change import replace
from gateway.domain.commands import DecideCommand, Patience, Tighter
from gateway.domain.facts import Facts
from gateway.domain.handoffs import Admissible, Concluded
from gateway.domain.identity import Caller, Role
from gateway.domain.lifecycle import Thinking
from gateway.domain.records import DecisionRow, KeyName, KeySpace, RunName, Usage
from gateway.domain.refusal import Refusal
from gateway.domain.rows import Gate
from gateway.domain.thinking import Earlier
from gateway.ports.agent import Thinker
from gateway.ports.system import Clock, Ids
from gateway.stages.admit import admit_step
from gateway.stages.think import think

_NO_TIGHTER = Tighter(steps_max=0, tool_calls_max=0, tokens_max=0, spend_micros_max=0, wall_ms_max=0)
_CALLER = "rehearsal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One question. `context` is JSON; `options` narrows where it is not empty; `models` and `goal` replace the step's where they are not."""

    tenant: str
    workflow: str
    step: str
    context: bytes
    options: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    goal: str = ""
    earlier: tuple[Earlier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    activation: Activation
    thinker: Thinker
    clock: Clock
    ids: Ids

    async def play(self, scene: Scene, hear: Callable[[str, bytes], None] | None = None) -> Concluded | Refusal:
        """`hear` is told every part of the transcript as it comes."""
        command = self._command(scene)
        gate = Gate(activation=None, minimum_number=0, halts=())
        now_ms = self.clock.now_ms()
        facts = Facts(key=None, commit=None, decided=None, decision=None, run=None, nodes=(), gate=gate, now_ms=now_ms)
        admissible = admit_step(command, facts, self.activation)
        if isinstance(admissible, Refusal):
            return admissible
        step = replace(admissible.step, models=scene.models or admissible.step.models, goal=scene.goal or admissible.step.goal)
        admissible = replace(admissible, step=step)
        return await think(self._row(admissible, now_ms), admissible, scene.earlier, self.thinker, lambda: None, hear)

    def _command(self, scene: Scene) -> DecideCommand:
        run = RunName(scene.tenant, scene.workflow, self.ids.fresh())
        far_s = asyncio.get_running_loop().time() + 86_400
        return DecideCommand(
            caller=Caller(name=_CALLER, tenant=scene.tenant, role=Role.WORKFLOW), key=KeyName(KeySpace.DECIDE, scene.tenant, b"rehearsal"), supersedes="",
            run=run, step=scene.step, context=scene.context, allowed_options=scene.options, limits=_NO_TIGHTER, fingerprints={}, traceparent="",
            patience=Patience(hand_over_by_s=far_s, answer_by_s=far_s), deadline_s=far_s,
        )  # fmt: skip

    def _row(self, of: Admissible, now_ms: int) -> DecisionRow:
        run = of.command.run
        return DecisionRow(
            decision_id=self.ids.fresh(), tenant=run.tenant, caller=_CALLER, key=b"", generation=1, run_id=run.run_id, workflow=run.workflow,
            step=of.step.name, fingerprint=b"", state=Thinking.THINKING, option="", source="", stop=None, notes=(), evidence=(), usage=Usage(), holds=(),
            models=of.step.models, verdict_id="", activation_number=0, revision=of.activation.revision, step_digest=of.step.digest, agent_version="",
            transcript_sha256=b"", boot_id="", lease_until_ms=0, created_at_ms=now_ms, ended_at_ms=0, ttl_ms=0, expire_at_ms=0, consumed_by="",
            entry_hash=b"", salt=b"", rationale="", context=of.command.context,
        )  # fmt: skip
