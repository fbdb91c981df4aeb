"""halt, resume, halts, commits, budget, activation: what is asked, and what is shown."""

import json
import time

import pytest

from countersign.v1 import operator_pb2, reason_pb2, types_pb2
from tests.unit.gateway.cli.conftest import Run
from tests.unit.gateway.cli.scripted import ScriptedOperator, at, budget, commit

HALT = operator_pb2.HaltRecord(
    halt_id="h-1",
    scope=operator_pb2.HaltScope(tenant="acme", action="activate_plan"),
    reason="prices \x1b[2J look wrong",
    principal="on-call",
    create_time=at(0),
)


def test_halt_says_what_is_under_way(ask: Run, listener: ScriptedOperator) -> None:
    """The scope as asked, the id to lift it with, and what goes on regardless."""
    inventory = operator_pb2.Inventory(in_flight=2, unknown=1, held=[budget(held=99_000_000)])
    listener.says(operator_pb2.HaltResponse(halt=HALT, inventory=inventory))

    done = ask("halt", "--tenant", "acme", "--action", "activate_plan", "--reason", "prices look wrong")

    assert done.exit_code == 0
    assert listener.seen[0][1] == operator_pb2.HaltRequest(scope=operator_pb2.HaltScope(tenant="acme", action="activate_plan"), reason="prices look wrong")
    assert "halted tenant=acme action=activate_plan as h-1" in done.stdout
    assert "2 in flight, 1 unknown, 0 thinking" in done.stdout
    assert "held by them: 99.00 USD of value" in done.stdout
    assert "countersign resume h-1" in done.stdout


def test_halt_in_json_begins_with_its_id(ask: Run, listener: ScriptedOperator) -> None:
    """For scripts that lift it again."""
    listener.says(operator_pb2.HaltResponse(halt=HALT, inventory=operator_pb2.Inventory(in_flight=2)))

    done = ask("halt", "--everything", "--reason", "x", "--json")

    said = json.loads(done.stdout)
    assert (said["halt_id"], said["in_flight"]) == ("h-1", 2)
    assert said["halt"]["create_time"] == "2023-11-14T22:13:20.000Z"
    assert said["halt"]["scope"]["action"] == "activate_plan"
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("words", [(), ("--everything", "--tenant", "acme")])
def test_halting_everything_is_said_in_full(ask: Run, listener: ScriptedOperator, words: tuple[str, ...]) -> None:
    """A forgotten option does not stop the whole house, and a stray one does not narrow it."""
    done = ask("halt", "--reason", "x", *words)

    assert done.exit_code == 2
    assert "--everything" in done.stderr
    assert listener.seen == []


def test_resume_names_the_halt(ask: Run, listener: ScriptedOperator) -> None:
    """By its id, with a reason."""
    lifted = operator_pb2.HaltRecord()
    lifted.CopyFrom(HALT)
    lifted.lift_time.CopyFrom(at(60))
    listener.says(operator_pb2.ResumeResponse(halt=lifted))

    done = ask("resume", "h-1", "--reason", "prices are right")

    assert listener.seen[0][1] == operator_pb2.ResumeRequest(halt_id="h-1", reason="prices are right")
    assert done.stdout.strip() == "lifted h-1 on tenant=acme action=activate_plan"


def test_halts_are_a_table(ask: Run, listener: ScriptedOperator) -> None:
    """What is covered, why, by whom, since when; an operator's words are shown, not obeyed."""
    listener.says(operator_pb2.ListHaltsResponse(halts=[HALT]))

    done = ask("halts", "--all")

    assert listener.seen[0][1] == operator_pb2.ListHaltsRequest(include_lifted=True)
    assert "tenant=acme action=activate_plan" in done.stdout
    assert "prices \\x1b[2J look wrong" in done.stdout
    assert "\x1b" not in done.stdout


def test_commits_are_listed_as_asked(ask: Run, listener: ScriptedOperator) -> None:
    """Filters travel; the next page is offered."""
    unknown = commit(outcome=types_pb2.OUTCOME_UNKNOWN, reasons=[types_pb2.ReasonDetail(reason=reason_pb2.REASON_HOST_SILENT)])
    listener.says(operator_pb2.ListCommitsResponse(commits=[unknown], next_page_token="41"))

    done = ask("commits", "list", "--tenant", "acme", "--outcome", "unknown", "--limit", "1")

    assert listener.seen[0][1] == operator_pb2.ListCommitsRequest(tenant="acme", outcome=types_pb2.OUTCOME_UNKNOWN, page_size=1)
    assert "c-1" in done.stdout
    assert "HOST_SILENT" in done.stdout
    assert "more: --page 41" in done.stdout


def test_no_commits_are_a_sentence(ask: Run, listener: ScriptedOperator) -> None:
    """An empty table would look like a fault."""
    listener.says(operator_pb2.ListCommitsResponse())

    assert ask("commits", "list").stdout.strip() == "There is no such commit."


def test_a_commit_is_shown_whole(ask: Run, listener: ScriptedOperator) -> None:
    """Key, verdict, reasons with facts, the host's words escaped, budgets with units, the record's hash."""
    reason = types_pb2.ReasonDetail(
        reason=reason_pb2.REASON_POLICY_DENIED, policy_code="AMOUNT_OVER_LIMIT", message="The policy says no.", facts={"asked": "120", "left": ""}
    )
    shown = commit(
        outcome=types_pb2.OUTCOME_DENIED,
        reasons=[reason],
        host_status=201,
        host_response=b'{"ok": "\x1b[31mred"}',
        budgets=[budget(held=1_500_000, left=48_500_000, limit=50_000_000)],
    )
    listener.says(operator_pb2.InspectCommitResponse(commit=shown))

    done = ask("commits", "show", "--key", "r-1/select_plan/activate_plan", "--tenant", "acme")

    assert listener.seen[0][1] == operator_pb2.InspectCommitRequest(tenant="acme", idempotency_key="r-1/select_plan/activate_plan")
    assert "POLICY_DENIED: The policy says no. [AMOUNT_OVER_LIMIT] (asked 120)" in done.stdout
    assert 'answered 201: {"ok": "\\x1b[31mred"}' in done.stdout
    assert "value of tenant acme per month: held 1.50 USD, left 48.50 USD of 50.00 USD" in done.stdout
    assert "ab" * 32 in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("words", [(), ("c-1", "--key", "k")])
