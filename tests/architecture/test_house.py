"""The house is law: sizes, rooms, and what may not be written where."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("gateway", "agent", "clients/python/src/countersign", "examples", "benchmarks", "proto")
GENERATED = re.compile(r"_pb2(_grpc)?\.pyi?$")
LINES_MAX = 300
FUNCTION_LINES_MAX = 60
BROAD_CATCH_HOME = {"gateway/transport/handler.py"}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base"}


def sources(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")) if not GENERATED.search(path.name)]
    return [path for path in found if ".venv" not in path.parts]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_file_is_long() -> None:
    """A file that outgrows 300 lines has become two things."""
    long = {named(path): lines for path in sources(*OURS, "tests") if (lines := len(path.read_text().splitlines())) > LINES_MAX}

    assert long == {}


def test_no_function_is_long() -> None:
    """A function over 60 lines hides a leaf."""
    long = {
        f"{named(path)}:{made.name}": size
        for path in sources(*OURS, "tests")
        for made in functions(path)
        if (size := (made.end_lineno or made.lineno) - made.lineno + 1) > FUNCTION_LINES_MAX
    }

    assert long == {}


def test_the_domain_never_awaits() -> None:
    """The core does no I/O and asks no clock."""
    awaiting = [
        f"{named(path)}:{node.lineno}"
        for path in sources("gateway/domain")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
    ]

    assert awaiting == []


def test_everything_is_caught_in_one_place_only() -> None:
    """`except Exception` has one home; anywhere else it would hide a bug as an answer."""
    broad = [
        f"{named(path)}:{node.lineno}"
        for path in sources("gateway", "agent", "clients/python/src/countersign")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and named(path) not in BROAD_CATCH_HOME
    ]

    assert broad == []


def _is_broad(handler: ast.ExceptHandler) -> bool:
    """Catches everything and does not raise it again."""
    names = {"Exception", "BaseException"}
    caught = handler.type is None or (isinstance(handler.type, ast.Name) and handler.type.id in names)
    return caught and not isinstance(handler.body[-1], ast.Raise)


def test_no_room_is_named_after_nothing() -> None:
    """A module called utils is a name not found yet."""
    nameless = [named(path) for path in sources(*OURS, "tests") if path.stem in FORBIDDEN_NAMES or FORBIDDEN_NAMES & set(path.relative_to(ROOT).parts[:-1])]

    assert nameless == []


@pytest.mark.parametrize("path", sources("gateway", "agent"), ids=named)
def test_every_module_says_its_law(path: Path) -> None:
    """A module begins with its law."""
    assert ast.get_docstring(ast.parse(path.read_text())), f"{named(path)} has no docstring"


def test_no_source_waives_a_check_without_a_reason() -> None:
    """A waiver says why, on its line."""
    waiver = re.compile(r"#\s*(noqa|type:\s*ignore|pyright:\s*ignore)[^ ]*(?:\s+[A-Z]+\d+,?)*(?P<reason>.*)")
    bare = [
        f"{named(path)}:{number}"
        for path in sources(*OURS, "tests")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := waiver.search(line)) and len(found["reason"].split()) < 2 and "re.compile" not in line
    ]

    assert bare == []


def test_only_settings_read_the_environment() -> None:
    """One reader of the environment: everything else is told."""
    reading = [
        f"{named(path)}:{node.lineno}"
        for path in sources("gateway", "agent")
        if "config" not in path.relative_to(ROOT).parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}
    ]

    assert reading == []


def test_no_lockfile_or_source_names_a_registry_host() -> None:
    """Where packages come from is the machine's business: no pin, lock or source records it."""
    host = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|repo\.maven|crates\.io|proxy\.golang|deb\.debian")
    texts = [path for path in ROOT.rglob("*") if path.is_file() and path.suffix in {".txt", ".toml", ".json", ".lock", ".sum", ".in", ".yaml", ".py"}]
    kept = [path for path in texts if not {".venv", ".tools", ".git", ".cache", "node_modules"} & set(path.relative_to(ROOT).parts)]
    naming = [named(path) for path in kept if path != Path(__file__) and host.search(path.read_text(errors="replace"))]

    assert naming == []
