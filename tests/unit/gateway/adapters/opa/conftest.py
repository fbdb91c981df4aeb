"""Fixtures of the OPA adapter's tests."""

import shutil
from pathlib import Path

import pytest

from tests.unit.gateway.adapters.opa.default_bundle import DEFAULT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the default bundle, to break."""
    return Path(shutil.copytree(DEFAULT, tmp_path / "policies"))
