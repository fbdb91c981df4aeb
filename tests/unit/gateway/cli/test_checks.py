"""What authors and platform teams check before a gateway takes it: boundary, policies, settings, the engine."""

import json
import shutil
from pathlib import Path

import pytest

from tests.unit.gateway.cli.conftest import ROOT, Run

EXAMPLE = ROOT / "examples" / "subscription"


@pytest.fixture
def activation(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLE / "activation", tmp_path / "activation")
    return tmp_path / "activation"


def test_a_boundary_that_holds_together(run: Run) -> None:
    """Said in numbers; and what could not be looked at is said too."""
    done = run("boundary", "check", str(EXAMPLE / "activation"))

    assert done.exit_code == 0
    assert "holds together: 1 workflow, 4 steps (2 agentic), 1 action; revision dir-" in done.stdout
    assert "give --settings for that" in done.stdout


def test_a_boundary_with_a_typo(run: Run, activation: Path) -> None:
    """The place and what to write go to standard error, the code is 1; as JSON the same on standard output."""
    boundary = activation / "boundary.yaml"
    boundary.write_text(boundary.read_text().replace("commits: [activate_plan]", "commits: [activate_pln]"))

    done, machine = run("boundary", "check", str(activation)), run("boundary", "check", str(activation), "--json")

    assert done.exit_code == machine.exit_code == 1
    assert 'the action "activate_pln" is not declared. Declare it under actions in this file. Did you mean "activate_plan"?' in done.stderr
    findings = json.loads(machine.stdout)["findings"]
    assert [finding["file"] for finding in findings] == [str(boundary)] * len(findings)
    assert all(finding["line"] > 1 and finding["write"] for finding in findings)


def test_a_boundary_against_settings(run: Run, activation: Path, tmp_path: Path) -> None:
    """Names of the settings, tenants of the listeners, and the policies."""
    settings = tmp_path / "settings.yaml"
    text = (EXAMPLE / "settings.yaml").read_text().replace("../../.tools", str(ROOT / ".tools"))
    settings.write_text(text.replace("  billing:\n", "  invoicing:\n").replace("tenant: tiny", "tenant: small"))

    done = run("boundary", "check", str(activation), "--settings", str(settings))

    assert done.exit_code == 1
    assert 'the target "billing" is not declared' in done.stderr
    assert 'a listener serves the tenant "small", which is not declared' in done.stderr


def test_settings_that_are_not_taken_are_wrong_input(run: Run, tmp_path: Path) -> None:
    """Not a finding about the boundary."""
    (tmp_path / "settings.yaml").write_text("listners: []\n")

    done = run("boundary", "check", str(EXAMPLE / "activation"), "--settings", str(tmp_path / "settings.yaml"))

    assert done.exit_code == 2
    assert 'Did you mean "listeners"?' in done.stderr


def test_policies_that_are_fit(run: Run) -> None:
    """The shipped bundle beneath the example's tenants."""
    done = run("policy", "check", str(EXAMPLE / "activation"), "--json")

    report = json.loads(done.stdout)
    assert (done.exit_code, report["findings"]) == (0, [])
    assert report["coverage_percent"] >= 95
    assert "AMOUNT_OVER_LIMIT" in report["codes"]


def test_policies_that_are_not(run: Run, tmp_path: Path) -> None:
    """The file and the line, and code 1."""
    broken = tmp_path / "countersign" / "commit"
    broken.mkdir(parents=True)
    (broken / "verdict.rego").write_text("package countersign.commit\n\nverdict := {\n")

    done = run("policy", "check", str(tmp_path))

    assert done.exit_code == 1
    assert "verdict.rego:" in done.stderr


@pytest.mark.parametrize("words", [("policy", "check"), ("boundary", "check")])
def test_a_folder_that_is_not_there(run: Run, words: tuple[str, str]) -> None:
    """Said plainly."""
    done = run(*words, "/no/such/folder")

    assert done.exit_code in {1, 2}
    assert "no such folder" in done.stderr or "there is no folder" in done.stderr


