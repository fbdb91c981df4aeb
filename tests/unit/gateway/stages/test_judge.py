"""Judge: what policy is asked, byte for byte, and what every kind of answer means."""

import json
from dataclasses import replace

import pytest

from gateway.domain.budget import Ledger, Level, Node, NodeRow, Window
from gateway.domain.faults import PolicyFault
from gateway.domain.handoffs import Admissible, Admitted, Denial, Judged
from gateway.domain.reasons import Reason
from gateway.ports.policy import Document, Entrypoint, Erred, PolicyAnswer, Undefined
from gateway.stages.admit import admit_commit, admit_step
from gateway.stages.judge import judge_commit, judge_step, read_answer
from tests.fakes.activation import TENANT, WORKFLOW, activation, counted, usd
from tests.fakes.clock import FakeClock
from tests.fakes.commands import CREDIT, NOW_MS, PLAN, commit_command, decide_command, encoded, patient
from tests.fakes.ids import CountingIds
from tests.fakes.policy import ALLOW, FakePolicyEngine, deny
from tests.fakes.rows import decision_row, facts, run_row

LIMITED = activation(
    run_budgets=[counted(Ledger.WRITES, 3)], workflow_budgets=[counted(Ledger.WRITES, 600, Window.MINUTE)], tenant_budgets=[usd(Ledger.VALUE, 5_000)]
)


def admitted(payload: bytes = encoded(CREDIT)) -> Admitted:
    found = admit_commit(commit_command(payload=payload, patience=patient()), facts(run=run_row(opened_at_ms=NOW_MS - 700, steps=2)), LIMITED)
    assert isinstance(found, Admitted)
    return found


def admissible(context: bytes = b'{"team_size":12}') -> Admissible:
    found = admit_step(decide_command(context=context, allowed_options=("pro",), patience=patient()), facts(), LIMITED)
    assert isinstance(found, Admissible)
    return found


async def test_an_allow_goes_on_with_the_bytes_that_were_judged() -> None:
    """They travel to T1's record together with the verdict's id and time."""
    engine = FakePolicyEngine()

    judged = await judge_commit(admitted(), engine, FakeClock(), CountingIds())

    assert isinstance(judged, Judged)
    assert judged.judged_input == engine.questions[0].input_json
    assert (judged.verdict_id, judged.verdict_at_ms) == ("id-000001", NOW_MS)


async def test_the_question_about_a_write() -> None:
    """Who, what, where to, for how much, after how many steps, with what left."""
    engine = FakePolicyEngine()

    await judge_commit(admitted(), engine, FakeClock(), CountingIds())

    question = engine.questions[0]
    assert (question.entrypoint, question.activation_number, question.tenant) == (Entrypoint.COMMIT, 1, TENANT)
    asked = json.loads(question.input_json)
    budgets = {one["level"]: one for one in asked.pop("budgets")}
    assert asked == {
        "tenant": TENANT, "caller": "signup", "workflow": WORKFLOW, "step": "write", "mode": "deterministic", "action": "top_up", "risk": "low",
        "target": "billing", "method": "PUT", "path": "/accounts/team-12/credits/7", "option": "", "decision": None,
        "costs": [{"ledger": "value", "currency": "USD", "amount": 1_000}, {"ledger": "writes", "currency": "", "amount": 1}],
        "run": {"id": "run-1", "steps": 2, "elapsed_ms": 700}, "time_ms": NOW_MS, "activation_number": 1, "revision": "rev-1", "payload": CREDIT,
    }  # fmt: skip
    assert budgets["workflow"] == {"level": "workflow", "ledger": "writes", "currency": "", "window": "minute", "limit": 600, "left": 600}
    assert budgets["tenant"] == {"level": "tenant", "ledger": "value", "currency": "USD", "window": "total", "limit": 5_000, "left": 5_000}


async def test_a_verdict_is_waited_for_no_longer_than_work_can_be_handed_over() -> None:
    """Of a write and of a step."""
    engine, write, step = FakePolicyEngine(), admitted(), admissible()

    await judge_commit(write, engine, FakeClock(), CountingIds())
    await judge_step(step, engine, FakeClock(), CountingIds())

    assert [question.deadline_s for question in engine.questions] == [one.command.patience.hand_over_by_s for one in (write, step)]


async def test_the_payload_is_spliced_in_as_it_was_scanned() -> None:
    """Spaces, order and escapes included: policy and host read one document."""
    engine, payload = FakePolicyEngine(), b' { "slot" : 7,\t"amount":1000 , "account":"\\u0061" } '

    await judge_commit(admitted(payload), engine, FakeClock(), CountingIds())

    assert engine.questions[0].input_json.endswith(b',"payload":' + payload + b"}")


async def test_the_question_about_a_write_that_carries_a_decision() -> None:
    """Policy sees the option, who said it and when."""
    engine, decision = FakePolicyEngine(), decision_row("dec-1", option="basic")
    command = commit_command(action="activate_plan", payload=PLAN, decision_id="dec-1", patience=patient())
    found = admit_commit(command, facts(decision=decision), LIMITED)
    assert isinstance(found, Admitted)

    await judge_commit(found, engine, FakeClock(), CountingIds())

    asked = json.loads(engine.questions[0].input_json)
    assert asked["option"] == "basic"
    assert asked["decision"] == {"id": "dec-1", "step": "select", "option": "basic", "source": "AGENT", "made_at_ms": NOW_MS, "model": "small"}


