"""The planted bugs are up to date: each text is in its file once, each name is its own. Whether they are caught is `make prove`'s to say."""

import pytest

from tests.faults.mutants.mutant import Mutant, Trial
from tests.faults.mutants.planted import FIRST, MUTANTS
from tests.faults.mutants.tree import ROOT
from tests.prove.table import BY_NAME


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_can_be_planted(mutant: Mutant) -> None:
    """Its text occurs once, and what is put there differs; its test is in the file it names, its suite in the table."""
    assert [(ROOT / edited).read_text().count(text) for edited, text, _ in mutant.edits] == [1] * len(mutant.edits)
    assert all(text != put for _, text, put in mutant.edits)
    if isinstance(mutant.test, Trial):
        assert isinstance(BY_NAME[mutant.test.suite].runs, str)
        assert mutant.test.volume > 0
        assert not mutant.first
    else:
        file, _, name = mutant.test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text()


def test_the_controls_are_as_many_as_promised() -> None:
    """Thirty, a dozen of them guarding money and writes, and no two of a name."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 30
    assert len(FIRST) >= 12
