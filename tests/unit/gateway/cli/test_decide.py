"""decide try, decide eval, model check: from the shell against a real server, scripted; nothing is recorded anywhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.processes import served
from tests.unit.gateway.cli.conftest import ROOT, Run

EXAMPLE = ROOT / "examples" / "subscription"
PRO = {"action": "decide", "option": "team_pro"}
CONTEXT = '{"account": "harbour", "plan": "team_basic", "team_size": 12}'
PRICE = "{in_micros_per_million: 100_000, out_micros_per_million: 400_000, currency: USD, as_of: 2026-11-01}"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """One that says "Sure!" once and then `team_pro`; one that names what nobody offers."""
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "late.json").write_text(json.dumps(["Sure!", PRO]))
    (folder / "rogue.json").write_text(json.dumps([{"action": "decide", "option": "platinum\u001b[2J"}]))
    module = "examples.local_model.scripted"
    with (
        served(module, "--port", "0", "--script", str(folder / "late.json")) as late,
        served(module, "--port", "0", "--script", str(folder / "rogue.json")) as rogue,
    ):
        yield {"local": late, "rogue": rogue}


@pytest.fixture
def settings(servers: dict[str, str], tmp_path: Path) -> str:
    """The example's boundary, with a billing service that is not there: its reads fail, and are told as failed."""
    models = "\n".join(f"  {name}: {{base_url: {url}, model: scripted, price: {PRICE}}}" for name, url in servers.items())
    file = tmp_path / "settings.yaml"
    file.write_text(
        f"""
listeners:
  - {{name: acme, address: "unix:run/acme/gateway.sock", tenant: acme, caller: w, role: workflow}}
store: {{sqlite: {{path: never.db}}}}
activation: {{path: {EXAMPLE / "activation"}}}
targets:
  billing: {{base_url: "http://127.0.0.1:9", mode: none, networks: [127.0.0.1/32]}}
tools:
  billing.list_plans: {{description: prices, url: "http://127.0.0.1:9/plans", networks: [127.0.0.1/32]}}
  billing.seat_usage:
    description: seats
    url: http://127.0.0.1:9/accounts/{{account}}/seats
    slots: {{account: {{from: context, pointer: /account}}}}
    networks: [127.0.0.1/32]
models:
{models}
"""
    )
    return str(file)


def test_a_step_is_tried_and_everything_is_seen(run: Run, settings: str, tmp_path: Path) -> None:
    """Question, schema, answer, what was not accepted, what it cost; no file is made."""
    done = run("decide", "try", "select_plan", "--settings", settings, "--context", CONTEXT, "--options", "team_pro,enterprise")

    assert done.exit_code == 0, done.output
    assert "read billing.list_plans failed" in done.stdout
    assert "question 1 to local, at most 400 tokens back" in done.stdout
    assert "Goal: Pick the cheapest plan that fits the team." in done.stdout
    assert '"enum": ["team_pro", "enterprise"]' in done.stdout
    assert "usage: {" in done.stdout
    assert "DECIDED, FINAL_RESULT: team_pro (AGENT)" in done.stdout
    assert "of 4 steps, 0 of 4 tool calls" in done.stdout
    assert "nothing was recorded" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["settings.yaml"]


def test_a_step_that_does_not_decide_says_so_by_its_code(run: Run, settings: str) -> None:
    """And what a hostile model wrote cannot steer the terminal."""
    done = run("decide", "try", "select_plan_rogue", "--settings", settings, "--context", CONTEXT)
    machine = run("decide", "try", "select_plan_rogue", "--settings", settings, "--context", CONTEXT, "--json")

    assert (done.exit_code, machine.exit_code) == (1, 1)
    assert "STOPPED, INVALID_OPTION: no option" in done.stdout
    assert "\x1b[2J" not in done.stdout
    concluded = json.loads(machine.stdout)["concluded"]
    assert (concluded["stop"], concluded["usage"]["calls"][0]["outcome"], concluded["usage"]["calls"][0]["option"]) == ("INVALID_OPTION", "DECIDED", "")
    assert len(bytes.fromhex(concluded["transcript_sha256"])) == 32
    assert [part["label"] for part in json.loads(machine.stdout)["transcript"]] == ["asked", "answered", "ended"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere", "--context", CONTEXT), "no agentic step nowhere"),
        (("read_account", "--context", CONTEXT), "no agentic step read_account"),
        (("select_plan", "--context", CONTEXT, "--workflow", "other"), "no agentic step select_plan in other"),
        (("select_plan", "--context", '{"team_size": "many"}'), "MALFORMED: context"),
        (("select_plan", "--context", "no/such/file.json"), "cannot be read"),
        (("select_plan", "--context", CONTEXT, "--options", "platinum"), 'UNDECLARED: option "platinum"'),
        (("select_plan", "--context", CONTEXT, "--model", "other"), 'no model "other"'),
        (("select_plan", "--context", CONTEXT, "--earlier", "triage"), "no earlier decision: triage"),
    ],
)
def test_what_cannot_be_tried_says_why(run: Run, settings: str, words: tuple[str, ...], told: str) -> None:
    """With what to write, and code 2."""
    done = run("decide", "try", *words, "--settings", settings)

    assert done.exit_code == 2
    assert told in done.stderr


