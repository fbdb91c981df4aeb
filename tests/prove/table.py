"""The one table: guarantee → what is run → how many cases at each size. `make prove` runs it and `docs/generated/guarantees.md` is drawn from it.

1. A row runs a module (see `suite.py`) or test files. Counts are cases; for test files the tests in them, all or none.
2. A count of 0 means: not at this size. A suite that has as many cases as it has says `ALL`.
3. `seconds_max` ends a run that hangs; it is a failure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.faults.mutants.planted import FIRST, MUTANTS
from tests.prove.suite import Size

ALL: Final = -1
_HANGS_S: Final = {Size.QUICK: 240, Size.FULL: 2_400, Size.SOAK: 36_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    guarantee: str
    runs: str | tuple[str, ...]  # a module, or test files
    counts: str  # what one case is
    quick: int
    full: int
    soak: int
    holds: str  # the invariants of `tests/prove/README.md` it checks
    long: int = 0  # minutes at full, about, that each of its parts takes; the longest begin first, so that none is left alone at the end
    parts: int = 1  # processes that share its cases, but for the quick size
    load: int = 100  # percent of a core, about, that each of them fills: one that mostly waits leaves room

    def volume(self, size: Size) -> int:
        return {Size.QUICK: self.quick, Size.FULL: self.full, Size.SOAK: self.soak}[size]

    def parts_at(self, size: Size) -> int:
        return 1 if size is Size.QUICK else self.parts

    def seconds_max(self, size: Size) -> int:
        return _HANGS_S[size]

    @property
    def where(self) -> str:
        """The files, for the table."""
        return " ".join(self.runs) if isinstance(self.runs, tuple) else self.runs.replace(".", "/") + ".py"


def _tests(name: str, guarantee: str, *files: str, holds: str, quick: bool = True, long: int = 0, load: int = 100) -> Row:
    first = ALL if quick else 0
    return Row(name=name, guarantee=guarantee, runs=files, counts="tests", quick=first, full=ALL, soak=ALL, holds=holds, long=long, load=load)


TABLE: Final = (
    Row(
        name="kill-sweep", guarantee="killed at any system call: nothing acknowledged is lost, nothing sent twice, recovered within 5 s",
        runs="tests.faults.kill_sweep", counts="kill points", quick=24, full=400, soak=4_000, holds="I1 I2 I3 I4 I5 I6 I7 I8 I10",
        long=5, parts=2, load=25,
    ),
    Row(
        name="resend-sweep", guarantee="killed around a re-send: the same key again, each attempt recorded before it is sent, one effect",
        runs="tests.faults.resend_sweep", counts="kill points", quick=3, full=32, soak=400, holds="I1 I2 I3 I4 I5 I6 I7 I8 I10",
        long=5, load=15,
    ),
    Row(
        name="io-faults", guarantee="a disk that fails or is full at any write or sync: an unknown or a refusal, never a wrong answer",
        runs="tests.faults.io_faults", counts="fault points", quick=16, full=120, soak=1_200, holds="I1 I2 I3 I4 I5 I6 I7 I8 I10",
        long=5, load=35,
    ),
    Row(
        name="moments", guarantee="stopped past its lease, a clock that jumps a day, a duplicate before the reply, a disk full at T2: one effect, one answer",
        runs="tests.faults.moments", counts="moments", quick=4, full=ALL, soak=ALL, holds="I1 I2 I3 I4 I5 I6 I7 I8 I10",
        long=1, load=30,
    ),
    Row(
        name="budget-race", guarantee="1,000 writes of 0.10 at once against 5.00, killed midway: 50 are admitted, never one more",
        runs="tests.faults.budget_race", counts="races", quick=1, full=6, soak=60, holds="I1 I3 I4 I5 I7",
    ),
    Row(
        name="controls", guarantee="each suite can fail: planted bugs are caught by the tests and suites named for them",
        runs="tests.faults.negative_controls", counts="planted bugs", quick=len(FIRST), full=len(MUTANTS), soak=len(MUTANTS), holds="all",
        long=2, load=120,
    ),
    Row(
        name="power-loss", guarantee="the power goes at any moment, any unsynced write lost or torn: whole, and nothing acknowledged is lost",
        runs="tests.faults.power_loss", counts="disk states", quick=1_500, full=20_000, soak=200_000, holds="I2 I3 I5 I6 I7 I8",
        long=1,
    ),
    _tests("wire", "at most one forward on the wire, whatever a host does", "tests/unit/gateway/adapters/hosts", holds="I1", load=35),
    _tests(
        "one-answer", "one key and content: one commit, one answer",
        "tests/contract/test_store_exam.py", "tests/unit/gateway/service/test_commit.py", holds="I4",
    ),
    _tests("budgets", "authorised never exceeds the limit; 1,000 at once against 50 admit 50", "tests/contract/test_store_exam_budgets.py", holds="I5"),
    _tests(
        "unknowns", "an unknown outcome is a state: held, never re-run, settled by evidence alone",
        "tests/contract/test_store_exam_unknowns.py", "tests/unit/gateway/service/test_reconcile.py", "tests/unit/gateway/domain/test_host_answer.py",
        holds="I3 I7",
    ),
    _tests(
        "kept-work", "after T1 the record is completed whoever leaves, and whoever else is at it",
        "tests/unit/gateway/service/test_commit_after_t1.py", "tests/unit/gateway/service/test_commit_beside_others.py", holds="I6",
    ),
    _tests("halts", "after Halt returned nothing in scope is admitted", "tests/contract/test_store_exam_halts.py", holds="I2"),
    _tests(
        "disk", "an acknowledged write survives kill -9, a failing disk ends the store", "tests/unit/gateway/adapters/store", holds="I5 I6 I8",
    ),
    _tests(
        "policy", "undefined, misspelt, mistyped or erring policy denies; no engine, no verdict",
        "tests/contract/test_policy_exam.py", "tests/unit/gateway/domain/test_verdict.py", "tests/unit/gateway/stages/test_judge.py", holds="I11",
    ),
    _tests("one-document", "what OPA judged and what the host parses is one document", "tests/unit/gateway/domain/test_strict_json.py", holds="I11"),
    _tests(
        "bounded-thought", "every thought ends inside its limits", "tests/contract/test_thinker_exam.py", "tests/contract/test_thinker_hostile.py",
        holds="I13",
    ),
    _tests(
        "no-hands", "nothing the agent reaches can write, and no text it reads can make it read for another",
        "tests/architecture/test_reach.py", "tests/contract/test_thinker_injected.py", "tests/unit/agent/tools", holds="I13",
    ),
    _tests(
        "house", "the house: directions, sizes, each contract breakable", "tests/architecture/test_house.py", "tests/architecture/test_stages.py",
        "tests/architecture/test_contract.py", "tests/architecture/test_contracts.py", holds="I13",
    ),
    _tests(
        "whole-path", "killed between forward and settle: UNKNOWN, settled once; no secret in a log", "tests/e2e/test_subscription.py",
        holds="I1 I3 I10", quick=False, long=1,
    ),
    _tests(
        "bad-input", "bad input and settings: a precise error, nothing kept",
        "tests/e2e/test_bad_input.py", "tests/e2e/test_refuses_to_start.py", holds="I11", quick=False, long=1,
    ),
    Row(
        name="model", guarantee="every answer, balance and entry is the reference model's, whatever the order of calls, clocks and restarts",
        runs="tests.prove.model_based", counts="times ten programs of fifty steps", quick=6, full=90, soak=3_000, holds="I4 I5 I7 I8",
        long=2,
    ),
    Row(
        name="simulation", guarantee="no crash, hang-up, fault, halt or late answer, in any order, breaks a promise; the same seed is the same run",
        runs="tests.prove.simulation", counts="simulated runs", quick=300, full=20_000, soak=200_000, holds="I1 I2 I3 I4 I5 I7 I8 I10",
        long=4, parts=2,
    ),
    Row(
        name="linearizability", guarantee="what all callers were told, at once, through kills and restarts, can be told in one order that the contract allows",
        runs="tests.prove.linearizability", counts="histories", quick=200, full=5_200, soak=50_000, holds="I1 I3 I4 I5 I9",
        long=3, parts=2, load=60,
    ),
    Row(
        name="cancellation", guarantee="a caller that hangs up, at any await of any call, leaves nothing behind; the record goes on",
        runs="tests.prove.cancellation", counts="points of cancellation", quick=60, full=ALL, soak=ALL, holds="I1 I4 I5",
    ),
    Row(
        name="parsing", guarantee="what is admitted is one document to OPA, Go, JavaScript, Java and Python; what they read differently is refused",
        runs="tests.prove.parsing", counts="documents", quick=600, full=20_000, soak=500_000, holds="I11",
        long=1,
    ),
    Row(
        name="malformed", guarantee="whatever is sent to any RPC is answered by us: never INTERNAL, never silence, and the gateway is well afterwards",
        runs="tests.prove.fuzz", counts="times a hundred messages", quick=20, full=1_000, soak=20_000, holds="I5 I11",
        long=2,
    ),
    Row(
        name="halts-pg", guarantee="after Halt returned, no gateway admits anything in its scope: four gateways on PostgreSQL, under load",
        runs="tests.faults.replicas.halts", counts="halts", quick=36, full=1_000, soak=10_000, holds="I2 I5",
        long=3, load=120,
    ),
    Row(
        name="budget-race-pg", guarantee="1,000 writes of 0.10 at four gateways against 5.00, one killed midway: 50 are admitted, never one more",
        runs="tests.faults.replicas.budget_race", counts="races", quick=1, full=6, soak=60, holds="I1 I3 I4 I5 I7 I8",
        long=1,
    ),
    Row(
        name="pg-faults", guarantee="PostgreSQL cut, refusing, killed or fought over at any moment, an owner asleep past its lease: one effect, one answer",
        runs="tests.faults.replicas.pg_faults", counts="faults", quick=16, full=120, soak=ALL, holds="I1 I2 I3 I4 I5 I6 I7 I8 I10",
        long=2, load=50,
    ),
    Row(
        name="disk-full-pg", guarantee="PostgreSQL's disk is full: nothing leaves without a durable T1; what was answered is recorded when there is room",
        runs="tests.faults.replicas.disk_full", counts="full disks", quick=2, full=ALL, soak=ALL, holds="I1 I2 I3 I4 I5 I6 I7 I8 I10",
        long=1, load=30,
    ),
    Row(
        name="linearizable-pg", guarantee="what all callers of four gateways were told, through kills of gateways and server, can be told in one order",
        runs="tests.faults.replicas.linearizable", counts="histories", quick=1, full=24, soak=400, holds="I1 I3 I4 I5 I8 I9 I10",
        long=2,
    ),
    Row(
        name="partitions", guarantee="a gateway parted from its callers, its host or its store, one way or both: the others go on, and healed all agree",
        runs="tests.faults.replicas.partitions", counts="partitions", quick=2, full=13, soak=13, holds="I1 I2 I3 I4 I5 I6 I7 I8 I10",
        long=1, load=60,
    ),
)  # fmt: skip

BY_NAME: Final[Mapping[str, Row]] = {row.name: row for row in TABLE}
