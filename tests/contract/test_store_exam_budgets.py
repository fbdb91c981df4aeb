"""The store's exam, budgets: what is authorised never exceeds a limit, at any level, in any window, however many ask at once."""

import asyncio

import pytest

from gateway.domain.asks import Refuse
from gateway.domain.budget import Cost, HoldState, Ledger, Window
from gateway.domain.lifecycle import Event, State
from gateway.domain.limits import DENIALS_PER_S_MAX
from gateway.domain.reasons import Reason, RunStop
from gateway.domain.writes.commits import Authorised, Denied
from tests.contract.store_desk import RUN, TENANT, WORKFLOW, Desk, limit, reasons, run_named, states, terms, windows, writes

MINUTE_MS = 60_000
DAY_MS = 86_400_000


async def test_a_thousand_at_once_against_fifty_admit_fifty(desk: Desk) -> None:
    """1,000 concurrent commits of 0.10 against 5.00."""
    await desk.activate(tenant=[limit(5_000_000)])

    replies = await desk.together([desk.claim(desk.ask(f"K-{n}", run=run_named(f"run-{n % 7}"), costs=writes(100_000))) for n in range(1_000)])

    assert sum(isinstance(reply, Authorised) for reply in replies) == 50
    assert sum(isinstance(reply, Denied) for reply in replies) == DENIALS_PER_S_MAX  # the rest are refused: the clock stands still
    assert {reply.refusal.reason for reply in replies if isinstance(reply, Refuse)} == {Reason.TOO_MANY_DENIALS}
    assert (await desk.balances())["tenant"] == (5_000_000, 0)


async def test_one_node_named_by_three_members_of_a_batch_counts_three_times(desk: Desk) -> None:
    """The second sees the first's hold, the third sees both."""
    await desk.activate(tenant=[limit(5)])

    replies = await desk.together([desk.claim(desk.ask(f"K-{n}", costs=writes(2))) for n in range(3)])

    assert [type(reply) for reply in replies] == [Authorised, Authorised, Denied]
    assert (await desk.balances())["tenant"] == (4, 0)


async def test_t1_and_t2_of_different_commits_share_a_batch(desk: Desk) -> None:
    """What one settles less, or releases, the next member may hold."""
    await desk.activate(tenant=[limit(5)])
    failing = await desk.authorised(desk.ask("K-1", costs=writes(5)))

    settled, admitted = await asyncio.gather(desk.write(desk.settlement(failing, Event.HOST_DID_NOT)), desk.write(desk.claim(desk.ask("K-2", costs=writes(5)))))

    assert settled.state is State.FAILED
    assert isinstance(admitted, Authorised)
    assert (await desk.balances())["tenant"] == (5, 0)


@pytest.mark.parametrize("short", ["run", "workflow", "tenant"])
async def test_every_level_admits_or_nothing_is_held(desk: Desk, short: str) -> None:
    """The level that is short denies with its facts; the levels above and below hold nothing."""
    of = {level: limit(3 if level == short else 100) for level in ("run", "workflow", "tenant")}
    desk.terms = terms(budgets=[of["run"]])
    await desk.activate(workflow=[of["workflow"]], tenant=[of["tenant"]])
    await desk.committed(desk.ask("K-1", costs=writes(2)))

    row = await desk.denied(desk.ask("K-2", costs=writes(2)))

    [note] = row.notes
    facts = {name: note.facts[name] for name in ("level", "node", "ledger", "asked", "left", "limit", "window", "resets_at_ms")}
    assert note.reason is Reason.BUDGET_EXHAUSTED
    assert facts == {
        "level": short, "node": {"run": RUN.run_id, "workflow": WORKFLOW, "tenant": TENANT}[short], "ledger": "writes", "asked": "2", "left": "1",
        "limit": "3", "window": "total", "resets_at_ms": "0",
    }  # fmt: skip
    assert await desk.balances() == {"run": (0, 2), "workflow": (0, 2), "tenant": (0, 2)}


async def test_a_run_whose_own_budget_is_gone_stops_where_it_says_so(desk: Desk) -> None:
    """BUDGET_LIMIT in `stops_run`: the denial ends the run in the same transaction."""
    desk.terms = terms(budgets=[limit(1)], stops_run=["BUDGET_LIMIT"])

    await desk.denied(desk.ask("K-1", costs=writes(2)))
    after = await desk.denied(desk.ask("K-2", costs=writes(1)))

    assert reasons(after) == [Reason.RUN_STOPPED]
    assert after.notes[0].facts == {"stop": "BUDGET_LIMIT"}
    assert await desk.kinds() == ["DENIAL", "RUN_STOPPED", "DENIAL"]


async def test_another_levels_full_minute_stops_no_run(desk: Desk) -> None:
    """A tenant's window is nobody's own end: the run goes on when the window turns, and the denial says when that is."""
    desk.terms = terms(stops_run=["BUDGET_LIMIT"])
    await desk.activate(tenant=[limit(1, window=Window.MINUTE)])
    await desk.authorised(desk.ask("K-1", costs=writes()))
    desk.clock.advance(ms=1_500)

    row = await desk.denied(desk.ask("K-2", costs=writes()))
    desk.clock.advance(ms=row.notes[0].retry_after_ms)

    await desk.authorised(desk.ask("K-3", costs=writes()))
    run = await desk.store.run(RUN)
    assert run is not None
    assert run.stop is None


