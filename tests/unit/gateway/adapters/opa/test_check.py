"""What the check refuses, tried on the default bundle with one thing broken at a time, by the real OPA."""

import shutil
from pathlib import Path

import pytest

from gateway.adapters.opa.check import check, prepare
from gateway.adapters.opa.findings import Finding, PoliciesRefused
from tests.unit.gateway.adapters.opa.opa_binary import opa_binary

DEFAULT = Path("policies")
VERDICT = "countersign/commit/verdict.rego"
RISK = "countersign/commit/risk/risk.rego"
TENANT = """risk_max: medium
workflows:
  activate_subscription:
    callers: [workflow-engine]
    steps: [select_plan]
    actions: [activate_plan]
models: [local]
amount_limits_micros:
  USD: {team_pro: 1000000000, "*": 0}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the default bundle, to break."""
    return Path(shutil.copytree(DEFAULT, tmp_path / "policies"))


def edit(folder: Path, name: str, old: str, new: str) -> Path:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    return folder / name


def add(folder: Path, name: str, text: str) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def only(findings: tuple[Finding, ...]) -> Finding:
    assert len(findings) == 1, "\n".join(map(str, findings))
    return findings[0]


def refused(folder: Path) -> Finding:
    with pytest.raises(PoliciesRefused) as caught:
        prepare([folder], opa=opa_binary())
    return only(caught.value.findings)


def test_the_default_bundle_is_in_order() -> None:
    """No finding, every line of its rules tested, its codes documented."""
    report = check([DEFAULT], opa=opa_binary())

    assert report.findings == ()
    assert report.tests > 40
    assert report.coverage_percent >= 95
    assert {"AMOUNT_OVER_LIMIT", "CALLER_NOT_ALLOWED", "CLOSED_DAY", "MODEL_NOT_ALLOWED", "NOT_ALLOWED", "RISK_TOO_HIGH"} <= set(report.codes)


def test_the_default_bundle_with_a_tenants_data_is_prepared(tmp_path: Path) -> None:
    """Two layers, one snapshot: rules and data, neither tests nor schemas nor prose."""
    add(tmp_path, "countersign/tenants/acme/data.yaml", TENANT)

    prepared = prepare([DEFAULT, tmp_path], opa=opa_binary())

    names = [name for name, _ in prepared.files]
    assert "countersign/tenants/acme/data.yaml" in names
    assert VERDICT in names
    assert not any(name.endswith(("_test.rego", ".md")) or name.startswith("schemas/") for name in names)
    assert len(prepared.digest) == 32
    assert prepared.revision == prepared.digest.hex()
    assert "AMOUNT_OVER_LIMIT" in prepared.codes


def test_a_misspelt_field_of_the_input_does_not_compile(folder: Path) -> None:
    """The schema knows the fields, and says which there are."""
    broken = edit(folder, RISK, "ranks[input.risk]", "ranks[input.rsik]")

    finding = refused(folder)

    assert (finding.rule, finding.file, finding.message) == ("policy/compile", str(broken), "undefined ref: input.rsik")
    assert finding.line == broken.read_text().splitlines().index("passes if ranks[input.rsik] <= ranks[risk_max]") + 1
    assert "risk" in finding.remedy


def test_a_misspelt_field_inside_a_list_does_not_compile(folder: Path) -> None:
    """Costs have an amount, no amonut."""
    edit(folder, "countersign/commit/amount/amount.rego", "cost.amount >= 0", "input.costs[_].amonut >= 0")

    finding = refused(folder)

    assert finding.message == "undefined ref: input.costs[_].amonut"


def test_payload_and_context_are_open(folder: Path) -> None:
    """What the caller wrote has no schema here."""
    edit(folder, RISK, "default passes := false", "default passes := false\n\nplan := input.payload.plan.name")
    edit(folder, "countersign/decide/model/model.rego", "default passes := false", "default passes := false\n\nseats := input.context.team.seats")

    assert prepare([folder], opa=opa_binary()).codes


@pytest.mark.parametrize(
    "call",
    [
        'http.send({"url": "http://127.0.0.1", "method": "GET"}).status_code == 200',
        "opa.runtime().env.HOME",
        'net.lookup_ip_addr("localhost")',
        'rand.intn("x", 10) > 5',
        "time.now_ns() > 0",
        'uuid.rfc4122("x")',
        'trace("x")',
        'io.jwt.decode_verify("x", {})',
    ],
)
def test_a_verdict_may_not_depend_on_the_world(folder: Path, call: str) -> None:
    """The network, the machine, the clock and chance are no builtins here."""
    edit(folder, RISK, "default passes := false", f"default passes := false\n\nworldly if {call}")

    finding = refused(folder)

    assert finding.rule == "policy/compile"
    assert finding.message.startswith("undefined function ")
    assert "`input`" in finding.remedy


