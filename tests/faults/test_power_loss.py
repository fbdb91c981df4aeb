"""A small volume of the power-loss suite, in every run of the tests: what a planted bug has to be caught by."""

from pathlib import Path

from tests.faults import power_loss
from tests.prove.suite import Assignment

VOLUME = 160


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    """Spread over all moments; none of the states is damaged or forgets what was acknowledged."""
    report = power_loss.run(Assignment(volume=VOLUME, seed=1, only="", folder=tmp_path, told=lambda _: None))

    assert report.failures == ()
    assert report.volume == VOLUME
