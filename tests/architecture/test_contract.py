"""The contract only grows: what a client compiled against the first one has to find for as long as this package is called v1."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIRST = ROOT / "proto" / "contract-0.1.binpb"


def breaking(protos: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / ".venv" / "bin" / "buf", "breaking", "--against", FIRST], cwd=protos, capture_output=True, text=True, check=False)


@pytest.fixture
def protos(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "proto", tmp_path / "proto", ignore=shutil.ignore_patterns("__pycache__")))


def test_todays_contract_holds_the_first(protos: Path) -> None:
    """Nothing was taken away, renumbered or retyped."""
    found = breaking(protos)

    assert (found.returncode, found.stdout) == (0, "")


def test_a_field_taken_away_is_found(protos: Path) -> None:
    """The check can fail."""
    file = protos / "countersign" / "v1" / "gateway.proto"
    kept = [line for line in file.read_text().splitlines() if " idempotency_key = " not in line]
    file.write_text("\n".join(kept))

    found = breaking(protos)

    assert found.returncode != 0
    assert "idempotency_key" in found.stdout
