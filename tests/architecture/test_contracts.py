"""Each import contract, broken once on purpose: a contract that cannot fail guards nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BREAKS = [
    pytest.param("gateway/domain/lifecycle.py", "import gateway.ports.store", "1 the house", id="layers"),
    pytest.param("gateway/shed/__init__.py", "import gateway.domain.limits", "1 the house", id="a new room without a place"),
    pytest.param("gateway/adapters/system.py", "import gateway.service.keeper", "1b adapters", id="an adapter reaches into a story"),
    pytest.param("gateway/domain/budget.py", "import time", "2 the domain", id="the domain asks a clock"),
    pytest.param("gateway/domain/halts.py", "import aiohttp", "2 the domain", id="the domain knows a third party"),
    pytest.param("gateway/service/lookup.py", "import countersign.v1.types_pb2", "3 wire types", id="a story speaks wire"),
    pytest.param("gateway/transport/server.py", "import countersign.host.v1.host_pb2", "3b the wire", id="the transport speaks to hosts"),
    pytest.param("gateway/adapters/system.py", "import gateway.config", "4 settings", id="an adapter reads settings"),
    pytest.param("agent/loop.py", "import gateway.domain.limits", "5 the agent", id="the agent knows the gateway"),
    pytest.param("agent/runner.py", "import subprocess", "5 the agent", id="the agent gets hands"),
    pytest.param("gateway/app/parts.py", "import agent.loop", "5b only", id="somebody else knows the agent"),
    pytest.param("gateway/adapters/system.py", "import gateway.adapters.telemetry", "6a adapters", id="adapters know each other"),
    pytest.param("gateway/stages/settle.py", "import gateway.stages.forward", "6b stages", id="stages know each other"),
    pytest.param("gateway/domain/budget.py", "import gateway.domain.boundary", "6c no cycles", id="a cycle"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three packages and the contracts, apart from the checkout."""
    home = tmp_path_factory.mktemp("house")
    for name in ("gateway", "agent"):
        shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "clients/python/src/countersign", home / "countersign", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "pyproject.toml", home / "pyproject.toml")
    return home


def lint(home: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run([sys.executable, "-c", program, "--no-cache"], cwd=home, capture_output=True, text=True, timeout=60, check=False)


def test_the_house_as_it_stands_keeps_every_contract(copy: Path) -> None:
    """The copy is the house: what breaks below is what was broken on purpose."""
    done = lint(copy)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("file", "line", "contract"), BREAKS)
def test_a_broken_contract_is_told_by_name(copy: Path, file: str, line: str, contract: str) -> None:
    """One forbidden import, and the contract that forbids it says BROKEN."""
    path = copy / file
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{before or ''}\n{line}\n")

    try:
        done = lint(copy)
    finally:
        if before is None:
            shutil.rmtree(path.parent)
        else:
            path.write_text(before)

    assert done.returncode == 1
    assert any(said.startswith(contract) and said.endswith("BROKEN") for said in done.stdout.splitlines()), done.stdout
