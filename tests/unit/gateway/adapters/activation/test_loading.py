"""The folder as one revision: what is built of it, and what its digests cover."""

from pathlib import Path

import pytest

from gateway.adapters.activation import ActivationRefused, load_activation, standing_of
from gateway.domain.boundary import Action, CostRule, Mode, Rationale, Risk, RunTerms, SchemaViolation, Slot, StepLimits
from gateway.domain.budget import BudgetLimit, Ledger, Window
from tests.unit.gateway.adapters.activation.conftest import BOUNDARY, Load

ROOT = Path(__file__).resolve().parents[5]


def test_a_workflow_is_built_as_written(loaded: Load) -> None:
    """Durations in milliseconds, money in micros, run budgets without windows."""
    workflow = loaded().boundary.workflows["activate"]

    assert workflow.run == RunTerms(
        steps_max=12,
        wall_ms_max=600_000,
        stops_run=frozenset({"TIMEOUT"}),
        budgets=(
            BudgetLimit(ledger=Ledger.SPEND, currency="USD", window=Window.TOTAL, limit=50_000),
            BudgetLimit(ledger=Ledger.WRITES, currency="", window=Window.TOTAL, limit=3),
        ),
    )
    assert workflow.budgets == (BudgetLimit(ledger=Ledger.WRITES, currency="", window=Window.MINUTE, limit=600),)
    assert workflow.deciders("activate_plan") == {"select"}


def test_an_agentic_step_is_built_as_written(loaded: Load) -> None:
    """Options in their order; models are those of the settings unless named."""
    step = loaded().boundary.workflows["activate"].steps["select"]

    assert list(step.options) == ["basic", "pro"]
    assert step.models == ("local", "large")
    assert step.limits == StepLimits(steps_max=4, tool_calls_max=4, tokens_max=4_000, spend_micros_max=2_000, spend_currency="USD", wall_ms_max=20_000)
    assert (step.mode, step.rationale, step.fallback, step.decision_ttl_ms) == (Mode.AGENTIC, Rationale.AFTER, "", 900_000)


def test_ballots_earlier_decisions_and_transcripts_are_built_as_written(loaded: Load) -> None:
    """One ballot and a digest unless written; of several, more than half have to agree unless written."""
    plain = loaded().boundary.workflows["activate"].steps["select"]
    limits = "{steps_max: 1, tool_calls_max: 0, tokens_max: 9, spend_micros_max: 0, wall_max: 1s}"
    second = f"      triage: {{mode: agentic, goal: g, options: {{a: x}}, limits: {limits}}}\n"
    written = "goal: Pick one.\n        votes: 4\n        earlier: [triage]\n        transcript: text\n        redact: [/name]"
    asked = loaded(("goal: Pick one.", written), ("      select:\n", second + "      select:\n")).boundary.workflows["activate"].steps["select"]
    strict = loaded(("votes: 4", "votes: 4\n        agreement_min: 4")).boundary.workflows["activate"].steps["select"]

    assert (plain.votes, plain.agreement_min, plain.earlier, plain.transcript_kept, plain.redact) == (1, 1, (), False, ())
    assert (asked.votes, asked.agreement_min, asked.earlier, asked.transcript_kept, asked.redact) == (4, 3, ("triage",), True, ("/name",))
    assert strict.agreement_min == 4


def test_a_deterministic_step_has_nothing_of_an_agent(loaded: Load) -> None:
    """No models, no limits, no options."""
    step = loaded().boundary.workflows["activate"].steps["write"]

    assert (step.models, step.limits, dict(step.options)) == ((), None, {})
    assert step.commits == {"activate_plan"}


