"""The agent has no hands: everything that can be reached from it is enumerated, and each way of growing one is planted once and found."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.reach import declared, messages, reads, source

ROOT = Path(__file__).resolve().parents[2]

IN_THE_SOURCE = [
    pytest.param("agent/runner.py", "", "import gateway.adapters.hosts.http", "imports gateway.adapters.hosts.http", id="a host adapter"),
    pytest.param("agent/loop.py", "", "from agent.tools import shell\nimport subprocess", "imports subprocess", id="a process"),
    pytest.param("agent/prompt.py", "", "import aiohttp", "agent.prompt imports aiohttp", id="a library where it does not belong"),
    pytest.param("agent/record.py", "", "KEPT = open('x', 'w')", "agent.record names open", id="a file"),
    pytest.param("agent/tools/port.py", "", "class Shell:\n    async def call(self) -> None: ...", "has a tool kind Shell", id="a kind of tool"),
    pytest.param("agent/models/port.py", "", "class Other:\n    async def ask(self) -> None: ...", "has a model kind Other", id="a kind of model"),
    pytest.param("agent/tools/mcp_tool.py", "session.initialize()", "session.read_resource('file:///x')", "uses session.read_resource", id="a resource"),
    pytest.param("agent/models/openai_chat.py", "self._client.close()", "self._client.files.create()", "uses self._client.files", id="a file of the model's"),
    pytest.param("agent/tools/http_get.py", "allow_redirects=False", "allow_redirects=True", "says allow_redirects=True", id="a redirect"),
]
IN_THE_CODE = [
    pytest.param(
        "reads", "agent/tools/spec.py", 'self.method in {"GET", "HEAD"}', 'self.method in {"GET", "HEAD", "POST"}', "HTTP method 'POST' of a read",
        id="a POST",
    ),
    pytest.param(
        "reads", "agent/tools/spec.py", "self.type is not SlotType.IDENTIFIER or", "True or", "the model may fill an identifier", id="a model's identifier"
    ),
    pytest.param("reads", "agent/tools/spec.py", "need(not free, f", "need(True, f", "the model may fill a segment of a path", id="a model's path"),
    pytest.param(
        "reads", "agent/tools/slots.py", "    if args.keys() != set(models):", "    if args.keys() < set(models):", "the model fills a slot of the context",
        id="an argument too many",
    ),
    pytest.param(
        "reads", "agent/tools/spec.py", "if slot.source is Source.MODEL}", "if slot.source}", "the model is offered a slot",
        id="an offer too many",
    ),
    pytest.param(
        "declared", "gateway/config/tools.py", 'Literal["GET", "HEAD"]', 'Literal["GET", "HEAD", "POST"]', "HTTP method 'POST' in the settings",
        id="a POST in the settings",
    ),
    pytest.param(
        "declared", "gateway/config/tools.py", 'if self.type == "identifier" and self.source == "model":', "if False:",
        "the settings let the model fill an identifier", id="a model's identifier in the settings",
    ),
    pytest.param(
        "declared", "gateway/config/tools.py", "identifying(name) if slot.open_to_the_model else", "", "the model fill what is called account",
        id="a model's account by its name",
    ),
    pytest.param(
        "declared", "gateway/config/tools.py", "        if not self.read_only:", "        if self.tool:", "nobody says only reads", id="a tool that may write"
    ),
    pytest.param("messages", "agent/tools/mcp_door.py", '"tools/call"}', '"tools/call", "resources/read"}', "resources/read", id="an MCP resource"),
    pytest.param(
        "messages", "agent/tools/mcp_door.py", 'params.get("name") != self._tool', "False", "lets through another tool", id="another tool of an MCP server"
    ),
    pytest.param(
        "messages", "agent/tools/mcp_door.py", 'message.get("result") == {}', '"result" in message', "an answer to a server's question", id="a sampling"
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent, the settings and this examination, apart from the checkout."""
    home = tmp_path_factory.mktemp("reach")
    for name in ("agent", "gateway", "tests/architecture/reach"):
        shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
    return home


class Planted:
    """One change of one file, taken back at the end."""

    def __init__(self, file: Path, old: str, new: str) -> None:
        self._file = file
        self._before = file.read_text()
        assert old in self._before, f"nothing to replace in {file}: {old}"
        self._after = self._before.replace(old, new, 1) if old else f"{self._before}\n{new}\n"

    def __enter__(self) -> None:
        self._file.write_text(self._after)

    def __exit__(self, *_: object) -> None:
        self._file.write_text(self._before)


def examined(home: Path, part: str) -> subprocess.CompletedProcess[str]:
    """By a process of its own, which imports what stands there."""
    words = [
        sys.executable,
        "-P",
        "-c",
        f"import sys; sys.path.insert(0, '.'); import runpy; runpy.run_module('tests.architecture.reach.{part}', None, '__main__')",
    ]
    return subprocess.run(words, cwd=home, capture_output=True, text=True, timeout=60, check=False)


def test_nothing_that_writes_is_within_reach() -> None:
    """Imports, tool kinds, methods, messages, and every way in which a model could name whose data it reads."""
    found = [*source.complaints(ROOT), *reads.complaints(), *declared.complaints(), *messages.complaints()]

    assert found == []


@pytest.mark.parametrize("part", ["reads", "declared", "messages"])
def test_the_copy_is_examined_and_not_the_checkout(copy: Path, part: str) -> None:
    """Untouched it has nothing to complain about: what breaks below is what was planted."""
    done = examined(copy, part)

    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize(("file", "old", "new", "expected"), IN_THE_SOURCE)
def test_a_hand_that_grows_in_the_source_is_found(copy: Path, file: str, old: str, new: str, expected: str) -> None:
    """By what it would reach."""
    with Planted(copy / file, old, new):
        found = list(source.complaints(copy))

    assert any(expected in one for one in found), found


@pytest.mark.parametrize(("part", "file", "old", "new", "expected"), IN_THE_CODE)
def test_a_rule_that_is_loosened_is_found(copy: Path, part: str, file: str, old: str, new: str, expected: str) -> None:
    """By what it would let through."""
    with Planted(copy / file, old, new):
        done = examined(copy, part)

    assert done.returncode == 1, done.stderr
    assert expected in done.stdout
