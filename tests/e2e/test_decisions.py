"""Decisions over the real gateway: ballots, every call, words kept apart, and what was decided before; told by `run show`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from countersign import CallOutcome, DecisionStatus
from examples.subscription.theatre import HERE, ROOT, Theatre
from tests.fakes.processes import served

COUNTERSIGN = str(Path(sys.executable).with_name("countersign"))
CONTEXT = {"account": "harbour", "plan": "team_basic", "team_size": 12}
CONFIRM = """\
      confirm:
        mode: agentic
        goal: Is this plan right for the team?
        context_schema: schemas/select_plan.context.json
        options: {team_pro: it is, team_basic: it is not}
        models: [local]
        earlier: [select_plan]
        transcript: text
        limits: {steps_max: 2, tool_calls_max: 0, tokens_max: 4000, spend_micros_max: 2000, wall_max: 20s}
"""
BIG, PRO = {"action": "decide", "option": "enterprise"}, {"action": "decide", "option": "team_pro", "rationale": "it fits"}


def prepare(stage: Theatre, model: str) -> Path:
    """The example's activation with ballots and a second deciding step, one scripted model, a folder for words."""
    activation = stage.folder / "activation"
    shutil.copytree(HERE / "activation", activation)
    boundary = activation / "boundary.yaml"
    text = boundary.read_text()
    text = text.replace("        models: [local]\n", "        models: [local]\n        votes: 3\n        transcript: text\n        redact: [/account]\n", 1)
    boundary.write_text(text.replace("      # The same question", CONFIRM + "      # The same question", 1))
    data = activation / "policies/countersign/tenants/acme/data.yaml"
    data.write_text(data.read_text().replace("steps: [select_plan,", "steps: [confirm, select_plan,"))
    settings = stage.write_settings()
    written = settings.read_text().replace(f"path: {HERE / 'activation'}", f"path: {activation}")
    before, after = written.split("  local:\n    base_url: ", 1)
    settings.write_text(f"{before}  local:\n    base_url: {model}\n{after.split(chr(10), 1)[1]}\ntranscripts: {{folder: {stage.folder / 'words'}}}\n")
    return stage.folder / "words"


def test_ballots_calls_and_words_of_a_run(stage: Theatre) -> None:
    """Two of three ballots agree; all of it is in the answer, in the record's telling, and, redacted, in a file of its own."""
    script = stage.folder / "script.json"
    script.write_text(json.dumps([BIG, "Sure!", PRO, PRO, PRO]))
    stage.start_billing()
    with served("examples.local_model.scripted", "--port", "0", "--script", str(script)) as model:
        words = prepare(stage, model)
        stage.start_gateway()
        with stage.client() as client:
            run = client.run(workflow="activate_subscription", run_id="votes-1")
            chosen = run.decide("select_plan", context=CONTEXT)
            confirmed = run.decide("confirm", context=CONTEXT)
        told = subprocess.run(
            [COUNTERSIGN, "run", "show", "votes-1", "--tenant", "acme", "--gateway", stage.address("operator")],
            capture_output=True, text=True, timeout=60, check=True, cwd=ROOT,
        ).stdout  # fmt: skip

    assert (chosen.status, chosen.option, chosen.usage.steps) == (DecisionStatus.DECIDED, "team_pro", 4)
    assert chosen.agreement is not None
    assert (chosen.agreement.votes, chosen.agreement.agreeing, chosen.agreement.agreement_min) == (3, 2, 2)
    assert [(call.ballot, call.outcome, call.option) for call in chosen.calls] == [
        (1, CallOutcome.DECIDED, "enterprise"),
        (2, CallOutcome.MALFORMED, ""),
        (2, CallOutcome.DECIDED, "team_pro"),
        (3, CallOutcome.DECIDED, "team_pro"),
    ]
    assert "2 of 3 ballots agree; 2 are needed" in told
    assert "call 2 (ballot 2): local was not accepted: it is not JSON" in " ".join(told.split())
    assert confirmed.status is DecisionStatus.DECIDED, confirmed
    kept = json.loads((words / f"{chosen.decision_id}.json").read_text())
    assert kept["transcript_sha256"] == chosen.transcript_sha256.hex()
    assert "[hidden]" in json.dumps(kept)
    assert "harbour" not in json.dumps(kept)
    assert "Decided earlier in this run:\\n- select_plan: team_pro" in json.loads((words / f"{confirmed.decision_id}.json").read_text())["parts"][0]["text"]
