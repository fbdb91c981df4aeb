"""Wire to domain: what a workflow sends, as commands with their fingerprints, or a refusal that names every wrong field."""

from countersign.v1 import gateway_pb2, types_pb2
from gateway.domain.commands import CommitCommand, DecideCommand, FinishCommand, StepCommand, Tighter
from gateway.domain.fingerprint import VERSION, commit_fingerprint, decide_fingerprint, finish_fingerprint, step_fingerprint
from gateway.domain.limits import (
    CONTEXT_BYTES_MAX,
    EXPIRE_MS_DEFAULT,
    EXPIRE_MS_MAX,
    NOTE_CHARS_MAX,
    OPTIONS_MAX,
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_MAX,
    PAYLOAD_BYTES_MAX,
    STEP_RESULT_BYTES_MAX,
)
from gateway.domain.records import KeyName, KeySpace, RunName
from gateway.domain.refusal import Refusal
from gateway.transport.call import Call
from gateway.transport.codec.form import Form


def commit_command(request: gateway_pb2.CommitRequest, call: Call, now_ms: int) -> CommitCommand | Refusal:
    form, tenant = Form(), call.caller.tenant
    key = form.key("idempotency_key", request.idempotency_key)
    run = RunName(tenant, form.name("workflow", request.workflow), form.run_id("run_id", request.run_id))
    step, action = form.name("step", request.step), form.name("action", request.action)
    decision_id, supersedes = form.optional_id("decision_id", request.decision_id), form.optional_id("supersedes", request.supersedes)
    payload = form.document("payload", request.payload, bytes_max=PAYLOAD_BYTES_MAX)
    expire_at_ms = form.time_ms("expire_time", request.expire_time) if request.HasField("expire_time") else now_ms + EXPIRE_MS_DEFAULT
    if expire_at_ms > now_ms + EXPIRE_MS_MAX:
        form.wrong("expire_time", f"more than {EXPIRE_MS_MAX // 3_600_000} h ahead")
    return form.refusal() or CommitCommand(
        caller=call.caller, key=KeyName(KeySpace.COMMIT, tenant, key), supersedes=supersedes, run=run, step=step, action=action,
        decision_id=decision_id, payload=payload, expire_at_ms=expire_at_ms, traceparent=call.traceparent, patience=call.patience,
        fingerprints={VERSION: commit_fingerprint(
            run_id=run.run_id, workflow=run.workflow, step=step, action=action, decision_id=decision_id, payload=payload
        )},
    )  # fmt: skip


def decide_command(request: gateway_pb2.DecideRequest, call: Call) -> DecideCommand | Refusal:
    form, tenant = Form(), call.caller.tenant
    key = form.key("idempotency_key", request.idempotency_key)
    run = RunName(tenant, form.name("workflow", request.workflow), form.run_id("run_id", request.run_id))
    step, supersedes = form.name("step", request.step), form.optional_id("supersedes", request.supersedes)
    context = form.document("context", request.context, bytes_max=CONTEXT_BYTES_MAX)
    options = tuple(form.name(f"allowed_options[{place}]", option) for place, option in enumerate(request.allowed_options[:OPTIONS_MAX]))
    if len(request.allowed_options) > OPTIONS_MAX or len(set(options)) != len(options):
        form.wrong("allowed_options", f"expected at most {OPTIONS_MAX} different options")
    limits = _tighter(form, request.limits)
    return form.refusal() or DecideCommand(
        caller=call.caller, key=KeyName(KeySpace.DECIDE, tenant, key), supersedes=supersedes, run=run, step=step, context=context,
        allowed_options=options, limits=limits, traceparent=call.traceparent, patience=call.patience, deadline_s=call.patience.hand_over_by_s,
        fingerprints={VERSION: decide_fingerprint(
            run_id=run.run_id, workflow=run.workflow, step=step, context=context, allowed_options=options,
            limits=(limits.steps_max, limits.tool_calls_max, limits.tokens_max, limits.spend_micros_max, limits.wall_ms_max),
        )},
    )  # fmt: skip


def _tighter(form: Form, limits: types_pb2.DecideLimits) -> Tighter:
    return Tighter(
        steps_max=form.count("limits.steps_max", limits.steps_max), tool_calls_max=form.count("limits.tool_calls_max", limits.tool_calls_max),
        tokens_max=form.count("limits.tokens_max", limits.tokens_max),
        spend_micros_max=form.count("limits.spend_micros_max", limits.spend_micros_max),
        wall_ms_max=form.duration_ms("limits.wall_max", limits.wall_max),
    )  # fmt: skip


def step_command(request: gateway_pb2.RecordStepRequest, call: Call) -> StepCommand | Refusal:
    form, tenant = Form(), call.caller.tenant
    key = form.key("idempotency_key", request.idempotency_key)
    run = RunName(tenant, form.name("workflow", request.workflow), form.run_id("run_id", request.run_id))
    step = form.name("step", request.step)
    result = form.document("result", request.result, bytes_max=STEP_RESULT_BYTES_MAX)
    return form.refusal() or StepCommand(
        caller=call.caller, key=KeyName(KeySpace.STEP, tenant, key), run=run, step=step, result=result, patience=call.patience,
        fingerprints={VERSION: step_fingerprint(run_id=run.run_id, workflow=run.workflow, step=step, result=result)},
    )  # fmt: skip


def finish_command(request: gateway_pb2.FinishRunRequest, call: Call) -> FinishCommand | Refusal:
    form, tenant = Form(), call.caller.tenant
    key = form.key("idempotency_key", request.idempotency_key)
    run = RunName(tenant, form.name("workflow", request.workflow), form.run_id("run_id", request.run_id))
    note = form.text("note", request.note, chars_max=NOTE_CHARS_MAX)
    stop = {types_pb2.RUN_STOP_FINAL_RESULT: "FINAL_RESULT", types_pb2.RUN_STOP_FAILED: "FAILED"}.get(request.stop, "")
    if not stop:
        form.wrong("stop", "expected RUN_STOP_FINAL_RESULT or RUN_STOP_FAILED: the other stops are the gateway's to say")
    return form.refusal() or FinishCommand(
        caller=call.caller, key=KeyName(KeySpace.FINISH, tenant, key), run=run, stop=stop, note=note, patience=call.patience,
        fingerprints={VERSION: finish_fingerprint(run_id=run.run_id, workflow=run.workflow, stop=stop, note=note)},
    )  # fmt: skip


def commit_name(request: gateway_pb2.GetCommitRequest | gateway_pb2.WaitCommitRequest, tenant: str) -> KeyName | str | Refusal:
    form = Form()
    named = request.WhichOneof("name")
    if named == "idempotency_key":
        key = form.key("idempotency_key", request.idempotency_key)
        return form.refusal() or KeyName(KeySpace.COMMIT, tenant, key)
    commit_id = form.name("commit_id", request.commit_id)
    return form.refusal() or commit_id


def run_page(request: gateway_pb2.GetRunRequest, tenant: str) -> tuple[RunName, int, int] | Refusal:
    """(run, after, limit); an empty workflow means: the one run of that id."""
    form = Form()
    workflow = form.optional_id("workflow", request.workflow)
    run = RunName(tenant, workflow, form.run_id("run_id", request.run_id))
    size = form.page_size("page_size", request.page_size, default=PAGE_SIZE_DEFAULT, ceiling=PAGE_SIZE_MAX)
    after = form.page_token("page_token", request.page_token)
    return form.refusal() or (run, after, size)