def test_an_action_is_built_as_written(loaded: Load) -> None:
    """Both spellings of a slot; the value by pointer, and one write."""
    action = loaded().boundary.actions["activate_plan"]

    assert action == Action(
        name="activate_plan",
        target="billing",
        method="POST",
        path="/accounts/{account}/units/{unit}",
        slots={"account": Slot(pointer="/account", type="string"), "unit": Slot(pointer="/unit/number", type="integer")},
        risk=Risk.MEDIUM,
        bind=("/plan",),
        costs=(
            CostRule(ledger=Ledger.VALUE, currency="USD", pointer="/amount", amount=0),
            CostRule(ledger=Ledger.WRITES, currency="", pointer="", amount=1),
        ),
        payload_schema=action.payload_schema,
    )


def test_each_write_counts_even_where_no_cost_is_written(loaded: Load) -> None:
    """A limit of writes cannot be walked around by leaving the cost out."""
    action = loaded(("    cost: {value: {currency: USD, pointer: /amount}, writes: 1}\n", "")).boundary.actions["activate_plan"]

    assert action.costs == (CostRule(ledger=Ledger.WRITES, currency="", pointer="", amount=1),)


def test_the_standing_is_what_lies_above_a_run(loaded: Load) -> None:
    """Tenants and workflows, by name."""
    standing = standing_of(loaded().boundary)

    assert standing.tenants["other"] == (BudgetLimit(ledger=Ledger.VALUE, currency="USD", window=Window.TOTAL, limit=1),)
    assert [limit.limit for limit in standing.workflows["activate"]] == [600]


def test_a_payload_is_judged_without_being_quoted(loaded: Load) -> None:
    """The first place, and what was expected there; never the value, and nothing a terminal would obey."""
    schema = loaded().boundary.actions["activate_plan"].payload_schema
    assert schema is not None
    good = {"account": "a", "amount": 1, "plan": "pro", "unit": {"number": 1}}

    assert schema(good) is None
    assert schema({**good, "amount": "hunter2"}) == SchemaViolation("/amount", 'the value is not of type "integer"')
    assert schema({**good, "unit": {}}) == SchemaViolation("/unit", '"number" is a required property')
    odd = schema({**good, "x\x1b[31m" + "y" * 500: 1})
    assert odd is not None
    assert "\x1b" not in odd.message
    assert len(odd.message) <= 201


def test_the_revision_is_the_authors_or_the_digests(loaded: Load) -> None:
    """Both name exactly this content."""
    unnamed = loaded()
    named = loaded(("version: 1", "version: 1\nrevision: 2026-11-01.1"))

    assert unnamed.revision == f"dir-{unnamed.digest.hex()[:12]}"
    assert named.revision == "2026-11-01.1"
    assert unnamed.number == 0
    assert unnamed.policy_codes == {"NO"}
    assert unnamed.boundary_yaml == BOUNDARY.encode()


@pytest.mark.parametrize(
    "change",
    [("version: 1", "version: 1 # again"), ('"note": {"type": "string"}', '"note": {"type": "integer"}'), ("package countersign", "package  countersign")],
)
def test_the_digest_covers_every_file(loaded: Load, change: tuple[str, str]) -> None:
    """Boundary, schemas and policies; a comment too."""
    assert loaded().digest != loaded(change).digest


def test_the_digest_covers_policies_from_elsewhere(folder: Path) -> None:
    """The layers beneath are part of what is enforced."""
    plain, layered = (
        load_activation(folder, targets=None, tools=None, models=None, policy_codes=frozenset(), policies_digest=digest) for digest in (b"", b"x")
    )

    assert plain.digest != layered.digest


def test_hidden_files_and_others_do_not_count(loaded: Load, folder: Path) -> None:
    """An editor's leftovers change nothing."""
    before = loaded().digest
    (folder / ".boundary.yaml.swp").write_text("x")
    (folder / "schemas" / ".hidden.json").write_text("x")
    (folder / "README.md").write_text("x")

    assert loaded().digest == before


