"""A store and the reference model side by side: asked the same, compared after every step.

1. Several writes may travel in one turn, as a store batches them; the model takes them in order. Of two with one key the second may have to wait for
   the next batch, where nobody with its key overtakes it, but others would: it is the last of its turn.
2. Nothing is asked of a row that its asker cannot know of yet: whoever settles has T1's answer.
3. A terminal row is remembered whole and must never be seen otherwise.
"""

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import uvloop
from hypothesis.stateful import RuleBasedStateMachine, invariant

from gateway.domain.boundary import Standing
from gateway.domain.budget import BudgetLimit, Ledger, Window
from gateway.domain.conservation import Books, discrepancies
from gateway.domain.lifecycle import TERMINAL
from gateway.domain.records import CommitRow
from gateway.domain.rows import Write
from gateway.domain.writes.halts import Activate
from tests.contract.store_desk import Desk, MemorySeat, Seat, limit, terms
from tests.fakes.clock import FakeClock
from tests.fakes.ids import CountingIds
from tests.simulation.asked import Run, Terms
from tests.simulation.reference import Reference
from tests.simulation.told import kinds_of, said, world_of

TERMS: Final = Terms(steps_max=12, wall_ms_max=5_000_000, stops_run=frozenset({"BUDGET_LIMIT", "POLICY_DENIAL", "TIMEOUT"}), writes_max=6)
LIMITS: Final = {("workflow", "writes"): 5, ("tenant", "value"): 900, ("tenant", "tokens"): 450}
RUNS: Final = (
    *(Run("acme", "onboarding", f"run-{number}") for number in (1, 2, 3)), Run("acme", "offboarding", "run-1"), Run("zeta", "onboarding", "run-1"),
)  # fmt: skip

Result = TypeVar("Result")


@dataclass(slots=True)
class Asked:
    """One write on its way, and what the model answers."""

    write: Write[Any]
    expected: object
    of: str = ""  # the row that it makes


class Turns:
    """One loop, turned for each call: `asyncio.Runner` handles signals anew at every one, which costs more than most of what is asked here."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._runner.get_loop().run_until_complete(work)

    def close(self) -> None:
        self._runner.close()


@dataclass(slots=True)
class Seated:
    desk: Desk
    runner: Turns
    folder: tempfile.TemporaryDirectory[str]
    waiting: list[Asked] = field(default_factory=list)
    together: int = 1
    ended: dict[str, CommitRow] = field(default_factory=dict)


class Comparing(RuleBasedStateMachine):
    """Over the store in memory; a subclass names another, and the rules."""

    def sit(self, folder: Path, runner: Turns) -> Seat:
        return MemorySeat()

    def give_back(self, runner: Turns) -> None:
        """Whatever the seat was lent."""

    def __init__(self) -> None:
        super().__init__()
        runner, folder, clock, ids = Turns(), tempfile.TemporaryDirectory(prefix="cs-model-"), FakeClock(), CountingIds()
        seat = self.sit(Path(folder.name), runner)
        desk = Desk(store=runner.run(seat.open(clock, ids)), seat=seat, clock=clock, ids=ids)
        desk.terms = terms(
            steps_max=TERMS.steps_max, wall_ms_max=TERMS.wall_ms_max, stops_run=sorted(TERMS.stops_run), budgets=[limit(TERMS.writes_max)]
        )  # fmt: skip
        self.at = Seated(desk, runner, folder)
        self.model = Reference(now=clock.now_ms(), limits=LIMITS, terms=TERMS)
        tenant = (BudgetLimit(ledger=Ledger.VALUE, currency="USD", window=Window.TOTAL, limit=900), limit(450, ledger=Ledger.TOKENS))
        workflow = (limit(5, window=Window.MINUTE),)
        standing = Standing(tenants={"acme": tenant, "zeta": tenant}, workflows={"onboarding": workflow, "offboarding": workflow})
        runner.run(desk.write(Activate(revision="r-1", digest=b"r-1", standing=standing)))

    @invariant()
    def worlds_agree(self) -> None:
        if self.at.waiting:
            return
        books, kinds = self.at.runner.run(self._seen())
        assert discrepancies(books) == []
        assert world_of(books) == self.model.world()
        for row in books.commits:
            if row.state in TERMINAL:
                assert self.at.ended.setdefault(row.commit_id, row) == row, "a terminal row has changed"
        assert kinds == {run: self.model.record.get(run, []) for run in RUNS}

    async def _seen(self) -> tuple[Books, dict[Run, list[str]]]:
        store = self.at.desk.store
        return await store.books(), await kinds_of(store, RUNS)

    def teardown(self) -> None:
        try:
            self._flush()
            self.worlds_agree()
        finally:
            self.at.runner.run(self.at.desk.leave())
            self.give_back(self.at.runner)
            self.at.runner.close()
            self.at.folder.cleanup()

    def _ask(self, asked: Asked) -> None:
        keys = {key for one in self.at.waiting for key in one.write.wants().keys}
        self.at.waiting.append(asked)
        if len(self.at.waiting) >= self.at.together or not keys.isdisjoint(asked.write.wants().keys):
            self._flush()

    def _flush(self) -> None:
        asked, self.at.waiting, self.at.together = self.at.waiting, [], 1
        if asked:
            replies = self.at.runner.run(self.at.desk.together([one.write for one in asked]))
            for one, reply in zip(asked, replies, strict=True):
                assert one.expected is None or said(reply) == one.expected, one.write

    def _settled_before(self, *names: str) -> None:
        if any(one.of in names for one in self.at.waiting if one.of):
            self._flush()

    def _one_of(self, names: list[str], of: int) -> str:
        name = names[of % len(names)]
        self._settled_before(name)
        return name

    def _made(self, kind: str, preferred: str = "") -> list[str]:
        """Requests of a kind, those of a state first."""
        made = [name for (space, _, _), ids in self.model.keys.items() if space == kind for name in ids]
        return [name for name in made if self.model.kept[name].state == preferred] or made

    def _sent(self, preferred: str = "") -> list[str]:
        """Those of a state, or all of them when there is none."""
        sent = [name for name, one in self.model.kept.items() if one.attempts]
        return [name for name in sent if self.model.kept[name].state == preferred] or sent

    def _thoughts(self, preferred: str = "") -> list[str]:
        return self._made("decide", preferred)
