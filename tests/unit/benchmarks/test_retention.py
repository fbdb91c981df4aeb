"""The measure of a store's weight, as small as one can be."""

from pathlib import Path

from benchmarks.retention import measure


async def test_what_is_measured_adds_up(tmp_path: Path) -> None:
    """Everything made before the jump is collected; the store still adds up, and weighs something."""
    made = await measure(tmp_path, 40)

    assert (made["collected"], made["discrepancies"]) == (80, 0)
    assert isinstance(made["bytes_a_commit"], int)
    assert made["bytes_a_commit"] > 0