def test_settings_are_checked_without_serving(run: Run, tmp_path: Path) -> None:
    """Everything a start would look at, and nothing opened."""
    settings = tmp_path / "settings.yaml"
    text = (EXAMPLE / "settings.yaml").read_text().replace("../../.tools", str(ROOT / ".tools")).replace("../../var", str(tmp_path / "var"))
    settings.write_text(text.replace("path: activation", f"path: {EXAMPLE / 'activation'}"))

    done = run("serve", "--settings", str(settings), "--check")

    assert done.exit_code == 0
    assert "would serve dir-" in done.stdout
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("check", [(), ("--check",)])
def test_a_refusal_to_start_is_a_sentence(run: Run, tmp_path: Path, check: tuple[str, ...]) -> None:
    """Settings with a typo, and an OPA that is none: what is wrong, what to do, code 2, no traceback."""
    (tmp_path / "typo.yaml").write_text("listners: []\n")
    (tmp_path / "opa").write_text("#!/bin/sh\nexit 1\n")
    text = (
        (EXAMPLE / "settings.yaml").read_text().replace("folder: ../../.tools/bin", f"binary: {tmp_path / 'opa'}").replace("../../var", str(tmp_path / "var"))
    )
    (tmp_path / "no-opa.yaml").write_text(text.replace("path: activation", f"path: {EXAMPLE / 'activation'}"))

    typo, no_opa = (run("serve", "--settings", str(tmp_path / name), *check) for name in ("typo.yaml", "no-opa.yaml"))

    assert typo.exit_code == no_opa.exit_code == 2
    assert "Refused to start: the settings are not taken." in typo.stderr
    assert 'unknown key "listners". Did you mean "listeners"?' in typo.stderr
    assert "Refused to start: no OPA to run" in no_opa.stderr
    assert "Traceback" not in typo.stderr + no_opa.stderr


def test_an_engine_at_hand_is_found(run: Run) -> None:
    """Nothing is fetched when there is one; with --quiet nothing is said either."""
    found = run("opa", "install", "--folder", str(ROOT / ".tools" / "bin"), "--json", environment={"PATH": ""})
    quiet = run("opa", "install", "--folder", str(ROOT / ".tools" / "bin"), "--quiet", environment={"PATH": ""})

    assert json.loads(found.stdout)["binary"] == str(ROOT / ".tools" / "bin" / "opa")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")


def test_an_engine_that_cannot_be_had_says_each_way_tried(run: Run, tmp_path: Path) -> None:
    """No OPA, no pinned release, no Go: each with its reason."""
    done = run("opa", "install", "--folder", str(tmp_path), environment={"PATH": ""})

    assert done.exit_code == 1
    assert "no go on PATH" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_opa_that_breaks_off_is_a_sentence_too(run: Run, tmp_path: Path) -> None:
    """The gateway does not start, and says how the check of its policies ended; no traceback."""
    opa = tmp_path / "opa"
    opa.write_text('#!/bin/sh\n[ "$1" = version ] && echo "Version: 1.21.3" || kill -KILL $$\n')
    opa.chmod(0o700)
    text = (EXAMPLE / "settings.yaml").read_text().replace("folder: ../../.tools/bin", f"binary: {opa}").replace("../../var", str(tmp_path / "var"))
    (tmp_path / "settings.yaml").write_text(text.replace("path: activation", f"path: {EXAMPLE / 'activation'}"))

    done = run("serve", "--settings", str(tmp_path / "settings.yaml"), "--check")

    assert done.exit_code == 2
    assert "could not be checked: opa capabilities --current did not answer, twice: it was ended by SIGKILL." in " ".join(done.stderr.split())


def test_a_name_in_policy_data_that_the_boundary_does_not_know_is_refused(run: Run, tmp_path: Path) -> None:
    """A calendar of a misspelt action would leave the action that was meant without one, and nobody would notice."""
    folder = Path(shutil.copytree(EXAMPLE / "activation", tmp_path / "activation"))
    data = folder / "policies" / "countersign" / "tenants" / "acme" / "data.yaml"
    calendar = 'calendar:\n  activate_plann:\n    timezone: UTC\n    weekdays: [monday]\n    windows: [{from: "08:00", to: "18:00"}]\n'
    data.write_text(data.read_text() + calendar)
    line = data.read_text().splitlines().index("  activate_plann:") + 1

    done = run("boundary", "check", str(folder), "--settings", str(EXAMPLE / "settings.yaml"))

    assert done.exit_code == 1
    said = " ".join(done.stderr.split())
    assert f'{data}:{line}:1: /calendar/activate_plann: the action "activate_plann" is not in boundary.yaml' in said
    assert 'Did you mean "activate_plan"?' in said
