"""What a caller asks, with everything filled in; a test names what matters to it."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from gateway.domain.commands import CommitCommand, DecideCommand, FinishCommand, Patience, StepCommand, Tighter
from gateway.domain.fingerprint import VERSION, commit_fingerprint, decide_fingerprint, finish_fingerprint, step_fingerprint
from gateway.domain.identity import Caller, Role
from gateway.domain.limits import EXPIRE_MS_DEFAULT
from gateway.domain.records import KeyName, KeySpace, RunName
from tests.fakes.activation import TENANT, WORKFLOW

NOW_MS: Final = 1_800_000_000_000  # where `FakeClock` stands at first
NO_TIGHTER: Final = Tighter(steps_max=0, tool_calls_max=0, tokens_max=0, spend_micros_max=0, wall_ms_max=0)
PLAN: Final[Mapping[str, object]] = {"account": "team-12", "plan": "basic", "amount": 1_000}
CREDIT: Final[Mapping[str, object]] = {"account": "team-12", "slot": 7, "amount": 1_000}


def caller(tenant: str = TENANT, *, name: str = "signup", role: Role = Role.WORKFLOW) -> Caller:
    return Caller(tenant=tenant, name=name, role=role)


def patient(seconds: float = 10.0) -> Patience:
    """From now on, inside a running loop: hands over until `seconds`, answers a little later."""
    now_s = asyncio.get_running_loop().time()
    return Patience(hand_over_by_s=now_s + seconds, answer_by_s=now_s + seconds + min(0.2, seconds))


def hasty(seconds: float = 0.05) -> Patience:
    """Waits `seconds` for an answer, and leaves the hand-over all the time it needs: a slow machine changes no test."""
    return replace(patient(), answer_by_s=asyncio.get_running_loop().time() + seconds)


FOREVER: Final = Patience(hand_over_by_s=float("inf"), answer_by_s=float("inf"))  # for stages, which do not wait


def encoded(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def commit_command(
    key: str = "K-1", *, action: str = "top_up", step: str = "write", payload: bytes | Mapping[str, object] = CREDIT, decision_id: str = "",
    supersedes: str = "", run_id: str = "run-1", workflow: str = WORKFLOW, tenant: str = TENANT, expire_at_ms: int = NOW_MS + EXPIRE_MS_DEFAULT,
    patience: Patience = FOREVER, traceparent: str = "",
) -> CommitCommand:  # fmt: skip
    body = payload if isinstance(payload, bytes) else encoded(payload)
    return CommitCommand(
        caller=caller(tenant), key=KeyName(KeySpace.COMMIT, tenant, key.encode()), supersedes=supersedes, run=RunName(tenant, workflow, run_id), step=step,
        action=action, decision_id=decision_id, payload=body, expire_at_ms=expire_at_ms, traceparent=traceparent, patience=patience,
        fingerprints={VERSION: commit_fingerprint(run_id=run_id, workflow=workflow, step=step, action=action, decision_id=decision_id, payload=body)},
    )  # fmt: skip


def decide_command(
    key: str = "D-1", *, step: str = "select", context: bytes = b'{"team_size":12}', allowed_options: Sequence[str] = (), limits: Tighter = NO_TIGHTER,
    supersedes: str = "", run_id: str = "run-1", workflow: str = WORKFLOW, tenant: str = TENANT, patience: Patience = FOREVER,
) -> DecideCommand:  # fmt: skip
    asked = (limits.steps_max, limits.tool_calls_max, limits.tokens_max, limits.spend_micros_max, limits.wall_ms_max)
    return DecideCommand(
        caller=caller(tenant), key=KeyName(KeySpace.DECIDE, tenant, key.encode()), supersedes=supersedes, run=RunName(tenant, workflow, run_id), step=step,
        context=context, allowed_options=tuple(allowed_options), limits=limits, traceparent="", patience=patience, deadline_s=patience.hand_over_by_s,
        fingerprints={VERSION: decide_fingerprint(
            run_id=run_id, workflow=workflow, step=step, context=context, allowed_options=tuple(allowed_options), limits=asked
        )},
    )  # fmt: skip


def step_command(
    key: str = "S-1", *, step: str = "read_account", result: bytes = b'{"seats":12}', run_id: str = "run-1", workflow: str = WORKFLOW, tenant: str = TENANT,
    patience: Patience = FOREVER,
) -> StepCommand:  # fmt: skip
    return StepCommand(
        caller=caller(tenant), key=KeyName(KeySpace.STEP, tenant, key.encode()), run=RunName(tenant, workflow, run_id), step=step, result=result,
        patience=patience, fingerprints={VERSION: step_fingerprint(run_id=run_id, workflow=workflow, step=step, result=result)},
    )  # fmt: skip


def finish_command(
    key: str = "F-1", *, stop: str = "FINAL_RESULT", note: str = "", run_id: str = "run-1", workflow: str = WORKFLOW, tenant: str = TENANT,
    patience: Patience = FOREVER,
) -> FinishCommand:  # fmt: skip
    return FinishCommand(
        caller=caller(tenant), key=KeyName(KeySpace.FINISH, tenant, key.encode()), run=RunName(tenant, workflow, run_id), stop=stop, note=note,
        patience=patience, fingerprints={VERSION: finish_fingerprint(run_id=run_id, workflow=workflow, stop=stop, note=note)},
    )  # fmt: skip
