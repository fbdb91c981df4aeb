"""Bugs are planted, one at a time, in a copy of the tree; the named test or suite of each has to fail, and is green without it.

1. Each worker has a copy of its own. Suites come first: they take longest.
2. Red means that the test ran and failed, or that a case of the suite was tried and failed for this reason. A bug that keeps it from running, or a text
   that is not there, is a failure of the control.
3. A suite is tried with the seed of the run: its few cases are others each time, and have to be enough. Bugs that are to show in the same cases share
   the run of them without any.
"""

import queue
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Final, Protocol

from tests.faults.mutants.mutant import Mutant, NotPlanted, Trial
from tests.faults.mutants.planted import BY_NAME, FIRST, MUTANTS
from tests.faults.mutants.tree import Ran, Tree
from tests.prove.suite import Assignment, Failure, Report

_WORKERS: Final = 2
_RED: Final = 1  # pytest: tests ran, some failed; a suite likewise


class Ground(Protocol):
    """Where a bug is planted."""

    def planted(self, mutant: Mutant) -> AbstractContextManager[None]: ...

    def test(self, tests: Sequence[str], *options: str) -> Ran: ...

    def suite(self, trial: Trial, *, seed: int) -> Ran: ...


class Greens:
    """What keeps the cases of a trial from being green without a planted bug, or "": found out once for each trial."""

    def __init__(self, *, seed: int) -> None:
        self.seed = seed
        self._known: dict[Trial, str] = {}
        self._turns: dict[Trial, threading.Lock] = {}

    def wrong(self, trial: Trial, tree: Ground) -> str:
        with self._turns.setdefault(trial, threading.Lock()):
            if trial not in self._known:
                ran = tree.suite(trial, seed=self.seed)
                bad = ran.code or ran.failed or ran.broken
                self._known[trial] = f"(it ended with {ran.code}): {[*ran.failed, *ran.broken]} {ran.said[-400:]}" if bad else ""
            return self._known[trial]


def run(given: Assignment) -> Report:
    """At quick size the bugs that guard money and writes, else all."""
    chosen = (BY_NAME[given.only],) if given.only else FIRST if given.volume == len(FIRST) else MUTANTS
    left: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in sorted(chosen, key=lambda one: isinstance(one.test, str)):
        left.put(mutant)
    failures: list[Failure] = []
    done: list[str] = []
    greens = Greens(seed=given.seed)
    with ExitStack() as stack:
        trees = [stack.enter_context(Tree(given.folder / f"tree-{number}")) for number in range(min(_WORKERS, len(chosen)))]
        without = trees[0].unseen() or _not_green(trees[0], sorted({mutant.test for mutant in chosen if isinstance(mutant.test, str)}))
        if without:
            return Report(volume=0, failures=(Failure(case="", what=f"without any planted bug: {without}"),))

        def work(tree: Tree) -> None:
            while True:
                try:
                    mutant = left.get_nowait()
                except queue.Empty:
                    return
                wrong = control(mutant, tree, greens)
                if wrong:
                    failures.append(Failure(case=mutant.name, what=f"{mutant.bug}: {wrong}"))
                done.append(mutant.name)
                given.told(len(done))

        workers = [threading.Thread(target=work, args=(tree,)) for tree in trees]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    return Report(volume=len(done), failures=tuple(failures), note="each planted alone, each caught by what is named for it" if not failures else "")


def _not_green(tree: Tree, tests: Sequence[str]) -> str:
    """What keeps the named tests from being green without a planted bug, or ""."""
    if not tests:
        return ""
    ran = tree.test(tests)
    bad = [*ran.failed, *ran.broken]
    return f"{', '.join(bad) or 'the named tests'} not green (pytest ended with {ran.code}): {ran.said[-1500:]}" if ran.code or bad else ""


def control(mutant: Mutant, tree: Ground, greens: Greens) -> str:
    """What is wrong with this control, or ""."""
    try:
        return _by_suite(mutant, mutant.test, tree, greens) if isinstance(mutant.test, Trial) else _by_test(mutant, mutant.test, tree)
    except NotPlanted as moved:
        return str(moved)


def _by_test(mutant: Mutant, test: str, tree: Ground) -> str:
    with tree.planted(mutant):
        ran = tree.test([test], "-x")
    return "" if ran.code == _RED and ran.failed else f"planted, and {test} did not fail (pytest ended with {ran.code}): {ran.said[-400:]}"


def _by_suite(mutant: Mutant, trial: Trial, tree: Ground, greens: Greens) -> str:
    if wrong := greens.wrong(trial, tree):
        return f"{mutant.caught_by} is not green without it {wrong}"
    with tree.planted(mutant):
        ran = tree.suite(trial, seed=greens.seed)
    if ran.code == _RED and any(trial.says in what for what in ran.failed):
        return ""
    return f"planted, and {mutant.caught_by} did not say {trial.says!r} (it ended with {ran.code}): {[*ran.failed, *ran.broken]} {ran.said[-400:]}"