def test_a_rule_prints_nothing(folder: Path) -> None:
    """What it would print is the caller's data; a test may print what it likes."""
    edit(folder, RISK, "default passes := false", 'default passes := false\n\nloud if print("x", input)')
    edit(folder, "countersign/commit/risk/risk_test.rego", "test_more_risk_does_not_pass if {", 'test_more_risk_does_not_pass if {\n\tprint("here")')

    finding = refused(folder)

    assert (finding.rule, finding.message) == ("policy/print", "a rule prints")


@pytest.mark.parametrize("package", ["system.authz", "system.log", "countersign_gateway", "elsewhere"])
def test_a_package_outside_the_root_is_refused(folder: Path, package: str) -> None:
    """The engine's own packages above all: a bundle with system.authz would take over the server."""
    broken = add(folder, "countersign/takeover.rego", f"package {package}\n\ndefault allow := true\n")

    finding = refused(folder)

    assert (finding.rule, finding.file) == ("policy/roots", str(broken))
    assert f"package {package}" in finding.message


def test_a_rule_that_asks_the_wrapper_is_refused(folder: Path) -> None:
    """The wrapper asks the rules, never the other way round."""
    edit(folder, RISK, "default passes := false", "default passes := false\n\npasses if data.countersign_gateway.commit")

    with pytest.raises(PoliciesRefused) as caught:
        prepare([folder], opa=opa_binary())

    assert any("recursive" in finding.message for finding in caught.value.findings)


def test_rego_that_does_not_parse_names_the_line(folder: Path) -> None:
    """The author's own file and line."""
    broken = add(folder, "countersign/lib.rego", "package countersign.lib\n\nfoo if {\n")

    finding = refused(folder)

    assert (finding.rule, finding.file, finding.line) == ("policy/compile", str(broken), 4)


def test_data_that_does_not_parse_is_refused(folder: Path) -> None:
    """Before any engine sees it."""
    add(folder, "countersign/tenants/acme/data.yaml", "risk_max: [\n")

    finding = refused(folder)

    assert finding.rule == "policy/compile"
    assert "data.yaml" in finding.message


def test_a_missing_entrypoint_is_refused(folder: Path) -> None:
    """A bundle that cannot answer denies everything, and nobody would know why."""
    shutil.rmtree(folder / "countersign" / "decide")

    finding = refused(folder)

    assert (finding.rule, finding.message) == ("policy/verdict", "data.countersign.decide.verdict is undefined for an empty question")
    assert "default verdict" in finding.remedy


@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        ('{"alow": false, "reasons": [{"code": "NOT_ALLOWED"}]}', "is malformed at its top: the key 'alow'"),
        ("false", "is malformed at its top: the boolean false"),
        ('{"allow": false, "reasons": []}', "is malformed at reasons: no reason beside allow: false"),
        ('{"allow": true, "reasons": []}', "allows an empty question"),
    ],
)
def test_the_default_verdict_is_a_whole_denial(folder: Path, verdict: str, message: str) -> None:
    """Tried with an empty question, which nobody may be allowed."""
    add(
        folder, VERDICT, f"# METADATA\n# scope: subpackages\n# schemas:\n#   - input: schema.commit_input\npackage countersign.commit\n\nverdict := {verdict}\n"
    )
    for test in folder.rglob("*_test.rego"):
        test.unlink()
    edit(folder, RISK, "RISK_TOO_HIGH: ", "NOT_ALLOWED: x\n#     RISK_TOO_HIGH: ")

    finding = refused(folder)

    assert finding.rule == "policy/verdict"
    assert finding.message == f"data.countersign.commit.verdict {message}"


def test_a_code_nobody_declared_is_a_finding(folder: Path) -> None:
    """It would come back as a malformed verdict, at the worst moment."""
    edit(folder, RISK, '{"code": "RISK_TOO_HIGH"}', '{"code": "RISK_TO_HIGH"}')
    line = (folder / RISK).read_text().splitlines().index('reasons contains {"code": "RISK_TO_HIGH"} if not risk_max') + 1

    with pytest.raises(PoliciesRefused) as caught:
        prepare([folder], opa=opa_binary())

    finding = next(finding for finding in caught.value.findings if finding.rule == "policy/codes")
    assert (finding.file, finding.line, finding.message) == (str(folder / RISK), line, "the code RISK_TO_HIGH is not declared")


