"""The scenarios that are cancelled everywhere: each RPC that changes something, in each way that it can end, and those that only look."""

from collections.abc import Callable
from typing import Final, TypeVar

from google.protobuf.message import Message

from countersign.v1 import gateway_pb2, operator_pb2, types_pb2
from gateway.domain.reasons import DecideStop
from tests.fakes.commands import CREDIT, PLAN, commit_command, decide_command, encoded, patient, step_command
from tests.fakes.gateway import FakeGateway
from tests.fakes.host import VANISHED, answered
from tests.fakes.policy import deny
from tests.fakes.served import GATEWAY, OPERATOR, changed
from tests.fakes.thinker import Says
from tests.simulation.cancelling import Call, Scenario

M = TypeVar("M", bound=Message)

WRITE: Final = gateway_pb2.CommitRequest(
    idempotency_key="K-1", run_id="run-1", workflow="subscribe", step="write", action="top_up", payload=encoded(CREDIT)
)  # fmt: skip
QUESTION: Final = gateway_pb2.DecideRequest(idempotency_key="D-1", run_id="run-1", workflow="subscribe", step="select", context=b'{"team_size":12}')


def _call(rpc: str, request: Message, answer: type[M], right: Callable[[M], object], *, listener: str = "workflow", refused: str = "never") -> Call:
    """`refused`: an error that is as right, where the call had taken effect before it was cancelled."""
    service = GATEWAY if listener == "workflow" else OPERATOR
    return Call(
        listener=listener, method=f"{service}/{rpc}", request=request.SerializeToString(),
        right=lambda answered: right(answer.FromString(answered)) if isinstance(answered, bytes) else refused in answered,
    )  # fmt: skip


def _commit(outcome: str, request: gateway_pb2.CommitRequest = WRITE) -> Call:
    expected = types_pb2.Outcome.Value(f"OUTCOME_{outcome}")
    return _call("Commit", request, gateway_pb2.CommitResponse, lambda answer: answer.commit.outcome == expected)


def _decision(*statuses: str) -> Call:
    expected = [types_pb2.DecisionStatus.Value(f"DECISION_STATUS_{status}") for status in statuses]
    return _call("Decide", QUESTION, gateway_pb2.DecideResponse, lambda answer: answer.decision.status in expected)


async def committed(one: FakeGateway) -> Call:
    return _commit("SUCCEEDED")


async def refused_by_the_host(one: FakeGateway) -> Call:
    one.billing.turns.append(answered(422, applied=False))
    return _commit("FAILED")


async def unanswered_by_the_host(one: FakeGateway) -> Call:
    one.billing.turns.append(VANISHED)
    return _commit("UNKNOWN")


async def denied_by_policy(one: FakeGateway) -> Call:
    one.policy.script = lambda _entrypoint, _input: deny("TOO_RISKY")
    return _commit("DENIED")


async def undecided(one: FakeGateway) -> Call:
    return _commit("DENIED", changed(WRITE, action="activate_plan", payload=encoded(PLAN), decision_id="unheard-of"))


async def superseding(one: FakeGateway) -> Call:
    one.billing.turns.append(answered(422, applied=False))
    failed = await one.commit(commit_command())
    return _commit("SUCCEEDED", changed(WRITE, supersedes=failed.row.commit_id))


async def with_a_decision(one: FakeGateway) -> Call:
    made = await one.decide(decide_command())
    return _commit("SUCCEEDED", changed(WRITE, action="activate_plan", payload=encoded(PLAN), decision_id=made.row.decision_id))


async def replayed(one: FakeGateway) -> Call:
    await one.commit(commit_command())
    return _commit("SUCCEEDED")


async def decided(one: FakeGateway) -> Call:
    """Once nobody waits any more it stops thinking, and what was used is recorded."""
    return _decision("DECIDED", "STOPPED")


async def abstained(one: FakeGateway) -> Call:
    one.thinker.script.append(Says(stop=DecideStop.ABSTAINED))
    return _decision("ABSTAINED", "STOPPED")


async def not_to_be_decided(one: FakeGateway) -> Call:
    one.policy.script = lambda _entrypoint, _input: deny("NOT_IN_HOURS")
    return _decision("STOPPED")


async def previewed(one: FakeGateway) -> Call:
    request = gateway_pb2.PreviewCommitRequest(commit=WRITE)
    return _call("PreviewCommit", request, gateway_pb2.PreviewCommitResponse, lambda answer: answer.admitted)


async def step_recorded(one: FakeGateway) -> Call:
    request = gateway_pb2.RecordStepRequest(idempotency_key="S-1", run_id="run-1", workflow="subscribe", step="read_account", result=b"{}")
    return _call("RecordStep", request, gateway_pb2.RecordStepResponse, lambda answer: answer.steps_left == 11)


async def finished(one: FakeGateway) -> Call:
    await one.runs.record_step(step_command(patience=patient()))
    request = gateway_pb2.FinishRunRequest(idempotency_key="F-1", run_id="run-1", workflow="subscribe", stop=types_pb2.RUN_STOP_FINAL_RESULT)
    return _call("FinishRun", request, gateway_pb2.FinishRunResponse, lambda answer: answer.run.stop == types_pb2.RUN_STOP_FINAL_RESULT)


async def waited_for(one: FakeGateway) -> Call:
    await one.commit(commit_command())
    request = gateway_pb2.WaitCommitRequest(idempotency_key="K-1")
    return _call("WaitCommit", request, gateway_pb2.WaitCommitResponse, lambda answer: answer.commit.outcome == types_pb2.OUTCOME_SUCCEEDED)


async def looked_at(one: FakeGateway) -> Call:
    await one.commit(commit_command())
    request = gateway_pb2.GetRunRequest(run_id="run-1", workflow="subscribe")
    return _call("GetRun", request, gateway_pb2.GetRunResponse, lambda answer: len(answer.entries) == 2)


async def halted(one: FakeGateway) -> Call:
    request = operator_pb2.HaltRequest(reason="drill")
    return _call("Halt", request, operator_pb2.HaltResponse, lambda answer: answer.halt.halt_id, listener="operator")


async def halted_while_thinking(one: FakeGateway) -> Call:
    """Whoever threw it may leave; what was thinking is cut off all the same."""
    one.thinker.hold()
    one.keeper.keep(one.decider.decide(decide_command(patience=patient())), name="somebody else's decide")
    await one.thinker.until_thinking()
    return await halted(one)


async def resolved(one: FakeGateway) -> Call:
    one.billing.turns.append(VANISHED)
    unknown = await one.commit(commit_command())
    request = operator_pb2.ResolveCommitRequest(
        commit_id=unknown.row.commit_id, expected=types_pb2.OUTCOME_UNKNOWN, outcome=types_pb2.OUTCOME_SUCCEEDED, evidence="seen"
    )
    return _call(
        "ResolveCommit",
        request,
        operator_pb2.ResolveCommitResponse,
        lambda answer: answer.commit.commit_id,
        listener="resolver",
        refused="only UNKNOWN is resolved",
    )


SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        *(
            Scenario(name=prepare.__name__, prepare=prepare, deliveries=1)
            for prepare in (committed, refused_by_the_host, unanswered_by_the_host, with_a_decision, replayed, waited_for, looked_at, resolved)
        ),
        Scenario(name="superseding", prepare=superseding, deliveries=2),
        *(
            Scenario(name=prepare.__name__, prepare=prepare, deliveries=0)
            for prepare in (
                denied_by_policy, undecided, decided, abstained, not_to_be_decided, previewed, step_recorded, finished, halted, halted_while_thinking,
            )
        ),
    )
}  # fmt: skip
