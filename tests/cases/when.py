"""What happens in a case: one verb a step, each with the reply it is answered. An unknown verb or word is an error."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from countersign.v1 import gateway_pb2
from gateway.domain.commands import CommitCommand, DecideCommand
from gateway.domain.faults import Fault
from gateway.domain.halts import HaltScope
from gateway.domain.handoffs import Decided, InProgress, Outcome
from gateway.domain.identity import Role
from gateway.domain.lifecycle import State, Thinking
from gateway.domain.reasons import TABLE
from gateway.domain.records import KeyName, KeySpace, Note, RunName
from gateway.domain.refusal import Refusal
from gateway.domain.writes.collecting import Retention
from gateway.domain.writes.runs import RunFinished, StepTaken
from gateway.service.collect import Collector, CollectorPace
from gateway.transport.status import of_fault
from tests.cases.given import Words, law_of, only, set_agent, set_host, set_policy
from tests.fakes.activation import TENANT, WORKFLOW
from tests.fakes.commands import CREDIT, NO_TIGHTER, NOW_MS, PLAN, caller, commit_command, decide_command, finish_command, hasty, patient, step_command
from tests.fakes.gateway import NEVER_S, FakeGateway
from tests.fakes.served import every_role, listener, served

Reply = Mapping[str, Any]
Answer = Outcome | InProgress | Decided | Refusal | StepTaken | RunFinished
DECISION: Final = gateway_pb2.DecideRequest(idempotency_key="D-1", run_id="run-1", workflow=WORKFLOW, step="select", context=b'{"team_size":12}')


DAY_MS: Final = 86_400_000
RETENTION: Final = Retention(keep_ms=7 * DAY_MS, tombstone_ms=90 * DAY_MS)
GENTLE: Final = CollectorPace(interval_ms=1, at_once=4, rest_ms=1, stretches_max=100)


@dataclass(slots=True, kw_only=True)
class Script:
    """A case being played."""

    one: FakeGateway
    folder: Path
    ids: dict[str, str] = field(default_factory=dict)  # by key: the latest commit or decision under it
    halt_id: str = ""

    async def play(self, step: Words) -> Reply:
        """Plays one step; {} where the verb is not answered."""
        (verb, words), *_ = [(name, step[name]) for name in step if name != "reply"]
        only(step, verb, "reply")
        return await self._verbs[verb](words)

    @property
    def _verbs(self) -> Mapping[str, Callable[[Any], Awaitable[Reply]]]:
        return {
            "commit": self._commit, "decide": self._decide, "record_step": self._record_step, "finish": self._finish, "get": self._get, "halt": self._halt,
            "lift": self._lift, "resolve": self._resolve, "pass_ms": self._pass, "sweep": self._sweep, "collect": self._collect, "policy": self._policy,
            "host": self._host,
            "host_answers": self._host_answers, "agent": self._agent, "activate": self._activate, "stop_taking": self._stop_taking, "call": self._call,
            "deny_50_more": self._deny_50_more,
        }  # fmt: skip

    async def _answered(self, work: Awaitable[Answer]) -> Reply:
        try:
            answer = await work
        except Fault as fault:
            return {"refused": of_fault(fault, Role.WORKFLOW).reason}
        return reply_of(answer)

    async def _commit(self, words: Words) -> Reply:
        """`leaves: in flight` gives up waiting once the write has reached a host that hangs."""
        key, leaves = words.get("key", "K-1"), words.get("leaves", "")
        assert leaves in {"", "in flight"}
        reply = await self._answered(self.one.committer.commit(self._write(words)))
        if leaves:
            await self.one.billing.until_delivered(1)
        self.ids[key] = str(reply.get("id", self.ids.get(key, "")))
        return reply

    def _write(self, words: Words) -> CommitCommand:
        only(words, "key", "action", "amount", "plan", "payload", "decision", "supersedes", "run", "step", "workflow", "tenant", "expires_in_ms", "leaves")
        action = words.get("action", "activate_plan" if "decision" in words else "top_up")
        document = {**(PLAN if action == "activate_plan" else CREDIT), "amount": words.get("amount", 1_000)}
        if "plan" in words:
            document["plan"] = words["plan"]
        return commit_command(
            words.get("key", "K-1"), action=action, step=words.get("step", "write"), payload=words["payload"].encode() if "payload" in words else document,
            decision_id=self.ids.get(words["decision"], "nobody-s") if "decision" in words else "", supersedes=self._superseded(words),
            run_id=words.get("run", "run-1"), workflow=words.get("workflow", WORKFLOW), tenant=words.get("tenant", TENANT),
            expire_at_ms=NOW_MS + words.get("expires_in_ms", 3_600_000), patience=hasty() if "leaves" in words else patient(),
        )  # fmt: skip

    def _superseded(self, words: Words) -> str:
        named = words.get("supersedes", "")
        return self.ids.get(named, "nobody-s") if named else ""

    async def _decide(self, words: Words) -> Reply:
        key = words.get("key", "D-1")
        reply = await self._answered(self.one.decider.decide(self._question(words)))
        self.ids[key] = str(reply.get("id", self.ids.get(key, "")))
        return reply

    def _question(self, words: Words) -> DecideCommand:
        only(words, "key", "step", "options", "context", "supersedes", "run", "tenant", "spend_micros_max", "thinks_ms_max")
        command = decide_command(
            words.get("key", "D-1"), step=words.get("step", "select"), context=words.get("context", '{"team_size":12}').encode(),
            allowed_options=words.get("options", ()), limits=replace(NO_TIGHTER, spend_micros_max=words.get("spend_micros_max", 0)),
            supersedes=self._superseded(words), run_id=words.get("run", "run-1"), tenant=words.get("tenant", TENANT),
            patience=patient(),
        )  # fmt: skip
        return replace(command, deadline_s=asyncio.get_running_loop().time() + words.get("thinks_ms_max", 10_000) / 1000)

    async def _record_step(self, words: Words) -> Reply:
        only(words, "key", "step", "result")
        command = step_command(words.get("key", "S-1"), step=words.get("step", "read_account"), result=words.get("result", "{}").encode())
        return await self._answered(self.one.runs.record_step(command))

    async def _finish(self, words: Words) -> Reply:
        only(words, "key", "stop", "note", "run")
        command = finish_command(words.get("key", "F-1"), stop=words.get("stop", "FINAL_RESULT"), note=words.get("note", ""), run_id=words.get("run", "run-1"))
        return await self._answered(self.one.runs.finish(command))

    async def _get(self, key: str) -> Reply:
        return await self._answered(self.one.lookup.commit(KeyName(KeySpace.COMMIT, TENANT, key.encode()), tenant=TENANT))

    async def _halt(self, words: Words) -> Reply:
        thrown = await self.one.halts.throw(HaltScope(**words), reason="incident", caller=caller("*", name="ops"), hand_over_by_s=NEVER_S)
        self.halt_id = thrown.halt.halt_id
        return {"in_flight": thrown.in_flight, "unknown": thrown.unknown, "thinking": len(thrown.thinking)}

    async def _lift(self, words: Words) -> Reply:
        only(words, "tenant")
        who = caller(words.get("tenant", "*"), name="ops", role=Role.OPERATOR)
        found = await self.one.halts.lift(self.halt_id, reason="over", caller=who, hand_over_by_s=NEVER_S)
        return {"refused": found.reason} if isinstance(found, Refusal) else {"lifted_by": found.lifted_by}

    async def _resolve(self, words: Words) -> Reply:
        only(words, "key", "done")
        who = caller("*", name="resolver", role=Role.RESOLVER)
        resolving = self.one.halts.resolve(self.ids[words.get("key", "K-1")], done=words["done"], evidence="seen", caller=who, hand_over_by_s=NEVER_S)
        return await self._answered(resolving)

    async def _pass(self, ms: int) -> Reply:
        self.one.clock.advance(ms=ms)
        return {}

    async def _sweep(self, words: Words) -> Reply:
        only(words)
        await self.one.reconciler.sweep()
        return {}

    async def _collect(self, words: Words) -> Reply:
        """Seven days are kept, and ninety a tombstone."""
        only(words)
        await Collector(store=self.one.store, clock=self.one.clock, retention=RETENTION, pace=GENTLE).sweep()
        return {}

    async def _policy(self, word: str) -> Reply:
        set_policy(self.one, word)
        return {}

    async def _host(self, words: list[str]) -> Reply:
        set_host(self.one, words)
        return {}

    async def _host_answers(self, words: Words) -> Reply:
        only(words)
        self.one.billing.release()
        await self.one.keeper.drain(grace_s=5.0)
        return {}

    async def _agent(self, words: list[Words | str]) -> Reply:
        set_agent(self.one, words)
        return {}

    async def _activate(self, words: Words) -> Reply:
        await self.one.activate(law_of(words, number=self.one.activation.number + 1))
        return {}

    async def _stop_taking(self, why: str) -> Reply:
        self.one.door.close(why)
        self.one.study.close(why)
        return {}

    async def _deny_50_more(self, words: Words) -> Reply:
        only(words)
        for number in range(50):
            await self._commit({"key": f"denied {number}", "run": "others"})
        return {}

    async def _call(self, words: Words) -> Reply:
        """Over a real socket, with a decision's question: what only the transport says."""
        only(words, "listener", "rpc", "token", "bytes")
        listeners = [*every_role(self.folder), listener("tcp", "127.0.0.1:0", token=b"right")]
        bugs = 1 if words.get("rpc", "").endswith("Decide") else 0
        metadata = [("authorization", f"Bearer {words['token']}")] if "token" in words else []
        async with served(self.one, listeners, bugs=bugs) as wire:
            body = words.get("bytes", "").encode("latin-1") or DECISION.SerializeToString()
            refused = await wire.refused(words["listener"], f"countersign.v1.{words['rpc']}", body, metadata=metadata)
        assert refused.info is not None, refused
        return {"refused": refused.info.reason, "status": refused.code.name}


