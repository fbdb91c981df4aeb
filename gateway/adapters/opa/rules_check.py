"""What is asked of the rules: that they compile strictly, declare their codes, answer with verdicts, and are tested.

1. OPA judges Rego; only what it has no word for is looked up in the text: literal codes, `input` without a schema, `print`.
2. Each function returns findings and leaves no trace; `compilation` comes first, the others assume it found nothing.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gateway.adapters.opa import schemas
from gateway.adapters.opa.command import Annotation, OpaError, RuleTest
from gateway.adapters.opa.findings import Finding
from gateway.adapters.opa.own_bundle import WRAPPED
from gateway.adapters.opa.snapshot import SourceFile
from gateway.adapters.opa.workshop import AUTHORS, CAPABILITIES, OWN, SCHEMAS, Workshop
from gateway.domain.verdict import VerdictMalformed, is_code, read_verdict
from gateway.ports.policy import Entrypoint

_FILE_OF_MESSAGE: Final = re.compile(r"in module '([^']+)'")
_PACKAGE: Final = re.compile(r"^package\s+([\w.]+)", re.MULTILINE)
_LITERAL_CODE: Final = re.compile(r'"code":\s*"([^"]*)"')
_INPUT: Final = re.compile(r"\binput\b")
_PRINT: Final = re.compile(r"\bprint\(")
_STRING: Final = re.compile(r'"[^"]*"')
_HOMES: Final = {Entrypoint.COMMIT: ("countersign.commit", "commit_input"), Entrypoint.DECIDE: ("countersign.decide", "decide_input")}
_REMEDIES: Final = {
    "rego_parse_error": "Put the Rego right; `opa fmt` shows the same place.",
    "rego_compile_error": "Put the rule right; strict mode also refuses unused imports and variables.",
    "rego_recursion_error": "Break the circle: a rule may not depend on itself, nor on the gateway's wrapper.",
}


def compilation(workshop: Workshop) -> list[Finding]:
    """Strict compilation of the author's bundle beside ours, against schemas and capabilities."""
    flags = ("--strict", "--bundle", "--schema", SCHEMAS, "--capabilities", CAPABILITIES)
    return [_compile_finding(workshop, wrong) for wrong in workshop.command.errors("check", *flags, AUTHORS, OWN, cwd=workshop.folder)]


def _compile_finding(workshop: Workshop, wrong: OpaError) -> Finding:
    if "manifest roots" in wrong.message:
        named = _FILE_OF_MESSAGE.search(wrong.message)
        remedy = "Give it a package under countersign, the only root of a bundle; the engine's own packages are the gateway's."
        return workshop.finding("policy/roots", named.group(1) if named else AUTHORS, 0, wrong.message.split(": ", 1)[-1], remedy)
    return workshop.finding("policy/compile", wrong.location.file or AUTHORS, wrong.location.row, wrong.message, _remedy(wrong))


def _remedy(wrong: OpaError) -> str:
    if wrong.message.startswith("undefined function "):
        return "Use what the question brings in `input`: a verdict may not depend on the network, the clock, the machine or chance."
    offered = wrong.details.get("oneOf")
    if isinstance(offered, list):
        return "The schema has: " + ", ".join(str(name) for name in offered[:40]) + "."
    return _REMEDIES.get(wrong.code, "Make both sides fit the types the schema gives them.")


def codes(workshop: Workshop, notes: Sequence[Annotation]) -> tuple[dict[str, str], list[Finding]]:
    """Code → its sentence, from `# custom: {codes: {CODE: sentence}}` of packages and rules; and every literal code not among them."""
    declared: dict[str, str] = {}
    findings = []
    remedy = "Write `# custom:`, `#   codes:`, `#     AMOUNT_OVER_LIMIT: one sentence for a person` in the METADATA of the package."
    for note in notes:
        given = note.annotations.custom.get("codes", {})
        if not isinstance(given, dict) or not all(_is_declaration(code, sentence) for code, sentence in given.items()):
            findings.append(workshop.finding("policy/codes", note.location.file, note.location.row, "codes are not upper snake case with a sentence", remedy))
            continue
        declared |= given
    for file in _rules(workshop):
        for line, text in enumerate(_lines(file), start=1):
            undeclared = [code for code in _LITERAL_CODE.findall(text) if code not in declared]
            findings += [workshop.finding("policy/codes", file.name, line, f"the code {code} is not declared", remedy) for code in undeclared]
    return declared, findings


def _is_declaration(code: object, sentence: object) -> bool:
    return isinstance(code, str) and is_code(code) and isinstance(sentence, str) and 0 < len(sentence) <= 200


def typed_inputs(workshop: Workshop, notes: Sequence[Annotation]) -> list[Finding]:
    """Every package that reads `input` is under a schema, else a misspelt field would compile and silently be undefined."""
    covered = {home for home, schema in _HOMES.values() if any(_covers(note, home, schema) for note in notes)}
    findings = []
    for file in _rules(workshop):
        package = _package(file)
        if any(package == home or package.startswith(f"{home}.") for home in covered):
            continue
        for line, text in enumerate(_lines(file), start=1):
            if _INPUT.search(_STRING.sub("", text).split("#")[0]):
                remedy = (
                    "Write `# scope: subpackages`, `# schemas:`, `#   - input: schema.commit_input` above `package countersign.commit` "
                    "(decide_input for countersign.decide), and read `input` below those two only; elsewhere take it as an argument."
                )
                findings.append(workshop.finding("policy/schema", file.name, line, f"package {package} reads input without a schema", remedy))
                break
    return findings


