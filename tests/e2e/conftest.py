"""Real parts: a gateway process with its OPA, billing, the local model, in one folder a test module."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.subscription.theatre import Theatre


@pytest.fixture(scope="module")
def theatre() -> Iterator[Theatre]:
    """Everything running. A short folder: the path of a socket is bounded."""
    with tempfile.TemporaryDirectory(prefix="cs-e2e-") as folder, Theatre(Path(folder)) as made:
        made.start()
        yield made


@pytest.fixture
def stage() -> Iterator[Theatre]:
    """Nothing running yet, for a test that starts and kills what it needs."""
    with tempfile.TemporaryDirectory(prefix="cs-e2e-") as folder, Theatre(Path(folder)) as made:
        yield made
