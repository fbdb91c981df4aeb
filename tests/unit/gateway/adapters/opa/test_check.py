"""What the check refuses of the rules, tried on the default bundle with one thing broken at a time, by the real OPA."""

import shutil
from pathlib import Path

import pytest

from gateway.adapters.opa.check import prepare
from gateway.adapters.opa.findings import PoliciesRefused
from tests.unit.gateway.adapters.opa.default_bundle import RISK, VERDICT, add, edit, refused
from tests.unit.gateway.adapters.opa.opa_binary import opa_binary


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


def test_every_finding_says_what_to_do(folder: Path) -> None:
    """A sentence for the author, ending like one."""
    edit(folder, RISK, "ranks[input.risk]", "ranks[input.rsik]")

    finding = refused(folder)

    assert str(finding) == f"{finding.file}:{finding.line}: {finding.message} [policy/compile]. {finding.remedy}"
    assert finding.remedy.endswith(".")
