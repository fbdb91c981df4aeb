"""The parsers of others, each asked once about a whole corpus: what OPA, Go, JavaScript, Java and the rest of our own Python make of each document.

1. A reader gets documents and answers one canonical line for each, in order. One that cannot be run says which program is missing.
2. OPA is asked as the gateway asks it: the very bytes, spliced into an input. One that refuses a document refuses the whole input.
"""

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import orjson
import pydantic_core

from tests.simulation.parsing.canonical import UNREAD, canonical

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[2]
OPA: Final = ROOT / ".tools" / "bin" / "opa"
ECHO: Final = "package echo\n\ndocuments := input.documents\n\nsame := [same | some i; same := input.documents[i] == input.again[i]]\n"
_ANSWERS_S_MAX: Final = 300
_AT_ONCE: Final = 200

Reader = Callable[[Sequence[bytes], Path], list[str]]


class NoReader(Exception):
    """A program that is needed is not there, or did not do what it must."""


def by_json(documents: Sequence[bytes], folder: Path) -> list[str]:
    return [_or_refused(json.loads, one) for one in documents]


def by_orjson(documents: Sequence[bytes], folder: Path) -> list[str]:
    return [_or_refused(orjson.loads, one) for one in documents]


def by_pydantic(documents: Sequence[bytes], folder: Path) -> list[str]:
    return [_or_refused(pydantic_core.from_json, one) for one in documents]


def by_go(documents: Sequence[bytes], folder: Path) -> list[str]:
    built = folder / "parsing-go"
    _run(["go", "build", "-o", str(built), "."], b"", cwd=HERE / "go")
    return _lines([str(built)], documents)


def by_javascript(documents: Sequence[bytes], folder: Path) -> list[str]:
    return _lines(["node", str(HERE / "parse.js")], documents)


def by_java(documents: Sequence[bytes], folder: Path) -> list[str]:
    library = folder / "library"
    _run(["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={library}"], b"", cwd=HERE / "java")
    return _lines(["java", "-cp", f"{library}/*", str(HERE / "java" / "Parse.java")], documents)


def by_opa(documents: Sequence[bytes], folder: Path) -> list[str]:
    """What comes back out of it; and it must find each document equal to the same, written by us."""
    found: list[str] = []
    with _opa(folder) as ask:
        for at in range(0, len(documents), _AT_ONCE):
            part = documents[at : at + _AT_ONCE]
            again = [json.dumps(json.loads(one)).encode() for one in part]
            answered = ask(b'{"input":{"documents":[' + b",".join(part) + b'],"again":[' + b",".join(again) + b"]}}")
            same = answered["same"]
            assert isinstance(same, list)
            echoed = answered["documents"]
            assert isinstance(echoed, list)
            found += [canonical(one) if equal else f"not equal: {canonical(one)}" for one, equal in zip(echoed, same, strict=True)]
    return found


READERS: Final[Mapping[str, Reader]] = {
    "json": by_json, "orjson": by_orjson, "pydantic": by_pydantic, "go": by_go, "javascript": by_javascript, "java": by_java, "opa": by_opa,
}  # fmt: skip


def go_folds(folder: Path) -> list[tuple[str, str]]:
    """Every pair of characters that Go takes for one letter of a key."""
    built = folder / "parsing-go"
    _run(["go", "build", "-o", str(built), "."], b"", cwd=HERE / "go")
    pairs = [line.split() for line in _run([str(built), "folds"], b"", cwd=HERE).splitlines()]
    return [(chr(int(one, 16)), chr(int(other, 16))) for one, other in pairs]


def _or_refused(parse: Callable[[bytes], object], document: bytes) -> str:
    try:
        return canonical(parse(document))
    except (ValueError, RecursionError):
        return UNREAD


def _lines(command: list[str], documents: Sequence[bytes]) -> list[str]:
    said = _run(command, "".join(f"{one.hex()}\n" for one in documents).encode(), cwd=HERE).splitlines()
    if len(said) != len(documents):
        raise NoReader(f"{command[0]} answered {len(said)} lines for {len(documents)} documents")
    return said


def _run(command: list[str], told: bytes, *, cwd: Path) -> str:
    if shutil.which(command[0]) is None:
        raise NoReader(f"{command[0]} is not installed; the differential needs it, and a language left out proves nothing")
    done = subprocess.run(command, input=told, capture_output=True, cwd=cwd, timeout=_ANSWERS_S_MAX, check=False)
    if done.returncode:
        raise NoReader(f"{' '.join(command[:2])} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout.decode("ascii")


@contextmanager
def _opa(folder: Path) -> Iterator[Callable[[bytes], dict[str, object]]]:
    policy, place = folder / "echo.rego", folder / "opa.sock"
    policy.write_text(ECHO)
    command = [str(OPA), "run", "--server", "--addr", f"unix://{place}", "--log-level", "error", str(policy)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as server:
        try:
            yield lambda question: _asked(place, question, server)
        finally:
            server.terminate()


def _connected(place: Path, server: "subprocess.Popen[bytes]") -> socket.socket:
    for _ in range(1_000):
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(_ANSWERS_S_MAX)
        if line.connect_ex(str(place)) == 0:
            return line
        line.close()
        if server.poll() is not None:
            break
        time.sleep(0.02)
    raise NoReader("OPA does not answer on its socket")


def _asked(place: Path, question: bytes, server: "subprocess.Popen[bytes]") -> dict[str, object]:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = _connected(place, server)
    connection.request("POST", "/v1/data/echo", question, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != http.client.OK:
        raise NoReader(f"OPA answered {answer.status}: {body[:300]!r}")
    result: dict[str, object] = json.loads(body)["result"]
    return result
