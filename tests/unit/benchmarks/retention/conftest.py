"""A folder that a server run as somebody else can get to: in memory, where the machine has such a place."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder with a random name is made in it


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cs-grown-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None) as made:
        yield Path(made)