def _covers(note: Annotation, home: str, schema: str) -> bool:
    package = ".".join(str(term.value) for term in note.path)
    uses = [([term.value for term in use.path], [term.value for term in use.named]) for use in note.annotations.schemas]
    return package == f"data.{home}" and note.annotations.scope == "subpackages" and (["input"], ["schema", schema]) in uses


def silence(workshop: Workshop) -> list[Finding]:
    """OPA strips `print` before it compares builtins with the capabilities, so it is looked up here."""
    remedy = "Take it out; print from a test instead. What a rule prints would be the caller's data in a log."
    return [
        workshop.finding("policy/print", file.name, line, "a rule prints", remedy)
        for file in _rules(workshop)
        for line, text in enumerate(_lines(file), start=1)
        if _PRINT.search(_STRING.sub("", text).split("#")[0])
    ]


def verdicts(workshop: Workshop, *, declared: frozenset[str]) -> Iterator[Finding]:
    """Ask each entrypoint a question whose every field is empty: it must answer a whole verdict, and that verdict must deny."""
    for entrypoint, rule in WRAPPED.items():
        path = f"data.{entrypoint.value.replace('/', '.')}"
        asked = {"empty": schemas.blank(entrypoint)}
        values, errors = workshop.command.evaluate(f"data.countersign_gateway.{rule}", bundles=(AUTHORS, OWN), asked=asked, cwd=workshop.folder)
        file = _home_file(workshop, entrypoint)
        remedy = f'Write `default verdict := {{"allow": false, "reasons": [{{"code": "NOT_ALLOWED"}}]}}` in package {_HOMES[entrypoint][0]}.'
        if errors:
            yield workshop.finding("policy/verdict", errors[0].location.file or file, errors[0].location.row, f"{path} errs: {errors[0].message}", remedy)
        elif values == [{"empty": []}]:
            yield workshop.finding("policy/verdict", file, 0, f"{path} is undefined for an empty question", remedy)
        elif not (isinstance(values[0], dict) and isinstance(answer := values[0].get("empty"), list)):
            yield workshop.finding("policy/verdict", file, 0, f"{path} gave no answer", remedy)
        else:
            verdict = read_verdict(answer[0], declared=declared)
            if isinstance(verdict, VerdictMalformed):
                yield workshop.finding("policy/verdict", file, 0, f"{path} is malformed at {verdict.path or 'its top'}: {verdict.seen}", remedy)
            elif verdict.allow:
                yield workshop.finding("policy/verdict", file, 0, f"{path} allows an empty question", "Deny by default; allow only what a rule names.")


def formatting(workshop: Workshop) -> list[Finding]:
    remedy = "Run `opa fmt --write` on it."
    return [workshop.finding("policy/format", name, 0, "not formatted", remedy) for name in workshop.command.unformatted(AUTHORS, cwd=workshop.folder)]


def tests(workshop: Workshop) -> tuple[int, list[Finding]]:
    """How many tests ran, and those that did not pass; a skipped test did not."""
    ran = workshop.command.test(AUTHORS, cwd=workshop.folder)
    findings = [
        workshop.finding("policy/test", one.location.file, one.location.row, f"{one.name} {_ended(one)}", f"Run `opa test --bundle … --run {one.name}`.")
        for one in sorted(ran, key=lambda one: (one.location.file, one.location.row))  # `opa test` tells them as they end
        if one.fail or one.skip or one.error
    ]
    return len(ran), findings


def _ended(one: RuleTest) -> str:
    return "errs" if one.error else "fails" if one.fail else "is skipped"


def coverage(workshop: Workshop, *, percent_min: float) -> tuple[float, list[Finding]]:
    """Per cent of the rules' lines their tests run through; below the minimum, one finding for each file with bare lines."""
    report = workshop.command.coverage(AUTHORS, cwd=workshop.folder)
    rules = {name: lines for name, lines in report.files.items() if not name.endswith("_test.rego")}
    covered = sum(lines.covered_lines for lines in rules.values())
    bare = sum(lines.not_covered_lines for lines in rules.values())
    percent = 100.0 * covered / (covered + bare) if covered + bare else 0.0
    if percent >= percent_min:
        return percent, []
    findings = [
        workshop.finding("policy/coverage", name, lines.not_covered[0].start.row, f"{lines.not_covered_lines} lines no test runs through", "Test them.")
        for name, lines in rules.items()
        if lines.not_covered
    ]
    whole = workshop.finding("policy/coverage", AUTHORS, 0, f"{percent:.1f} % of the rules are covered", f"At least {percent_min:.0f} % must be.")
    return percent, [whole, *findings]


def _rules(workshop: Workshop) -> Iterable[SourceFile]:
    return (file for file in workshop.snapshot.enforced if file.is_rego)


def _lines(file: SourceFile) -> list[str]:
    return file.content.decode(errors="replace").splitlines()


def _package(file: SourceFile) -> str:
    found = _PACKAGE.search(file.content.decode(errors="replace"))
    return found.group(1) if found else ""


def annotations(workshop: Workshop) -> list[Annotation]:
    """The METADATA of the rules, tests left out."""
    inspected = workshop.command.inspect(AUTHORS, cwd=workshop.folder)
    return [note for note in inspected.annotations if not note.location.file.endswith("_test.rego")]


def _home_file(workshop: Workshop, entrypoint: Entrypoint) -> str:
    """The first file of the entrypoint's package, to have a place to point at."""
    home = _HOMES[entrypoint][0]
    return next((file.name for file in _rules(workshop) if _package(file) == home), AUTHORS)
