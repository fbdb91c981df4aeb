"""Is this bundle fit to decide? Everything is tried on one snapshot, laid out beside our own bundle as it will be served.

1. `prepare` is what a gateway demands before it serves: one root, strict compilation against the generated schemas and the pruned
   capabilities, declared codes, a whole verdict that denies an empty question, data that fits its schema, every test green.
2. `check` is what an author is held to besides: formatting and coverage of the rules by their tests.
3. Findings name the author's own files. Nothing is handed on while there is one.
4. Both block for some tenths of a second on the `opa` command: call them from a thread where a loop is running.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.adapters.opa import data_check, rules_check, schemas
from gateway.adapters.opa.command import OpaCommand
from gateway.adapters.opa.findings import Finding, PoliciesRefused
from gateway.adapters.opa.own_bundle import lay_own
from gateway.adapters.opa.snapshot import ROOT, Snapshot, lay, take
from gateway.adapters.opa.workshop import AUTHORS, CAPABILITIES, OWN, SCHEMAS, Workshop
from gateway.declared.naming import Named

COVERAGE_PERCENT_MIN: Final = 95.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPolicies:
    """A checked snapshot. `files` are the bundle's rules and data by name; `codes` what a verdict may answer."""

    files: tuple[tuple[str, bytes], ...]
    digest: bytes  # SHA-256 over `files`
    codes: frozenset[str]
    named: tuple[Named, ...] = ()  # what the data takes from the boundary

    @property
    def revision(self) -> str:
        """The digest in hexadecimal, as the bundle's manifest carries it."""
        return self.digest.hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`coverage_percent` counts lines of rules, tests left out; `codes` maps each declared code to its sentence."""

    findings: tuple[Finding, ...]
    files: int
    tests: int
    coverage_percent: float
    codes: dict[str, str]
    digest: bytes


def prepare(layers: Sequence[Path], *, opa: Path) -> PreparedPolicies:
    """Read the folders (lowest layer first) and check them. Raises `PoliciesRefused`, or `OpaBroken`."""
    with tempfile.TemporaryDirectory(prefix="countersign-policies-") as folder:
        workshop, findings = _open(layers, opa=opa, folder=Path(folder))
        codes: dict[str, str] = {}
        named: list[Named] = []
        if not findings:
            codes, named = _enforceable(workshop, findings)
        if not findings:
            findings += rules_check.tests(workshop)[1]
    if findings:
        raise PoliciesRefused(findings)
    files = tuple((file.name, file.content) for file in workshop.snapshot.enforced)
    return PreparedPolicies(files=files, digest=workshop.snapshot.digest(), codes=frozenset(codes), named=tuple(named))


def check(layers: Sequence[Path], *, opa: Path) -> Report:
    """All findings about the folders (lowest layer first). Raises `OpaBroken` alone."""
    with tempfile.TemporaryDirectory(prefix="countersign-policies-") as folder:
        workshop, findings = _open(layers, opa=opa, folder=Path(folder))
        codes: dict[str, str] = {}
        tests, covered = 0, 0.0
        if not findings:
            codes, _ = _enforceable(workshop, findings)
            findings += rules_check.formatting(workshop)
            tests, failed = rules_check.tests(workshop)
            findings += failed
            if not failed:
                covered, bare = rules_check.coverage(workshop, percent_min=COVERAGE_PERCENT_MIN)
                findings += bare
    return Report(
        findings=tuple(findings),
        files=len(workshop.snapshot.enforced),
        tests=tests,
        coverage_percent=covered,
        codes=codes,
        digest=workshop.snapshot.digest(),
    )


def _open(layers: Sequence[Path], *, opa: Path, folder: Path) -> tuple[Workshop, list[Finding]]:
    """Lay everything out; with findings, it does not compile and nothing else can be said of it."""
    snapshot, findings = take(layers)
    workshop = Workshop(snapshot=snapshot, command=OpaCommand(opa), folder=folder)
    if findings:
        return workshop, findings
    lay([(file.name, file.content) for file in snapshot.files if not file.is_schema], folder / AUTHORS, roots=(ROOT,), revision="checked")
    lay_own(folder / OWN)
    (folder / CAPABILITIES).write_bytes(workshop.command.capabilities(cwd=folder))
    findings += _lay_schemas(snapshot, folder / SCHEMAS)
    findings += rules_check.compilation(workshop)
    return workshop, findings


def _lay_schemas(snapshot: Snapshot, folder: Path) -> list[Finding]:
    """The author's schemas, and over them the ones this gateway's inputs have; a copy that differs is stale."""
    findings = []
    generated = schemas.generate()
    for file in snapshot.files:
        if file.is_schema:
            target = folder / file.name.removeprefix("schemas/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
            if file.content != generated.get(target.name, file.content):
                remedy = f"Run `python -m gateway.adapters.opa.schemas {file.source.parent}`."
                findings.append(Finding(rule="policy/schema", file=str(file.source), line=0, message="not the schema of this gateway's input", remedy=remedy))
    schemas.write(folder)
    return findings


def _enforceable(workshop: Workshop, findings: list[Finding]) -> tuple[dict[str, str], list[Named]]:
    notes = rules_check.annotations(workshop)
    codes, wrong = rules_check.codes(workshop, notes)
    findings += wrong
    findings += rules_check.typed_inputs(workshop, notes)
    findings += rules_check.silence(workshop)
    unfit, named = data_check.tenants(workshop)
    findings += unfit
    findings += rules_check.verdicts(workshop, declared=frozenset(codes))
    return codes, named
