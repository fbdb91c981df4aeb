"""What the check makes of the default bundle as a whole: its tests, its coverage, and the data laid over it."""

import re
from pathlib import Path

import pytest

from gateway.adapters.opa.check import check, prepare
from gateway.adapters.opa.findings import PoliciesRefused
from tests.unit.gateway.adapters.opa.default_bundle import DEFAULT, TENANT, VERDICT, add, refused
from tests.unit.gateway.adapters.opa.opa_binary import opa_binary


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


def test_the_tenant_in_the_readme_is_in_order(tmp_path: Path) -> None:
    """What a security team copies first, its commented calendar included."""
    sample = re.search(r"```yaml\n(# policies/countersign/tenants.*?)```", (DEFAULT / "README.md").read_text(), re.DOTALL)
    assert sample is not None
    data = re.sub(r"^# (?=calendar:|  )", "", sample.group(1), flags=re.MULTILINE)
    add(tmp_path, "countersign/tenants/acme/data.yaml", data)

    report = check([DEFAULT, tmp_path], opa=opa_binary())

    assert "timezone: Europe/Berlin" in data
    assert report.findings == ()


def test_data_that_does_not_parse_is_refused(folder: Path) -> None:
    """Before any engine sees it."""
    add(folder, "countersign/tenants/acme/data.yaml", "risk_max: [\n")

    finding = refused(folder)

    assert finding.rule == "policy/compile"
    assert "data.yaml" in finding.message


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