def test_a_mounted_folder_of_links_is_read(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Configuration that a platform mounts is links into a hidden folder beside them."""
    mount = tmp_path_factory.mktemp("mount")
    (mount / "..2026").symlink_to(folder)
    content = mount / "..data"
    content.mkdir()
    for path in folder.rglob("*"):
        if path.is_file():
            (content / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            (content / path.relative_to(folder)).write_bytes(path.read_bytes())
    for name in ("boundary.yaml", "schemas", "policies"):
        (mount / name).symlink_to(content / name)

    here, there = (load_activation(root, targets=None, tools=None, models=None, policy_codes=frozenset()) for root in (folder, mount))

    assert here.digest == there.digest


def step_digest(loaded: Load, step: str, *changes: tuple[str, str]) -> bytes:
    return loaded(*changes).boundary.workflows["activate"].steps[step].digest


@pytest.mark.parametrize(
    "change",
    [
        ("version: 1", "version: 1\n# a comment\nrevision: other"),
        ("wall_max: 20s", "wall_max: 20_000ms"),
        ("limit: 600", "limit: 601"),
        ("read: {mode: deterministic}", "read_it: {mode: deterministic}"),
        ('"amount": {"$ref"', '"amount":    {"$ref"'),
    ],
)
def test_a_decision_outlives_what_does_not_concern_it(loaded: Load, change: tuple[str, str]) -> None:
    """Comments, layout, spelling, budgets, other steps."""
    before = step_digest(loaded, "select")

    assert step_digest(loaded, "select", change) == before


@pytest.mark.parametrize(
    "change",
    [
        ("goal: Pick one.", "goal: Pick two."),
        ("{basic: up to 5, pro: up to 25}", "{pro: up to 25, basic: up to 5}"),
        ("tokens_max: 4000", "tokens_max: 4001"),
        ("bind: {/plan: option}", "bind: {/plan: option, /account: option}"),
        ("method: POST", "method: PUT"),
        ('"enum": ["basic", "pro"]', '"enum": ["basic", "pro", "max"]'),
        ('{"type": "object"}', '{"type": "object", "title": "x"}'),
    ],
)
def test_a_decision_does_not_outlive_its_step_and_actions(loaded: Load, change: tuple[str, str]) -> None:
    """The question, the options and their order, the limits, the action, the schemas."""
    before = step_digest(loaded, "select")

    assert step_digest(loaded, "select", change) != before


def test_names_are_not_checked_where_no_settings_are_known(loaded: Load, folder: Path) -> None:
    """An author without settings can still check everything else."""
    loaded(("target: billing", "target: billing"))
    (folder / "boundary.yaml").write_text(BOUNDARY.replace("target: billing", "target: anything").replace("[plans]", "[anything]"))

    activation = load_activation(folder, targets=None, tools=None, models=None, policy_codes=frozenset())

    assert activation.boundary.actions["activate_plan"].target == "anything"
    assert activation.boundary.workflows["activate"].steps["select"].models == ()


def test_the_example_loads() -> None:
    """What is shown to newcomers is right."""
    folder = ROOT / "examples" / "subscription" / "activation"

    activation = load_activation(folder, targets=None, tools=None, models=None, policy_codes=frozenset())

    assert activation.boundary.workflows["activate_subscription"].deciders("activate_plan") == {"select_plan"}


def test_a_folder_that_is_not_there_or_empty(tmp_path: Path) -> None:
    """Said with what to write; a near miss is named."""
    (tmp_path / "boundry.yaml").write_text(BOUNDARY)

    with pytest.raises(ActivationRefused, match=r'Did you mean "boundry\.yaml"'):
        load_activation(tmp_path, targets=None, tools=None, models=None, policy_codes=frozenset())
    with pytest.raises(ActivationRefused, match="there is no such folder"):
        load_activation(tmp_path / "gone", targets=None, tools=None, models=None, policy_codes=frozenset())


def test_a_link_out_of_the_folder_is_refused(loaded: Load, folder: Path) -> None:
    """What is enforced is in the folder, not somewhere behind it."""
    (folder / "schemas" / "passwd.json").symlink_to("/etc/passwd")

    with pytest.raises(ActivationRefused, match="a symbolic link that leaves the folder"):
        loaded()
