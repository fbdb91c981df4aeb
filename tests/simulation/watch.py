"""What must never be seen, looked for at every write and at the end of a run. Numbers are those of `tests/prove/README.md`.

1. It knows of the product what is on the disk and what was answered; of the world everything.
2. A finding is a sentence. A run without findings has kept every promise it was watched for.
"""

from collections import Counter
from typing import Any

from gateway.domain.chronicle import contradictions
from gateway.domain.conservation import discrepancies
from gateway.domain.facts import nodes_in_scope
from gateway.domain.halts import HaltScope, covers
from gateway.domain.handoffs import Outcome
from gateway.domain.lifecycle import TERMINAL, State, Thinking
from gateway.domain.records import CommitRow, RunName
from gateway.domain.rows import Write
from gateway.domain.targets import HostMode
from gateway.domain.writes.commits import Authorised
from gateway.domain.writes.halts import reach_of_commit
from tests.fakes.store import MemoryStore
from tests.simulation.sim_host import HostSystem


class Watch:
    def __init__(self, durable: MemoryStore, hosts: dict[str, HostSystem]) -> None:
        self.durable, self.hosts = durable, hosts
        self.found: list[str] = []
        self.halted: dict[str, HaltScope] = {}  # halts that were acknowledged and not yet asked to be lifted
        self.answers: dict[str, Outcome] = {}  # by commit: the first final answer
        self._ended: dict[str, CommitRow] = {}
        self._generations: dict[tuple[str, bytes, int], str] = {}

    def at_write(self, write: Write[Any], reply: object) -> None:
        for commit_id, row in self.durable.rows.items():
            if row.state in TERMINAL and self._ended.setdefault(commit_id, row) is not row and self._ended[commit_id] != row:
                self.found.append(f"I7: {commit_id} was {self._ended[commit_id].state} and is otherwise now")
        if isinstance(reply, Authorised):
            self._at_admission(reply.row)

    def _at_admission(self, row: CommitRow) -> None:
        for halt_id, scope in self.halted.items():
            if covers(scope, reach_of_commit(row)):
                self.found.append(f"halts: {row.commit_id} was admitted while {halt_id} was in force")
        name = RunName(row.tenant, row.workflow, row.run_id)
        run = self.durable.open_and_ended[name]
        standing = self.durable._gate.activation
        assert standing is not None, "an admission is under some activation"
        limits = {  # of every node that is declared: the run's own, and those in force above it
            **{("run", limit.ledger, limit.window): limit.limit for limit in run.budgets},
            **{("workflow", limit.ledger, limit.window): limit.limit for limit in standing.standing.workflows.get(row.workflow, ())},
            **{("tenant", limit.ledger, limit.window): limit.limit for limit in standing.standing.tenants.get(row.tenant, ())},
        }
        asked = {held.node.key for held in row.holds}
        for node in nodes_in_scope(name, run, self.durable._gate):
            rows = [one for (key, _), one in self.durable.windows.items() if key == node.key]
            newest = max(rows, key=lambda one: one.window_start_ms, default=None)
            if newest and node.key in asked and newest.held + newest.settled > limits[node.level, node.ledger, node.window]:
                self.found.append(f"I5: {row.commit_id} went over {node.level} {node.ledger}: {newest.held} + {newest.settled}")

    def at_arrival(self, key: str) -> None:
        """Of one delivery at a host."""
        commit_id = key.removeprefix("cs-")
        if commit_id not in self.durable.rows:
            self.found.append(f"I2: {key} arrived and no INTENT of it is durable")

    def at_answer(self, outcome: Outcome) -> None:
        row = outcome.row
        generation = (row.tenant, row.key, row.generation)
        if self._generations.setdefault(generation, row.commit_id) != row.commit_id:
            self.found.append(f"I4: generation {row.generation} of {row.key!r} is both {row.commit_id} and {self._generations[generation]}")
        if row.state not in TERMINAL:
            return
        first = self.answers.setdefault(row.commit_id, outcome)
        if (first.row.state, first.response) != (row.state, outcome.response):
            self.found.append(f"I4: {row.commit_id} was told as {first.row.state} and as {row.state}")

    def after_recovery(self, boot_id: str) -> None:
        left = [row.commit_id for row in self.durable.rows.values() if row.state is State.FORWARDING and row.boot_id != boot_id]
        if left:
            self.found.append(f"I8: {left} are FORWARDING after recovery")

    async def at_the_end(self) -> list[str]:
        books = await self.durable.books()
        self.found += [f"I5: {wrong}" for wrong in discrepancies(books)]
        self.found += [f"record: {wrong}" for wrong in contradictions(self.durable.record, books.commits)]
        self.found += [f"I10: {row.commit_id} is {row.state} with {row.looks} looks" for row in books.commits if row.state not in TERMINAL]
        self.found += [f"I10: {row.decision_id} is {row.state}" for row in books.decisions if row.state is Thinking.THINKING]
        for row in books.commits:
            self._at_the_host(row)
            told = self.answers.get(row.commit_id)
            if told and told.row.state is not row.state:
                self.found.append(f"I3: {row.commit_id} was acknowledged {told.row.state} and is {row.state}")
        return self.found

    def _at_the_host(self, row: CommitRow) -> None:
        host, key = self.hosts[row.target], f"cs-{row.commit_id}"
        effects, deliveries = host.effects[key], sum(one.key == key for one in host.arrived)
        if row.state is State.SUCCEEDED and effects != 1:
            self.found.append(f"I3: {row.commit_id} SUCCEEDED with {effects} effects")
        if row.state in {State.FAILED, State.DENIED} and effects:
            self.found.append(f"I3: {row.commit_id} is {row.state} and had an effect")
        if effects > 1 or deliveries > (row.attempts if host.mode is HostMode.DEDUPE else 1):
            self.found.append(f"I1: {row.commit_id} was delivered {deliveries} times over {row.attempts} attempts, with {effects} effects")

    def counted(self) -> Counter[str]:
        """How runs end, for the table."""
        return Counter(str(row.state) for row in self.durable.rows.values())