async def test_a_hold_ends_in_the_window_it_was_made_in(desk: Desk) -> None:
    """T1 before midnight, T2 after it: yesterday's window settles, today's is untouched."""
    desk.terms = terms(wall_ms_max=2 * DAY_MS)
    await desk.activate(tenant=[limit(10, window=Window.DAY)])
    first = await desk.authorised(desk.ask("K-1", costs=writes(4)))
    desk.clock.advance(ms=DAY_MS)
    second = await desk.authorised(desk.ask("K-2", costs=writes(7)))

    await desk.settled(first, Event.HOST_DID)

    assert [hold.window_start_ms for row in (first, second) for hold in row.holds] == [1_799_971_200_000, 1_800_057_600_000]
    assert (await desk.balances())["tenant"] == (7, 0)
    assert (await desk.denied(desk.ask("K-3", costs=writes(4)))).notes[0].facts["left"] == "3"
    books = await desk.store.books()
    assert {row.window_start_ms: (row.held, row.settled) for row in books.nodes} == {1_799_971_200_000: (0, 4), 1_800_057_600_000: (7, 0)}


async def test_a_clock_that_goes_back_opens_no_old_window(desk: Desk) -> None:
    """The newest window stands: setting the clock back gives nothing to spend again."""
    await desk.activate(tenant=[limit(5, window=Window.MINUTE)])
    await desk.authorised(desk.ask("K-1", costs=writes(5)))
    before_ms = desk.clock.now_ms()
    desk.clock.advance(ms=MINUTE_MS)
    await desk.authorised(desk.ask("K-2", costs=writes(4)))

    desk.clock.set_wall(now_ms=before_ms - 10 * MINUTE_MS)
    await desk.reopen()
    denied = await desk.denied(desk.ask("K-3", costs=writes(2)))
    admitted = await desk.authorised(desk.ask("K-4", costs=writes(1)))

    assert denied.notes[0].facts["left"] == "1"
    assert admitted.holds[0].window_start_ms == before_ms - before_ms % MINUTE_MS + MINUTE_MS
    assert windows((await desk.store.books()).nodes) == [before_ms - before_ms % MINUTE_MS, before_ms - before_ms % MINUTE_MS + MINUTE_MS]


async def test_a_limit_lowered_below_use_denies_until_it_recovers(desk: Desk) -> None:
    """Limits above run level apply at once; nothing that was admitted is touched."""
    await desk.activate(tenant=[limit(10)])
    held = await desk.authorised(desk.ask("K-1", costs=writes(6)))
    await desk.activate(tenant=[limit(4)], revision="r-2")

    denied = await desk.denied(desk.ask("K-2", costs=writes(1)))
    await desk.settled(held, Event.HOST_DID_NOT)
    admitted = await desk.authorised(desk.ask("K-3", costs=writes(4)))

    assert denied.notes[0].facts["left"] == "-2"
    assert states(admitted.holds) == {HoldState.OPEN}


async def test_a_limit_that_comes_with_the_batch_counts_what_was_spent_before(desk: Desk) -> None:
    """Activation and T1 in one batch: the node that the new limit names is read, not taken for absent."""
    await desk.activate(tenant=[limit(10)])
    await desk.authorised(desk.ask("K-1", costs=writes(9)))
    await desk.activate(revision="r-2")

    _, reply = await asyncio.gather(
        desk.activate(tenant=[limit(10)], revision="r-3"), desk.write(desk.claim(desk.ask("K-2", costs=writes(2), activation_number=2)))
    )

    assert isinstance(reply, Denied)
    assert reply.row.notes[0].facts["left"] == "1"


async def test_a_runs_limits_are_those_of_its_first_call(desk: Desk) -> None:
    """Later terms change nothing for a run that is open."""
    await desk.authorised(desk.ask("K-1", costs=writes(2), terms=terms(budgets=[limit(3)])))

    denied = await desk.denied(desk.ask("K-2", costs=writes(2), terms=terms(budgets=[limit(100)])))

    assert denied.notes[0].facts["limit"] == "3"


async def test_ledgers_and_currencies_are_apart(desk: Desk) -> None:
    """A cost meets only the limits of its own ledger and currency; amounts go up to 10^15."""
    most = 10**15
    euros = limit(most, ledger=Ledger.VALUE, currency="EUR")
    await desk.activate(tenant=[euros, limit(1, ledger=Ledger.VALUE, currency="USD"), limit(1)])

    row = await desk.authorised(desk.ask("K-1", costs=[*writes(1), _value("EUR", most), _value("CHF", most)]))

    assert [(hold.node.ledger, hold.node.currency, hold.amount) for hold in row.holds] == [("writes", "", 1), ("value", "EUR", most)]
    assert (await desk.settled(row, Event.HOST_DID)).holds[1].settled == most
    assert (await desk.denied(desk.ask("K-2", costs=[_value("USD", 2)]))).notes[0].facts["currency"] == "USD"


async def test_a_superseding_commit_holds_anew(desk: Desk) -> None:
    """What failed was given back, so the next generation asks again."""
    desk.terms = terms(budgets=[limit(3)], stops_run=[RunStop.BUDGET_LIMIT])
    failed = await desk.committed(desk.ask("K-1", costs=writes(3)), Event.HOST_DID_NOT)

    again = await desk.authorised(desk.ask("K-1", costs=writes(3), supersedes=failed.commit_id))

    assert (states(failed.holds), states(again.holds)) == ({HoldState.RELEASED}, {HoldState.OPEN})


def _value(currency: str, amount: int) -> Cost:
    return Cost(ledger=Ledger.VALUE, currency=currency, amount=amount)
