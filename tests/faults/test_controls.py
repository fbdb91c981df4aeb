"""When a control has shown something: green without the bug, red with it, and for the reason that was named. What is planted here is planted nowhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import pytest

from tests.faults.mutants.mutant import Mutant, NotPlanted, Trial
from tests.faults.mutants.tree import Ran
from tests.faults.negative_controls import Greens, control

GREEN: Final = Ran(code=0, failed=(), broken=(), said="")
RED: Final = Ran(code=1, failed=("I3: it was told otherwise",), broken=(), said="")
OTHERWISE: Final = Ran(code=1, failed=("I7: it moved",), broken=(), said="")
BROKEN: Final = Ran(code=1, failed=(), broken=("I3: the server did not come up",), said="")
NO_REPORT: Final = Ran(code=2, failed=(), broken=(), said="no such suite")
TRIAL: Final = Trial(suite="simulation", volume=1, says="I3")


class Ground:
    """Says what it was told to say: without a bug, and with one."""

    def __init__(self, without: Ran, planted: Ran, *, moved: bool = False) -> None:
        self._without, self._with, self._moved = without, planted, moved
        self._is_planted = False
        self.suites = 0

    @contextmanager
    def planted(self, mutant: Mutant) -> Iterator[None]:
        if self._moved:
            raise NotPlanted("it has moved")
        self._is_planted = True
        yield
        self._is_planted = False

    def test(self, tests: Sequence[str], *options: str) -> Ran:
        return self._with if self._is_planted else self._without

    def suite(self, trial: Trial, *, seed: int) -> Ran:
        self.suites += 1
        return self._with if self._is_planted else self._without


def mutant(test: str | Trial) -> Mutant:
    return Mutant(name="m", bug="a bug", file="f.py", text="a", put="b", test=test)


@pytest.mark.parametrize("test", ["test_f.py::test_f", TRIAL])
def test_a_bug_that_is_caught_is_a_control(test: str | Trial) -> None:
    """By a test, by a suite."""
    assert control(mutant(test), Ground(GREEN, RED), Greens(seed=1)) == ""


@pytest.mark.parametrize("ran", [GREEN, OTHERWISE, BROKEN, NO_REPORT], ids=["green", "otherwise", "broken", "no report"])
def test_a_suite_that_does_not_say_what_it_must_has_caught_nothing(ran: Ran) -> None:
    """Green, red for another reason, a part that did not come up, or no report at all."""
    assert control(mutant(TRIAL), Ground(GREEN, ran), Greens(seed=1)).startswith("planted, and suite:simulation did not say 'I3'")


@pytest.mark.parametrize("ran", [RED, BROKEN, NO_REPORT], ids=["red", "broken", "no report"])
def test_a_suite_that_is_not_green_without_the_bug_shows_nothing(ran: Ran) -> None:
    """However red it is with it."""
    assert control(mutant(TRIAL), Ground(ran, RED), Greens(seed=1)).startswith("suite:simulation is not green without it")


@pytest.mark.parametrize("ran", [GREEN, BROKEN, NO_REPORT], ids=["green", "broken", "no report"])
def test_a_test_that_does_not_fail_has_caught_nothing(ran: Ran) -> None:
    """Not running is not failing."""
    assert control(mutant("test_f.py::test_f"), Ground(GREEN, ran), Greens(seed=1)).startswith("planted, and test_f.py::test_f did not fail")


def test_a_text_that_is_gone_is_said() -> None:
    """Nothing was planted, so nothing was shown."""
    assert control(mutant(TRIAL), Ground(GREEN, RED, moved=True), Greens(seed=1)) == "it has moved"


def test_bugs_that_show_in_the_same_cases_share_the_run_without_any() -> None:
    """One without, one with each."""
    ground, greens = Ground(GREEN, RED), Greens(seed=1)

    assert [control(mutant(TRIAL), ground, greens) for _ in range(2)] == ["", ""]
    assert ground.suites == 3
