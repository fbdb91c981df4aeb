"""A run told to somebody who was not there."""

import json
from collections.abc import Iterable

from google.protobuf.duration_pb2 import Duration

from countersign.v1 import operator_pb2, reason_pb2, types_pb2
from tests.unit.gateway.cli.conftest import Run
from tests.unit.gateway.cli.scripted import ScriptedOperator, at, budget, commit

STORY = """\
after     stage     step          what happened
0.010 s   Classify  read_account  deterministic: the workflow takes this step itself
0.010 s   Verify    read_account  recorded {"seats": 12}
                                  record 010101010101
0.020 s   Classify  select_plan   agentic: an agent may decide, among declared options
0.020 s   Route     select_plan   handed to the agent: model local, agent 1.0
                                  read billing.list_plans (before the first model call; 312 bytes, sha256 cdcdcdcdcdcd)
0.900 s   Decide    select_plan   chose "team_pro" (AGENT), decision d-1
                                  its words: "fits \\x1b[2J [bold]12[/bold] people"
                                  verdict v-0, under rev-7 (activation 7)
                                  used 1 model call, 0 tool calls, 200 + 30 tokens, 0.0005 USD, 0.8 s
                                  spend of tenant acme per month: settled 0.0005 USD, left 19.9995 USD of 20.00 USD
                                  record 020202020202
1.000 s   Commit    select_plan   activate_plan to billing admitted, commit c-1, generation 1 of key r-1/select_plan/activate_plan
                                  carried by decision d-1
                                  verdict v-1, under rev-7 (activation 7)
                                  holds 99.00 USD of the value of tenant acme
                                  record 030303030303
1.100 s   Verify    select_plan   UNKNOWN: it may have happened; what was held stays held until it is settled
                                  billing answered 504
                                  HOST_SILENT: The request may have left and no complete answer came.
                                  holds 99.00 USD of the value of tenant acme
                                  record 040404040404
3.000 s   Verify    select_plan   SUCCEEDED: the host applied the write; found out by query
                                  billing answered 201: {"id": 1}
                                  value of tenant acme per month: settled 99.00 USD, left 49,901.00 USD of 50,000.00 USD
                                  record 050505050505
3.100 s   Stop                    FINAL_RESULT: the workflow reached its result
                                  its note: "done \\u202e"
                                  record 060606060606
"""


