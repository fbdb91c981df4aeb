"""OPA's command line, one call at a time: what was run, in which folder, for how long at most, and what it printed.

1. A call gets no environment of ours, no input but its arguments, and a time limit.
2. OPA's own answers are read through models: a shape we do not know is `OpaBroken`, never an empty list of errors. What it may log around an
   answer is passed over.
3. A call that broke off before it answered (a signal, a crash of its runtime, no process to be had: what an overfull machine does) is made once
   more, since nothing here has an effect; then it is `OpaBroken`, which says how it ended.
4. A builtin that looks at the world or at chance is not in the capabilities we check with: the same question must get the same verdict.
"""

import errno
import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError

REFUSED_BUILTINS: Final = frozenset(
    {"http.send", "net.lookup_ip_addr", "opa.runtime", "rand.intn", "rego.parse_module", "time.now_ns", "trace", "uuid.rfc4122"}
)
_CALL_S_MAX: Final = 60.0
_TEST_S_MAX: Final = 30  # one Rego test, on a machine that has much else to do
_SAID_CHARS_MAX: Final = 2_000
_CRASHED: Final = re.compile(rb"(?m)^(?:fatal error: |panic: |runtime(?:/cgo)?: )")  # Go's runtime, before it ends with 2
_PASSING: Final = frozenset({errno.EAGAIN, errno.ENOMEM, errno.ETXTBSY})  # no process to be had now; a binary that was just written
_OPENING: Final = re.compile(r"(?m)^[\[{]")


class OpaBroken(Exception):
    """The `opa` binary did not do what its version promises; says what was run and what it printed."""


class Location(BaseModel):
    file: str = ""
    row: int = 0


def _somewhere(value: object) -> object:
    """OPA writes null for an error that has no place."""
    return Location() if value is None else value


def _members(value: object) -> object:
    """Details are told in many shapes; only named ones are of use."""
    return value if isinstance(value, dict) else {}


class OpaError(BaseModel):
    message: str
    code: str = ""
    location: Annotated[Location, BeforeValidator(_somewhere)] = Location()
    details: Annotated[dict[str, object], BeforeValidator(_members)] = {}


class OpaErrors(BaseModel):
    errors: list[OpaError]


class RuleTest(BaseModel):
    location: Location
    package: str
    name: str
    fail: bool = False
    skip: bool = False
    error: object = None


class Row(BaseModel):
    row: int


class RowRange(BaseModel):
    start: Row
    end: Row


class FileCoverage(BaseModel):
    covered_lines: int = 0
    not_covered_lines: int = 0
    not_covered: list[RowRange] = []


class Coverage(BaseModel):
    files: dict[str, FileCoverage]


class PathTerm(BaseModel):
    value: object


class SchemaUse(BaseModel):
    path: list[PathTerm] = []
    named: list[PathTerm] = Field(default=[], alias="schema")


class Remarks(BaseModel):
    scope: str = ""
    custom: dict[str, object] = {}
    schemas: list[SchemaUse] = []


class Annotation(BaseModel):
    annotations: Remarks
    location: Location
    path: list[PathTerm] = []


class Inspection(BaseModel):
    annotations: list[Annotation] = []


_Model = TypeVar("_Model")
Ran = subprocess.CompletedProcess[bytes]