def reply_of(answer: Answer) -> Reply:
    """What a caller is told, as plain words."""
    match answer:
        case Refusal():
            return {
                "refused": answer.reason,
                "fields": [one.path for one in answer.violations],
                "facts": dict(answer.facts),
                "retry": answer.retry_after_ms > 0,
            }
        case InProgress():
            return {"outcome": "IN_PROGRESS", "id": answer.id}
        case StepTaken():
            return {"reasons": [note.reason for note in answer.notes], "steps_left": answer.steps_left, "replayed": answer.replayed}
        case RunFinished():
            return {"stop": answer.run.stop, "replayed": answer.replayed}
        case Outcome(row=row):
            return {
                "id": row.commit_id, "outcome": "IN_PROGRESS" if row.state is State.FORWARDING else row.state, "generation": row.generation,
                "replayed": answer.replayed, "host_status": row.host_status, "resolved_by": row.resolved_by, **_reasons(row.notes),
            }  # fmt: skip
        case Decided(row=row):
            return {
                "id": row.decision_id, "status": "IN_PROGRESS" if row.state is Thinking.THINKING else row.state, "option": row.option, "source": row.source,
                "stop": row.stop, "generation": row.generation, "replayed": answer.replayed, "spend_micros": row.usage.spend_micros, **_reasons(row.notes),
            }  # fmt: skip


def _reasons(notes: tuple[Note, ...]) -> Reply:
    first = notes[0] if notes else None
    return {
        "reasons": [note.reason for note in notes], "codes": [note.policy_code for note in notes if note.policy_code],
        "facts": dict(first.facts) if first else {}, "retry": ("AFTER" if first.retry_after_ms else TABLE[first.reason].retry) if first else "",
    }  # fmt: skip


RUN: Final = RunName(TENANT, WORKFLOW, "run-1")