def test_a_commit_has_one_name(ask: Run, words: tuple[str, ...]) -> None:
    """By id or by key."""
    assert ask("commits", "show", *words).exit_code == 2


def test_an_unknown_is_resolved_with_evidence(ask: Run, listener: ScriptedOperator) -> None:
    """What the caller believes, what was seen, and what it means."""
    listener.says(operator_pb2.ResolveCommitResponse(commit=commit(outcome=types_pb2.OUTCOME_FAILED)))

    done = ask("commits", "resolve", "c-1", "--outcome", "FAILED", "--evidence", "no order at billing")

    assert listener.seen[0][1] == operator_pb2.ResolveCommitRequest(
        commit_id="c-1", expected=types_pb2.OUTCOME_UNKNOWN, outcome=types_pb2.OUTCOME_FAILED, evidence="no order at billing"
    )
    assert done.stdout.strip() == "c-1 is FAILED"


@pytest.mark.parametrize("words", [("--outcome", "DENIED", "--evidence", "x"), ("--outcome", "FAILED", "--evidence", " ")])
def test_an_unknown_is_not_resolved_lightly(ask: Run, listener: ScriptedOperator, words: tuple[str, ...]) -> None:
    """Two outcomes, and never without evidence."""
    assert ask("commits", "resolve", "c-1", *words).exit_code == 2
    assert listener.seen == []


def test_budgets_are_shown_with_units(ask: Run, listener: ScriptedOperator) -> None:
    """Money in its currency, counts as counts; overdrawn is negative, and said by how much. A window has its times, a total none."""
    writes = budget(settled=3, left=-1, limit=2, ledger="writes", currency="")
    writes.window_start_time.CopyFrom(at(0))
    listener.says(operator_pb2.ListBudgetsResponse(budgets=[budget(held=500, left=49_999_500, limit=50_000_000), writes]))

    lines = ask("budget", "show").stdout.splitlines()

    assert lines[1].split("  ")[0] == "tenant"
    assert "0.0005 USD" in lines[1]
    assert "49.9995 USD" in lines[1]
    assert lines[2].split()[3:] == ["0", "3", "-1", "2", "1", "month", "2023-11-14", "22:13:20.000", "UTC", "-"]


def test_the_activation_in_force(ask: Run, listener: ScriptedOperator) -> None:
    """Number, revision, digest; the file only when asked for, without its control characters."""
    found = operator_pb2.GetActivationResponse(number=7, revision="rev-7", digest=b"\x01" * 32, create_time=at(0), boundary_yaml=b"version: 1\n\x1b[2J\n")
    listener.says(found, found, found)

    short, whole, machine = ask("activation", "show"), ask("activation", "show", "--boundary"), ask("activation", "show", "--json")

    assert "activation 7, revision rev-7, since 2023-11-14 22:13:20.000 UTC" in short.stdout
    assert "version: 1" not in short.stdout
    assert "version: 1\n\\x1b[2J" in whole.stdout
    assert json.loads(machine.stdout)["digest"] == "01" * 32


def test_a_host_is_asked_now(ask: Run, listener: ScriptedOperator) -> None:
    """What came of it in words; exit code 1 while it is unknown; a JSON document for scripts."""
    unknown, done = commit(outcome=types_pb2.OUTCOME_UNKNOWN), commit()
    for answer in (unknown, done, done):
        listener.says(operator_pb2.ReconcileCommitResponse(commit=answer, asked=answer is unknown))

    still, settled, told = [ask("commits", "reconcile", "c-1", *words) for words in ((), (), ("--json",))]

    assert listener.seen[0][1] == operator_pb2.ReconcileCommitRequest(commit_id="c-1")
    assert (still.exit_code, settled.exit_code) == (1, 0)
    assert still.stdout.startswith("c-1 is UNKNOWN: it may have happened")
    assert settled.stdout.strip().endswith("; nobody was asked")
    assert (json.loads(told.stdout)["asked"], json.loads(told.stdout)["commit"]["outcome"]) == (False, "SUCCEEDED")


def test_commits_are_listed_by_age(ask: Run, listener: ScriptedOperator) -> None:
    """A span becomes a moment; a page may be empty and have a next one."""
    listener.says(operator_pb2.ListCommitsResponse(next_page_token="17"))

    done = ask("commits", "list", "--older-than", "2h", "--outcome", "unknown")

    [(_, asked, _)] = listener.seen
    assert isinstance(asked, operator_pb2.ListCommitsRequest)
    assert abs(time.time() - 7_200 - asked.created_before.seconds) < 60
    assert (done.stdout.splitlines(), done.exit_code) == (["None on this page.", "more: --page 17"], 0)


@pytest.mark.parametrize("span", ["2", "2 h", "yesterday", "-1h"])
def test_a_span_has_a_unit(ask: Run, listener: ScriptedOperator, span: str) -> None:
    """Refused before anything is asked."""
    done = ask("commits", "list", "--older-than", span)

    assert done.exit_code == 2
    assert "like 15m, 2h or 7d" in done.stderr
    assert listener.seen == []