def leaf(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def trace(*, entries: Iterable[types_pb2.TraceEntry] = (), token: str = "") -> operator_pb2.InspectRunResponse:
    run = types_pb2.Run(
        run_id="r-1",
        workflow="activate_subscription",
        stop=types_pb2.RUN_STOP_FINAL_RESULT,
        create_time=at(0),
        end_time=at(3.1),
        steps=3,
        steps_max=12,
        deadline=at(600),
        budgets=[budget(settled=1, left=2, limit=3, ledger="writes", currency="")],
    )
    return operator_pb2.InspectRunResponse(run=run, entries=entries, next_page_token=token)


def decision() -> types_pb2.Decision:
    usage = types_pb2.DecideUsage(steps=1, tokens_in=200, tokens_out=30, spend_micros=500, wall=Duration(nanos=800_000_000), model="local")
    read = types_pb2.Evidence(tool="billing.list_plans", result_sha256=b"\xcd" * 32, result_bytes=312, ok=True, prefetched=True)
    return types_pb2.Decision(
        decision_id="d-1",
        generation=1,
        create_time=at(0.02),
        status=types_pb2.DECISION_STATUS_DECIDED,
        option="team_pro",
        source=types_pb2.DECISION_SOURCE_AGENT,
        rationale="fits \x1b[2J [bold]12[/bold] people",
        evidence=[read],
        stop=types_pb2.DECIDE_STOP_FINAL_RESULT,
        usage=usage,
        activation_revision="rev-7",
        activation_number=7,
        verdict_id="v-0",
        agent_version="1.0",
        budgets=[budget(settled=500, left=19_999_500, limit=20_000_000, ledger="spend")],
    )


def entries() -> list[types_pb2.TraceEntry]:
    held = [{"level": "tenant", "scope": "acme", "ledger": "value", "currency": "USD", "amount": 99_000_000}]
    write = commit(
        decision_id="d-1",
        host_status=201,
        host_response=b'{"id": 1}',
        budgets=[budget(settled=99_000_000, left=49_901_000_000, limit=50_000_000_000)],
    )
    kinds = types_pb2.EntryKind
    return [
        types_pb2.TraceEntry(
            kind=kinds.ENTRY_KIND_STEP_RECORDED, time=at(0.01), entry_hash=b"\x01" * 32, step="read_account", mode="deterministic", result=b'{"seats": 12}'
        ),
        types_pb2.TraceEntry(kind=kinds.ENTRY_KIND_DECISION, time=at(0.9), entry_hash=b"\x02" * 32, step="select_plan", mode="agentic", decision=decision()),
        types_pb2.TraceEntry(
            kind=kinds.ENTRY_KIND_INTENT, time=at(1), entry_hash=b"\x03" * 32, step="select_plan", commit=write, leaf=leaf(state="FORWARDING", budgets=held)
        ),
        types_pb2.TraceEntry(
            kind=kinds.ENTRY_KIND_OUTCOME,
            time=at(1.1),
            entry_hash=b"\x04" * 32,
            step="select_plan",
            commit=write,
            leaf=leaf(state="UNKNOWN", reasons=["HOST_SILENT"], host_status=504, budgets=held),
        ),
        types_pb2.TraceEntry(
            kind=kinds.ENTRY_KIND_RESOLUTION,
            time=at(3),
            entry_hash=b"\x05" * 32,
            step="select_plan",
            commit=write,
            leaf=leaf(state="SUCCEEDED", resolved_by="query"),
        ),
        types_pb2.TraceEntry(
            kind=kinds.ENTRY_KIND_RUN_STOPPED, time=at(3.1), entry_hash=b"\x06" * 32, stop=types_pb2.RUN_STOP_FINAL_RESULT, note="done \u202e"
        ),
    ]


def test_a_run_is_told_in_order(ask: Run, listener: ScriptedOperator) -> None:
    """Each line says what was true when it was recorded: the unknown stays one, though it was settled later."""
    listener.says(trace(entries=entries()))

    done = ask("run", "show", "r-1", "--tenant", "acme")

    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines[:3] == [
        "run r-1 of activate_subscription",
        "opened 2023-11-14 22:13:20.000 UTC, 3 of 12 steps taken",
        "stopped FINAL_RESULT, 2023-11-14 22:13:23.100 UTC",
    ]
    assert [" ".join(line.split()) for line in lines[3:-1]] == [" ".join(line.split()) for line in STORY.splitlines()]
    assert lines[-1] == "budget  writes of tenant acme per month: settled 1, left 2 of 3"


def test_each_model_call_and_the_agreement_are_told(ask: Run, listener: ScriptedOperator) -> None:
    """Who was asked, what came of it, where in the list the option stood, what it used."""
    outcomes = types_pb2.CallOutcome
    calls = [
        types_pb2.ModelCall(ballot=1, model="local", outcome=outcomes.CALL_OUTCOME_FAULTED, detail="it answered HTTP 500\x1b[2J"),
        types_pb2.ModelCall(ballot=1, model="large", outcome=outcomes.CALL_OUTCOME_DECIDED, option="team_pro", position=2),
        types_pb2.ModelCall(ballot=2, model="large", outcome=outcomes.CALL_OUTCOME_DECIDED),
        types_pb2.ModelCall(ballot=2, model="large", outcome=outcomes.CALL_OUTCOME_TOOL_CALLED, detail="billing.seat_usage"),
    ]
    for call in calls:
        call.MergeFrom(types_pb2.ModelCall(spend_micros=20, tokens_in=100, tokens_out=5, wall=Duration(nanos=500_000_000)))
    told = decision()
    told.calls.extend(calls)
    told.agreement.CopyFrom(types_pb2.Agreement(votes=3, agreeing=2, abstained=1, agreement_min=2))
    entry = types_pb2.TraceEntry(kind=types_pb2.ENTRY_KIND_DECISION, time=at(1), step="select_plan", mode="agentic", decision=told)
    listener.says(trace(entries=[entry]))

    done = ask("run", "show", "r-1")

    used = "100 + 5 tokens, 0.00002 USD, 0.5 s"
    assert "2 of 3 ballots agree, 1 for nothing; 2 are needed" in done.stdout
    assert f"call 1 (ballot 1): local failed: it answered HTTP 500\\x1b[2J; {used}" in done.stdout
    assert f"call 2 (ballot 1): large chose team_pro, listed second; {used}" in done.stdout
    assert f"call 3 (ballot 2): large named what is no option; {used}" in done.stdout
    assert f"call 4 (ballot 2): large asked for billing.seat_usage; {used}" in done.stdout


def test_nothing_in_a_run_steers_the_terminal(ask: Run, listener: ScriptedOperator) -> None:
    """A model's escape sequence and a direction mark are shown as what they are."""
    listener.says(trace(entries=entries()))

    done = ask("run", "show", "r-1")

    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert "[bold]12[/bold]" in done.stdout


def test_a_long_run_is_read_page_by_page(ask: Run, listener: ScriptedOperator) -> None:
    """All of it, in one telling."""
    first, second = entries()[:1], entries()[1:2]
    listener.says(trace(entries=first, token="1"), trace(entries=second))

    done = ask("run", "show", "r-1")

    assert [request.page_token for _, request, _ in listener.seen if isinstance(request, operator_pb2.InspectRunRequest)] == ["", "1"]
    assert "read_account" in done.stdout
    assert "select_plan" in done.stdout


def test_a_denial_says_why(ask: Run, listener: ScriptedOperator) -> None:
    """Level, asked, left; and that nothing was forwarded."""
    facts = {"level": "tenant", "asked": "99000000", "left": "1000000"}
    reason = types_pb2.ReasonDetail(reason=reason_pb2.REASON_BUDGET_EXHAUSTED, facts=facts)
    denied = commit(outcome=types_pb2.OUTCOME_DENIED, verdict_id="", reasons=[reason])
    entry = types_pb2.TraceEntry(kind=types_pb2.ENTRY_KIND_DENIAL, time=at(1), step="select_plan", commit=denied, leaf=b"not json")
    listener.says(trace(entries=[entry]))

    done = ask("run", "show", "r-1")

    assert "activate_plan DENIED: nothing was forwarded, commit c-1" in done.stdout
    assert "BUDGET_EXHAUSTED: A budget at the named level has less left than was asked." in done.stdout
    assert all(f"{name} {value}" in done.stdout for name, value in facts.items())
    assert "no verdict was asked for" in done.stdout


def test_what_a_newer_gateway_adds_is_told_too(ask: Run, listener: ScriptedOperator) -> None:
    """An entry of a kind unknown here is named, not dropped, and not a crash."""
    listener.says(trace(entries=[types_pb2.TraceEntry(kind=types_pb2.ENTRY_KIND_ERASED, time=at(1)), types_pb2.TraceEntry(time=at(2), leaf=b"[1]")]))

    done = ask("run", "show", "r-1")

    assert done.exit_code == 0
    assert "ERASED" in done.stdout
    assert "UNSPECIFIED" in done.stdout


def test_a_run_in_json_is_whole(ask: Run, listener: ScriptedOperator) -> None:
    """Names of the API, digests in hexadecimal, nothing but ASCII."""
    listener.says(trace(entries=entries()))

    done = ask("run", "show", "r-1", "--json")

    said = json.loads(done.stdout)
    assert said["run"]["stop"] == "FINAL_RESULT"
    assert said["entries"][1]["decision"]["usage"]["wall"] == "0.800s"
    assert said["entries"][0]["entry_hash"] == "01" * 32
    assert said["entries"][0]["result"] == '{"seats": 12}'
    assert "raw" not in said["run"]
    assert done.stdout.isascii()
