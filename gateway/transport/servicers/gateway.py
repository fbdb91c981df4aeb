"""GatewayService: what a workflow calls."""

from dataclasses import dataclass

from google.protobuf.message import Message

from countersign.v1 import gateway_pb2
from gateway.domain.handoffs import InProgress
from gateway.domain.refusal import Refusal
from gateway.domain.writes.commits import Authorised
from gateway.ports.system import Clock
from gateway.service.commit import Committer
from gateway.service.decide import Decider
from gateway.service.lookup import Lookup
from gateway.service.runs import Runs
from gateway.service.turnstile import Turnstile
from gateway.transport.call import Call
from gateway.transport.codec import answers, requests
from gateway.transport.codec.form import parse

Answer = Message | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayServicer:
    committer: Committer
    decider: Decider
    runs: Runs
    lookup: Lookup
    turnstile: Turnstile
    clock: Clock

    async def decide(self, request: bytes, call: Call) -> Answer:
        message = parse(gateway_pb2.DecideRequest, request)
        if isinstance(message, Refusal):
            return message
        command = requests.decide_command(message, call)
        if isinstance(command, Refusal):
            return command
        decided = await self.decider.decide(command)
        match decided:
            case Refusal():
                return decided
            case InProgress(id=decision_id):
                return gateway_pb2.DecideResponse(decision=answers.decision_in_progress(decision_id))
            case _:
                return gateway_pb2.DecideResponse(decision=answers.decision(decided.row), replayed=decided.replayed)

    async def commit(self, request: bytes, call: Call) -> Answer:
        message = parse(gateway_pb2.CommitRequest, request)
        if isinstance(message, Refusal):
            return message
        command = requests.commit_command(message, call, self.clock.now_ms())
        if isinstance(command, Refusal):
            return command
        async with self.turnstile:
            outcome = await self.committer.commit(command)
        match outcome:
            case Refusal():
                return outcome
            case InProgress(id=commit_id):
                return gateway_pb2.CommitResponse(commit=answers.commit_in_progress(commit_id))
            case _:
                return gateway_pb2.CommitResponse(commit=answers.outcome(outcome), replayed=outcome.replayed)

    async def preview_commit(self, request: bytes, call: Call) -> Answer:
        message = parse(gateway_pb2.PreviewCommitRequest, request)
        if isinstance(message, Refusal):
            return message
        command = requests.commit_command(message.commit, call, self.clock.now_ms())
        if isinstance(command, Refusal):
            return command
        found = await self.committer.preview(command)
        if isinstance(found, Refusal):
            return found
        answer = gateway_pb2.PreviewCommitResponse(
            admitted=isinstance(found, Authorised),
            reasons=[answers.reason(note) for note in found.row.notes],
            activation_revision=found.row.revision,
        )
        answers.put_movements(answer.budgets, found.row.holds)
        return answer

    async def get_commit(self, request: bytes, call: Call) -> Answer:
        message = parse(gateway_pb2.GetCommitRequest, request)
        name = message if isinstance(message, Refusal) else requests.commit_name(message, call.caller.tenant)
        if isinstance(name, Refusal):
            return name
        found = await self.lookup.commit(name, tenant=call.caller.tenant)
        return found if isinstance(found, Refusal) else gateway_pb2.GetCommitResponse(commit=answers.outcome(found))

    async def wait_commit(self, request: bytes, call: Call) -> Answer:
        message = parse(gateway_pb2.WaitCommitRequest, request)
        name = message if isinstance(message, Refusal) else requests.commit_name(message, call.caller.tenant)
        if isinstance(name, Refusal):
            return name
        found = await self.lookup.wait(name, tenant=call.caller.tenant, until_s=call.patience.hand_over_by_s)
        return found if isinstance(found, Refusal) else gateway_pb2.WaitCommitResponse(commit=answers.outcome(found))

    async def record_step(self, request: bytes, call: Call) -> Answer:
        message = parse(gateway_pb2.RecordStepRequest, request)
        command = message if isinstance(message, Refusal) else requests.step_command(message, call)
        if isinstance(command, Refusal):
            return command
        taken = await self.runs.record_step(command)
        if isinstance(taken, Refusal):
            return taken
        return gateway_pb2.RecordStepResponse(
            entry_hash=taken.entry_hash, steps_left=taken.steps_left, replayed=taken.replayed, reasons=[answers.reason(note) for note in taken.notes]
        )

    async def finish_run(self, request: bytes, call: Call) -> Answer:
        message = parse(gateway_pb2.FinishRunRequest, request)
        command = message if isinstance(message, Refusal) else requests.finish_command(message, call)
        if isinstance(command, Refusal):
            return command
        finished = await self.runs.finish(command)
        if isinstance(finished, Refusal):
            return finished
        return gateway_pb2.FinishRunResponse(run=answers.run(finished.run, finished.budgets), replayed=finished.replayed)

    async def get_run(self, request: bytes, call: Call) -> Answer:
        message = parse(gateway_pb2.GetRunRequest, request)
        page = message if isinstance(message, Refusal) else requests.run_page(message, call.caller.tenant)
        if isinstance(page, Refusal):
            return page
        name, after, limit = page
        trace = await self.runs.trace(name, after=after, limit=limit)
        if isinstance(trace, Refusal):
            return trace
        run, entries, token = answers.trace(trace)
        return gateway_pb2.GetRunResponse(run=run, entries=entries, next_page_token=token)
