"""Histories of a real gateway process on SQLite, with its OPA and a real host: several callers at once, an operator, SIGKILL in the middle.

1. Each history has a run and keys of its own; the arena is brought up once for many.
2. A call whose connection was never made is no operation. Any other call without an answer may have happened.
3. Afterwards the arena's own check holds store, host and callers against each other as well.
"""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from countersign.v1 import gateway_pb2, gateway_pb2_grpc, operator_pb2, operator_pb2_grpc, types_pb2
from gateway.domain.fingerprint import commit_fingerprint
from tests.faults.arena import Arena
from tests.prove.ledger_check import read_sqlite
from tests.simulation.histories import ANSWERS, Recorder
from tests.simulation.history import History
from tests.simulation.ledger_spec import Claim, Switch

LIMIT: Final = 5_000_000  # of a run of the workflow `race`
LASTS_S: Final = 2.5
ALONE_S: Final = 1.3  # at one gateway, which is up again sooner than the fleet it would belong to
CALLERS: Final = 4
KEYS: Final = 8
DEADLINE_S: Final = 4.0
_RESTS_S: Final = 0.006  # at most, between two calls: a history is judged by what meets in it, not by its length
_OPTIONS: Final = (("grpc.enable_retries", 0), ("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100))
_LISTED_MAX: Final = 500


class HistoryArena(Arena):
    """With a listener for an operator."""

    @property
    def workflow_address(self) -> str:
        return f"unix:{self._socket}"

    @property
    def operator_address(self) -> str:
        return f"unix:{self.folder}/ops/gateway.sock"

    def _declared(self) -> dict[str, object]:
        declared = super()._declared()
        listeners = declared["listeners"]
        assert isinstance(listeners, list)
        operator = {"name": "ops", "address": self.operator_address, "tenant": "*", "caller": "ops", "role": "operator"}
        return {**declared, "listeners": [*listeners, operator]}


class Doors(Protocol):
    """Where a gateway is asked."""

    @property
    def workflow_address(self) -> str: ...

    @property
    def operator_address(self) -> str: ...


@dataclass(slots=True, kw_only=True)
class Play:
    """One history while it is made. Threads append to the recorder, which is a list: that needs no lock."""

    arena: Doors
    name: str
    chance: random.Random
    until_s: float
    recorder: Recorder = field(default_factory=Recorder)

    def draw(self, of: str) -> random.Random:
        return random.Random(f"{self.name}/{of}")  # noqa: S311 - the callers' choices repeat; their timing does not


def real_history(arena: HistoryArena, name: str, chance: random.Random) -> tuple[History, list[str]]:
    """Plays one, and answers what the arena's own check finds wrong beside it."""
    play = Play(arena=arena, name=name, chance=chance, until_s=time.monotonic() + ALONE_S)
    threads = [threading.Thread(target=caller, args=(play, number)) for number in range(CALLERS)]
    threads.append(threading.Thread(target=operator, args=(play,)))
    for thread in threads:
        thread.start()
    for _ in range(chance.choice([0, 1, 1, 2])):
        time.sleep(chance.random() * ALONE_S / 2)
        arena.kill()
        arena.start()
    for thread in threads:
        thread.join()
    lift_all(arena)
    wrong = arena.check_settled()
    stored = [row for row in read_sqlite(arena.store).books.commits if row.run_id == name]
    return play.recorder.history(stored, limit=LIMIT), wrong


def caller(play: Play, number: int) -> None:
    chance, ended = play.draw(f"caller-{number}"), list[types_pb2.Commit]()
    with grpc.insecure_channel(play.arena.workflow_address, _OPTIONS) as channel:
        stub = gateway_pb2_grpc.GatewayServiceStub(channel)
        while time.monotonic() < play.until_s:
            time.sleep(chance.random() * _RESTS_S)
            superseded = chance.choice(ended) if ended and chance.random() < 0.4 else None
            key = superseded.idempotency_key if superseded else f"{play.name}/{chance.randrange(KEYS)}"
            if chance.random() < 0.3:
                _get(play, stub, key)
                continue
            commit = _commit(play, stub, key, superseded.commit_id if superseded else "", chance)
            if commit is not None and commit.outcome in {types_pb2.OUTCOME_FAILED, types_pb2.OUTCOME_DENIED}:
                ended.append(commit)


def _commit(play: Play, stub: gateway_pb2_grpc.GatewayServiceStub, key: str, supersedes: str, chance: random.Random) -> types_pb2.Commit | None:
    number = int(key.rpartition("/")[2])
    amount = 500_000 + 100_000 * number + (1_000 if chance.random() < 0.1 else 0)
    host = "apply" if supersedes else ("apply", "refuse", "vanish", "apply")[number % 4]
    payload = f'{{"amount_micros":{amount},"host":"{host}"}}'.encode()
    content = commit_fingerprint(run_id=play.name, workflow="race", step="pay", action="transfer", decision_id="", payload=payload).hex()
    play.recorder.amounts[content] = amount
    claim, begins_s = Claim(key=key, content=content, supersedes=supersedes, expected=""), time.monotonic()
    request = gateway_pb2.CommitRequest(
        idempotency_key=key, supersedes=supersedes, run_id=play.name, workflow="race", step="pay", action="transfer", payload=payload
    )  # fmt: skip
    try:
        answer = stub.Commit(request, timeout=DEADLINE_S)
    except grpc.RpcError as error:
        _not_answered(play, error, claim, begins_s)
        return None
    commit: types_pb2.Commit = answer.commit
    if commit.outcome == types_pb2.OUTCOME_IN_PROGRESS and not answer.replayed:
        play.recorder.lost(claim, begins_s)  # handed over; whether it became a commit is not said
        return None
    play.recorder.committed(claim, begins_s, time.monotonic(), name=commit.commit_id, state=_state(commit))
    return commit


def _not_answered(play: Play, error: object, claim: Claim, begins_s: float) -> None:
    reason = _reason(error)
    if reason in ANSWERS:
        play.recorder.refused(claim, begins_s, time.monotonic(), reason=reason)
    elif not _never_left(error):
        play.recorder.lost(claim, begins_s)
    else:
        time.sleep(0.05)


def _get(play: Play, stub: gateway_pb2_grpc.GatewayServiceStub, key: str) -> None:
    begins_s = time.monotonic()
    try:
        commit = stub.GetCommit(gateway_pb2.GetCommitRequest(idempotency_key=key), timeout=DEADLINE_S).commit
    except grpc.RpcError as error:
        if _reason(error) == "NOT_FOUND":
            play.recorder.looked(key, begins_s, time.monotonic(), name="", state="", newest=True)
        return
    play.recorder.looked(key, begins_s, time.monotonic(), name=commit.commit_id, state=_state(commit), newest=True)


def operator(play: Play) -> None:
    chance, number = play.draw("operator"), 0
    with grpc.insecure_channel(play.arena.operator_address, _OPTIONS) as channel:
        stub = operator_pb2_grpc.OperatorServiceStub(channel)
        while time.monotonic() < play.until_s:
            time.sleep(chance.random() * LASTS_S / 2)
            number += 1
            reason = f"{play.name}/{number}"
            request = operator_pb2.HaltRequest(scope=operator_pb2.HaltScope(tenant="acme"), reason=reason)
            _switch(play, Switch(name=reason, on=True), partial(stub.Halt, request, timeout=DEADLINE_S))
            time.sleep(chance.random() * 0.3)
            for halt in _in_force(stub, reason):
                lift = operator_pb2.ResumeRequest(halt_id=halt, reason="over")
                _switch(play, Switch(name=reason, on=False), partial(stub.Resume, lift, timeout=DEADLINE_S))


def _switch(play: Play, switch: Switch, call: Callable[[], object]) -> None:
    begins_s = time.monotonic()
    try:
        call()
    except grpc.RpcError as error:
        if not _never_left(error):
            play.recorder.lost(switch, begins_s)
        return
    play.recorder.switched(switch.name, begins_s, time.monotonic(), on=switch.on)


def _in_force(stub: operator_pb2_grpc.OperatorServiceStub, reason: str) -> list[str]:
    try:
        return [halt.halt_id for halt in stub.ListHalts(operator_pb2.ListHaltsRequest(), timeout=DEADLINE_S).halts if halt.reason == reason]
    except grpc.RpcError:
        return []


def lift_all(arena: Doors) -> None:
    """Also those whose thrower was not told; the next history begins without any."""
    with grpc.insecure_channel(arena.operator_address, _OPTIONS) as channel:
        stub = operator_pb2_grpc.OperatorServiceStub(channel)
        for halt in stub.ListHalts(operator_pb2.ListHaltsRequest(), timeout=DEADLINE_S, wait_for_ready=True).halts:
            stub.Resume(operator_pb2.ResumeRequest(halt_id=halt.halt_id, reason="over"), timeout=DEADLINE_S, wait_for_ready=True)


def _state(commit: types_pb2.Commit) -> str:
    return types_pb2.Outcome.Name(commit.outcome).removeprefix("OUTCOME_")


def _reason(error: object) -> str:
    """Of our ErrorInfo, or "" where the error is not ours."""
    assert isinstance(error, grpc.Call), "what a stub raises is the call that failed"
    info = ErrorInfo()
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin" and isinstance(value, bytes):
            for detail in Status.FromString(value).details:
                detail.Unpack(info)
    return str(info.reason)


def _never_left(error: object) -> bool:
    """Not one byte of the call: there was nobody to connect to."""
    assert isinstance(error, grpc.Call), "likewise"
    return error.code() is grpc.StatusCode.UNAVAILABLE and "failed to connect" in str(error.details()).lower()