async def test_what_is_left_is_of_the_window_of_now() -> None:
    """A node of an older window is a fresh one."""
    engine, minute_ms = FakePolicyEngine(), NOW_MS - NOW_MS % 60_000
    node = Node(Level.WORKFLOW, TENANT, WORKFLOW, "", Ledger.WRITES, "", Window.MINUTE)
    nodes = [NodeRow(node=node, window_start_ms=start_ms, held=10, settled=90) for start_ms in (minute_ms, minute_ms - 60_000)]

    for row in nodes:
        recalled = replace(admitted(), facts=facts(nodes=(row,)))
        await judge_commit(recalled, engine, FakeClock(), CountingIds())

    left = [one["left"] for question in engine.questions for one in json.loads(question.input_json)["budgets"] if one["level"] == "workflow"]
    assert left == [500, 600]


async def test_the_question_about_a_step() -> None:
    """The narrowed options, the tools and models it would use, and all that it holds."""
    engine = FakePolicyEngine()

    permitted = await judge_step(admissible(), engine, FakeClock(), CountingIds())

    asked = json.loads(engine.questions[0].input_json)
    assert engine.questions[0].entrypoint is Entrypoint.DECIDE
    assert permitted.notes == ()
    assert (asked["options"], asked["models"], asked["tools"], asked["mode"]) == (["pro"], ["small"], ["list_plans", "seat_usage"], "agentic")
    assert asked["context"] == {"team_size": 12}
    assert asked["costs"] == [{"ledger": "tokens", "currency": "", "amount": 4_000}, {"ledger": "spend", "currency": "USD", "amount": 2_000}]


async def test_no_context_is_asked_as_an_empty_one() -> None:
    """The input stays a JSON document."""
    engine = FakePolicyEngine()

    await judge_step(admissible(b""), engine, FakeClock(), CountingIds())

    assert json.loads(engine.questions[0].input_json)["context"] == {}


async def test_a_denied_step_carries_why() -> None:
    """T1 records it; this stage ends nothing."""
    engine = FakePolicyEngine(lambda _entrypoint, _input: deny("NOT_IN_HOURS", "closed on Sundays"))

    permitted = await judge_step(admissible(), engine, FakeClock(), CountingIds())

    assert [(note.reason, note.policy_code, note.detail) for note in permitted.notes] == [(Reason.POLICY_DENIED, "NOT_IN_HOURS", "closed on Sundays")]


async def test_a_denied_write_keeps_what_was_judged() -> None:
    """A no is recorded with the input it was said about."""
    engine = FakePolicyEngine(lambda _entrypoint, _input: deny("TOO_RISKY"))

    denial = await judge_commit(admitted(), engine, FakeClock(), CountingIds())

    assert isinstance(denial, Denial)
    assert [(note.reason, note.policy_code) for note in denial.notes] == [(Reason.POLICY_DENIED, "TOO_RISKY")]
    assert (denial.judged_input, denial.verdict_at_ms) == (engine.questions[0].input_json, NOW_MS)


@pytest.mark.parametrize(
    ("answer", "reason", "path"),
    [
        (Undefined(), Reason.POLICY_UNDEFINED, "data.countersign.commit.verdict"),
        (Erred("eval_conflict_error"), Reason.POLICY_ERROR, "data.countersign.commit.verdict"),
        (Document("allow"), Reason.POLICY_VERDICT_MALFORMED, "data.countersign.commit.verdict"),
        (Document({"allow": "yes", "reasons": []}), Reason.POLICY_VERDICT_MALFORMED, "data.countersign.commit.verdict.allow"),
        (Document({"alow": True, "reasons": []}), Reason.POLICY_VERDICT_MALFORMED, "data.countersign.commit.verdict"),
        (deny("NEVER_DECLARED"), Reason.POLICY_VERDICT_MALFORMED, "data.countersign.commit.verdict.reasons[0].code"),
    ],
)
def test_whatever_is_not_a_verdict_is_a_denial_of_its_own(answer: PolicyAnswer, reason: Reason, path: str) -> None:
    """Never an allow, and each can be told from the other."""
    notes = read_answer(answer, Entrypoint.COMMIT, LIMITED)

    assert [(note.reason, note.facts["path"]) for note in notes] == [(reason, path)]


def test_only_a_well_formed_allow_allows() -> None:
    """The one empty answer."""
    assert read_answer(ALLOW, Entrypoint.DECIDE, LIMITED) == ()


def test_every_reason_of_a_denial_is_kept_in_order() -> None:
    """As the bundle gave them."""
    answer = Document({"allow": False, "reasons": [{"code": "TOO_RISKY"}, {"code": "NOT_IN_HOURS", "detail": "d"}]})

    assert [note.policy_code for note in read_answer(answer, Entrypoint.COMMIT, LIMITED)] == ["TOO_RISKY", "NOT_IN_HOURS"]


async def test_nobody_could_answer_is_a_fault() -> None:
    """An engine that is down neither allows nor denies."""
    engine = FakePolicyEngine()
    engine.kill()

    with pytest.raises(PolicyFault):
        await judge_commit(admitted(), engine, FakeClock(), CountingIds())