class OpaCommand:
    """Blocking; call it from a thread where a loop is running. A call takes `call_s_max` at most, twice that when it is made again."""

    def __init__(self, binary: Path, *, call_s_max: float = _CALL_S_MAX) -> None:
        self._binary = binary.absolute()
        self._call_s_max = call_s_max

    def errors(self, *arguments: str, cwd: Path) -> list[OpaError]:
        """Run a command that prints nothing when all is well, else `{"errors": […]}`."""
        ran = self._run(*arguments, "--format", "json", cwd=cwd)
        if ran.returncode == 0:
            return []
        found = self._read(TypeAdapter(OpaErrors), ran.stdout.strip() or ran.stderr, arguments).errors
        if not found:
            raise OpaBroken(f"opa {arguments[0]} ended with {ran.returncode} and no error: {_said(ran)}")
        return found

    def inspect(self, folder: str, *, cwd: Path) -> Inspection:
        ran = self._run("inspect", "--annotations", "--format", "json", folder, cwd=cwd)
        return self._read(TypeAdapter(Inspection), self._good(ran), ("inspect",))

    def unformatted(self, folder: str, *, cwd: Path) -> list[str]:
        """The files `opa fmt` would change, as paths relative to `cwd`."""
        return self._good(self._run("fmt", "--list", folder, cwd=cwd)).decode().split()

    def test(self, folder: str, *, cwd: Path) -> list[RuleTest]:
        ran = self._run("test", "--bundle", folder, "--timeout", f"{_TEST_S_MAX}s", "--format", "json", cwd=cwd)
        return self._read(TypeAdapter(list[RuleTest]), ran.stdout, ("test",)) if ran.stdout.strip() else []

    def coverage(self, folder: str, *, cwd: Path) -> Coverage:
        ran = self._run("test", "--bundle", folder, "--timeout", f"{_TEST_S_MAX}s", "--coverage", "--format", "json", cwd=cwd)
        return self._read(TypeAdapter(Coverage), self._good(ran), ("test", "--coverage"))

    def evaluate(self, query: str, *, bundles: tuple[str, ...], asked: object, cwd: Path) -> tuple[list[object], list[OpaError]]:
        """The values of the query (none: undefined), or the errors it ended in."""
        (cwd / "asked.json").write_text(json.dumps(asked))
        loaded = [part for bundle in bundles for part in ("--bundle", bundle)]
        ran = self._run("eval", *loaded, "--input", "asked.json", "--strict-builtin-errors", "--format", "json", query, cwd=cwd)
        answer = self._read(TypeAdapter(dict[str, object]), ran.stdout, ("eval", query))
        if "errors" in answer:
            return [], TypeAdapter(list[OpaError]).validate_python(answer["errors"])
        rows = TypeAdapter(list[dict[str, object]]).validate_python(answer.get("result", []))
        return [term["value"] for row in rows for term in TypeAdapter(list[dict[str, object]]).validate_python(row["expressions"])], []

    def capabilities(self, *, cwd: Path) -> bytes:
        """This OPA's capabilities without the refused builtins, those it calls nondeterministic included, and without the network."""
        ran = self._run("capabilities", "--current", cwd=cwd)
        known = self._read(TypeAdapter(dict[str, object]), self._good(ran), ("capabilities",))
        builtins = TypeAdapter(list[dict[str, object]]).validate_python(known["builtins"])
        kept = [builtin for builtin in builtins if builtin["name"] not in REFUSED_BUILTINS and not builtin.get("nondeterministic")]
        return json.dumps({**known, "builtins": kept, "allow_net": []}).encode()

    def _run(self, *arguments: str, cwd: Path) -> Ran:
        """Raises `OpaBroken` when it did not answer: at once when it took too long, else the second time."""
        ran = self._once(arguments, cwd)
        if isinstance(ran, str):
            ran = self._once(arguments, cwd)
        if isinstance(ran, str):
            advice = "Is this machine out of memory or of processes? Start again when it is not."
            raise OpaBroken(f"opa {' '.join(arguments[:2])} did not answer, twice: {ran}. {advice}")
        return ran

    def _once(self, arguments: tuple[str, ...], cwd: Path) -> Ran | str:
        """What it answered, or how it broke off."""
        call, environment = [str(self._binary), *arguments], dict[str, str]()
        try:
            ran = subprocess.run(call, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=self._call_s_max, check=False)
        except subprocess.TimeoutExpired as late:
            what = f"opa {' '.join(arguments[:2])} has not answered in {self._call_s_max:g} s"
            raise OpaBroken(f"{what}; start again when this machine has less to do.") from late
        except OSError as wrong:
            if wrong.errno in _PASSING:
                return f"it could not be started: {wrong}"
            raise OpaBroken(f"opa {' '.join(arguments[:2])}: {wrong}") from wrong
        if ran.returncode < 0:
            return f"it was ended by {_signal(-ran.returncode)}"
        return f"its runtime gave up: {_said(ran)}" if _CRASHED.search(ran.stderr) else ran

    @staticmethod
    def _good(ran: Ran) -> bytes:
        if ran.returncode != 0:
            raise OpaBroken(f"{' '.join(map(str, ran.args[:3]))} ended with {ran.returncode}: {_said(ran)}")
        return ran.stdout

    @staticmethod
    def _read(model: TypeAdapter[_Model], printed: bytes, arguments: tuple[str, ...]) -> _Model:
        try:
            return model.validate_json(printed)
        except ValidationError as wrong:
            for document in _documents(printed.decode(errors="replace")):
                with suppress(ValidationError):
                    return model.validate_python(document)
            said = printed.decode(errors="replace").strip()[:_SAID_CHARS_MAX] or "nothing"
            raise OpaBroken(f"opa {' '.join(arguments[:2])} printed what this version should not: {said}") from wrong


def _documents(text: str) -> Iterator[object]:
    """The JSON documents that begin a line, whatever stands between them."""
    decoder = json.JSONDecoder()
    for opening in _OPENING.finditer(text):
        with suppress(ValueError):
            yield decoder.raw_decode(text, opening.start())[0]


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _said(ran: Ran) -> str:
    return (ran.stderr or ran.stdout).decode(errors="replace").strip()[:_SAID_CHARS_MAX]