def test_a_labelled_set_through_two_models(run: Run, settings: str, tmp_path: Path) -> None:
    """Shares with their intervals, costs, stops, the comparison; progress on standard error; the code says whether it was enough."""
    cases = tmp_path / "cases.jsonl"
    case = {"context": json.loads(CONTEXT), "options": ["team_pro", "enterprise"]}
    cases.write_text("\n".join(json.dumps(case | {"expected": expected}) for expected in ["team_pro", ["enterprise", "team_pro"], "enterprise", None]))
    words = ("decide", "eval", str(cases), "--step", "select_plan", "--settings", settings, "--model", "local", "--model", "rogue")

    done, strict = run(*words, "--min-accuracy", "0"), run(*words, "--min-accuracy", "0.6", "--json")

    assert done.exit_code == 0, done.output
    assert "50.0% (2/4; 15%–85%)" in done.stdout
    assert "rogue: INVALID_OPTION 4" in done.stdout
    assert "rogue was right in 0 cases where local was not, wrong in 2 where it was right" in done.stdout
    assert "local: 4 of 4" in done.stderr
    assert strict.exit_code == 1
    first = json.loads(strict.stdout)["variants"][0]
    assert (first["accuracy"]["hits"], first["accuracy"]["of"], len(first["played"])) == (2, 4, 4)


def test_two_goals_are_compared_too(run: Run, settings: str, tmp_path: Path) -> None:
    """The step's own first; a goal is text or its file."""
    cases = tmp_path / "cases.jsonl"
    cases.write_text(json.dumps({"context": json.loads(CONTEXT), "expected": "team_pro"}))
    (tmp_path / "goal.txt").write_text("Pick any plan.")

    done = run("decide", "eval", str(cases), "--step", "select_plan", "--settings", settings, "--goal", str(tmp_path / "goal.txt"), "--json")

    assert [one["variant"]["goal"] for one in json.loads(done.stdout)["variants"]] == ["", "Pick any plan."]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "holds 0 cases"),
        ("no json", "cases.jsonl:1: no JSON"),
        ('{"context": {}, "expected": "a"}\n[]', "cases.jsonl:2: a case has context and expected"),
        ('{"context": {}}', "cases.jsonl:1: a case has"),
        ('{"context": {}, "expected": 7}', "expected is one of them"),
        ('{"context": {}, "expected": "a", "options": ["b"]}', "expected is one of them"),
        ('{"context": {"team_size": "many"}, "expected": "team_pro"}', "MALFORMED: case 1: context"),
    ],
)
def test_a_case_that_is_none_is_told_with_its_line(run: Run, settings: str, tmp_path: Path, content: str, told: str) -> None:
    """Nothing is counted over half a file."""
    cases = tmp_path / "cases.jsonl"
    cases.write_text(content)

    done = run("decide", "eval", str(cases), "--step", "select_plan", "--settings", settings)

    assert done.exit_code == 2
    assert told in done.stderr


def test_a_model_is_checked(run: Run, settings: str) -> None:
    """A table with a verdict; 1 where something that matters cannot be relied on."""
    done, machine = run("model", "check", "rogue", "--settings", settings), run("model", "check", "rogue", "--settings", settings, "--json")

    assert (done.exit_code, machine.exit_code) == (1, 1)
    assert "rogue: not reliable in answers" in done.stdout
    found = json.loads(machine.stdout)
    assert (found["reliable"], [one["name"] for one in found["probes"]]) == (False, ["answers"])


def test_a_model_that_is_not_there(run: Run, settings: str) -> None:
    """The names that are."""
    done = run("model", "check", "locla", "--settings", settings)

    assert done.exit_code == 2
    assert 'no model "locla" in the settings' in done.stderr
    assert 'Did you mean "local"?' in done.stderr