@pytest.mark.parametrize("declared", ["risk_too_high: x", "RISK_TOO_HIGH:", "RISK_TOO_HIGH: [x]"])
def test_a_code_is_declared_in_upper_case_with_a_sentence(folder: Path, declared: str) -> None:
    """A person will read it."""
    edit(folder, RISK, "RISK_TOO_HIGH: The action's risk is above what the tenant's data takes.", declared)

    with pytest.raises(PoliciesRefused) as caught:
        prepare([folder], opa=opa_binary())

    assert caught.value.findings[0].message == "codes are not upper snake case with a sentence"


def test_input_without_a_schema_is_a_finding(folder: Path) -> None:
    """Outside the two typed trees a misspelt field would compile."""
    broken = add(folder, "countersign/lib/lib.rego", "package countersign.lib\n\nsmall if input.amonut < 5\n")

    finding = refused(folder)

    assert (finding.rule, finding.file, finding.line) == ("policy/schema", str(broken), 3)


def test_dropping_the_schema_annotation_is_a_finding(folder: Path) -> None:
    """The whole tree would lose its types."""
    edit(folder, VERDICT, "# schemas:\n#   - input: schema.commit_input\n", "")

    with pytest.raises(PoliciesRefused) as caught:
        prepare([folder], opa=opa_binary())

    assert {finding.rule for finding in caught.value.findings} == {"policy/schema"}


def test_a_stale_copy_of_an_input_schema_is_a_finding(folder: Path) -> None:
    """Authors and gateway agree on the input, or nothing is served."""
    stale = edit(folder, "schemas/commit_input.json", '"tenant"', '"tennant"')

    finding = refused(folder)

    assert (finding.rule, finding.file) == ("policy/schema", str(stale))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("risk_max: medium", "risk_max: some", 1, "/risk_max"),
        ("risk_max: medium", "risk_maxx: medium", 1, "risk_maxx"),
        ("team_pro: 1000000000", "team_pro: 1.5", 9, "/amount_limits_micros/USD/team_pro"),
        ("callers: [workflow-engine]", "callers: workflow-engine", 4, "/workflows/activate_subscription/callers"),
        (
            "models: [local]",
            "models: [local]\ncalendar: {activate_plan: {timezone: UTC, weekdays: [someday], windows: [{from: '08:00', to: '20:00'}]}}",
            8,
            "someday",
        ),
        ("models: [local]", "models: [local]\ncalendar: {activate_plan: {timezone: UTC, weekdays: [monday], windows: [{from: '8', to: '20:00'}]}}", 8, "/from"),
        ("models: [local]", "calender: {}\nmodels: [local]", 1, "calender"),
    ],
)
def test_data_against_its_schema_names_the_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    """A security team edits data; a slip is told where it is."""
    assert old in TENANT
    data = add(tmp_path, "countersign/tenants/acme/data.yaml", TENANT.replace(old, new))

    report = check([DEFAULT, tmp_path], opa=opa_binary())

    assert {(finding.rule, finding.file) for finding in report.findings} == {("policy/data", str(data))}
    assert any(finding.line == line and message in finding.message for finding in report.findings), "\n".join(map(str, report.findings))


def test_a_failing_test_stops_the_bundle(folder: Path) -> None:
    """A test that is skipped counts as one."""
    added = add(folder, "countersign/more_test.rego", "package countersign.more_test\n\ntest_no if false\n\ntodo_test_later if true\n")

    with pytest.raises(PoliciesRefused) as caught:
        prepare([folder], opa=opa_binary())

    assert [(finding.file, finding.line, finding.message) for finding in caught.value.findings] == [
        (str(added), 3, "test_no fails"),
        (str(added), 5, "todo_test_later is skipped"),
    ]


def test_bare_lines_and_bad_format_are_findings_for_authors_only(folder: Path) -> None:
    """A gateway serves it; `policy check` sends it back."""
    (folder / "countersign/commit/calendar/calendar_test.rego").unlink()
    broken = add(folder, "countersign/commit/risk/odd.rego", "package countersign.commit.risk\n\n\n\nodd   :=   1\n")

    prepared = prepare([folder], opa=opa_binary())
    report = check([folder], opa=opa_binary())

    assert prepared.codes
    assert {finding.rule for finding in report.findings} == {"policy/coverage", "policy/format"}
    assert [finding.file for finding in report.findings if finding.rule == "policy/format"] == [str(broken)]
    assert report.coverage_percent < 95


def test_every_finding_says_what_to_do(folder: Path) -> None:
    """A sentence for the author, ending like one."""
    edit(folder, RISK, "ranks[input.risk]", "ranks[input.rsik]")

    finding = refused(folder)

    assert str(finding) == f"{finding.file}:{finding.line}: {finding.message} [policy/compile]. {finding.remedy}"
    assert finding.remedy.endswith(".")
