"""What T1 is asked, and the rows it is asked over, for tests of the guards alone: an ask that every guard admits, and rows that are in nobody's way."""

from typing import Final

from gateway.domain.asks import Ask, Deny, Finding, Refuse
from gateway.domain.boundary import RunTerms, Standing
from gateway.domain.budget import BudgetLimit, Cost, Ledger, Window
from gateway.domain.guards import asked_nodes
from gateway.domain.halts import Halt, HaltScope, Reach
from gateway.domain.records import KeyName, KeyRow, KeySpace, RunName, RunRow
from gateway.domain.rows import ActivationRow, Gate, Rows
from gateway.domain.runs import open_run

NOW_MS: Final = 1_800_000_000_000
RUN: Final = RunName("acme", "onboarding", "run-1")
KEY: Final = KeyName(KeySpace.COMMIT, "acme", b"K-1")
HALT: Final = Halt(
    halt_id="h-1", scope=HaltScope(), reason="incident", principal="dora", thrown_at_ms=1, lifted_at_ms=0, lifted_by="", lift_reason=""
)  # fmt: skip
FIVE_WRITES: Final = BudgetLimit(ledger=Ledger.WRITES, currency="", window=Window.TOTAL, limit=5)


def terms(*, stops_run: frozenset[str] = frozenset(), budgets: tuple[BudgetLimit, ...] = (FIVE_WRITES,)) -> RunTerms:
    return RunTerms(steps_max=3, wall_ms_max=60_000, stops_run=stops_run, budgets=budgets)


ASK: Final = Ask(
    key=KEY, supersedes="", fingerprints={1: b"f"}, same_as={"run_id": "run-1"}, caller="signup", run=RUN, terms=terms(),
    reach=Reach(tenant="acme", workflow="onboarding", step="write", run_id="run-1", action="top_up", target="billing"), expire_at_ms=NOW_MS + 1,
    activation_number=4, verdict_at_ms=NOW_MS, denial=(), decision=None, costs=(Cost(ledger=Ledger.WRITES, currency="", amount=2),),
)  # fmt: skip


def rows_with(
    *, key: KeyRow | None = None, run: RunRow | None = None, halts: tuple[Halt, ...] = (), minimum_number: int = 0, open_runs: int = 0,
    standing: Standing | None = None, ask: Ask = ASK,
) -> Rows:  # fmt: skip
    activation = ActivationRow(number=4, revision="r", digest=b"", standing=standing, activated_at_ms=1) if standing else None
    gate = Gate(activation=activation, minimum_number=minimum_number, halts=halts)
    rows = Rows(now_ms=NOW_MS, boot_id="boot-1", counter=1, gate=gate, open_runs={"acme": open_runs})
    if key:
        rows.keys[KEY] = key
    if run:
        rows.runs[RUN] = run
    limits = (run or open_run(RUN, ask.terms, NOW_MS)).budgets
    rows.sought = {node.key for _, _, node in asked_nodes(ask, limits, standing or Standing(tenants={}, workflows={}))}
    return rows


def said(finding: Finding) -> str:
    """The finding and, of a denial, its reason."""
    match finding:
        case Deny(notes=notes):
            return f"Deny {notes[0].reason}"
        case Refuse(refusal):
            return f"Refuse {refusal.reason}"
        case _:
            return type(finding).__name__
