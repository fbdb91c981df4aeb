"""Several gateways on one database: one budget, one meaning of a key, and what one leaves is found by its lease."""

import asyncio

from gateway.adapters.store.postgres.connecting import Access
from gateway.adapters.store.postgres.store import PostgresStore
from gateway.adapters.system import SystemClock, SystemIds
from gateway.domain.asks import Refuse, Twin
from gateway.domain.lifecycle import Event, State
from gateway.domain.limits import DENIALS_PER_S_MAX
from gateway.domain.reasons import Reason
from gateway.domain.writes.commits import Authorised, Denied
from gateway.ports.store import Recovered
from tests.contract.postgres_seat import PostgresSeat
from tests.contract.store_desk import LEASE_MS, RUN, Desk, by_state, limit, run_named, terms, writes
from tests.unit.gateway.adapters.store.postgres.conftest import Seated


async def test_a_thousand_at_once_over_four_gateways_admit_fifty(seated: Seated) -> None:
    """1,000 concurrent commits of 0.10 against 5.00. Of the denials each gateway records as many as it may in a second; the clock stands still."""
    desks = [await seated() for _ in range(4)]
    await desks[0].activate(tenant=[limit(5_000_000)])

    async def claim(n: int) -> object:
        desk = desks[n % 4]
        return await desk.write(desk.claim(desk.ask(f"K-{n}", run=run_named(f"run-{n % 7}"), costs=writes(100_000))))

    replies = await asyncio.gather(*(claim(n) for n in range(1_000)))

    assert sum(isinstance(reply, Authorised) for reply in replies) == 50
    assert sum(isinstance(reply, Denied) for reply in replies) == 4 * DENIALS_PER_S_MAX
    assert {reply.refusal.reason for reply in replies if isinstance(reply, Refuse)} == {Reason.TOO_MANY_DENIALS}
    assert (await desks[0].balances())["tenant"] == (5_000_000, 0)


async def test_one_key_at_every_gateway_is_one_commit(seated: Seated) -> None:
    """Whoever comes second is told who was first."""
    desks = [await seated() for _ in range(4)]

    for n in range(25):
        replies = await asyncio.gather(*(desk.write(desk.claim(desk.ask(f"K-{n}"))) for desk in desks))
        [winner] = [reply.row.commit_id for reply in replies if isinstance(reply, Authorised)]

        assert sum(reply == Twin(winner) for reply in replies) == 3


async def test_what_flies_at_another_gateway_is_left_alone_until_its_lease_ends(seated: Seated) -> None:
    """Recovery goes by the lease and by nothing else; two that recover at once end each commit once."""
    one, other = await seated(), await seated()
    one.terms = terms(budgets=[limit(50)])
    rows = [await one.authorised(one.ask(f"K-{n}", costs=writes())) for n in range(5)]
    thinking = await one.begun(one.thinking_ask("D-1"))
    at_once = await other.store.recover()
    one.clock.advance(ms=LEASE_MS)

    recovered = await asyncio.gather(one.store.recover(), other.store.recover())

    assert at_once == Recovered(commits=0, decisions=0)
    assert sum(found.commits for found in recovered) == 5
    assert by_state([await other.stored(row.commit_id) for row in rows]) == {State.UNKNOWN: 5}
    lost = await other.store.decision(thinking.decision_id)
    assert lost is not None
    assert lost.stop == "LOST"
    assert (await one.kinds()).count("OUTCOME") == 5


async def test_the_owners_late_answer_resolves_what_another_found_interrupted(seated: Seated) -> None:
    """A forwards, B finds it past its lease, A's answer arrives last."""
    a, b = await seated(), await seated()
    a.terms = terms(budgets=[limit(5)])
    row = await a.authorised(a.ask("K-1", costs=writes(2)))
    a.clock.advance(ms=LEASE_MS)
    await b.store.recover()

    ended = await a.settled(row, Event.HOST_DID)

    assert ended.state is State.SUCCEEDED
    assert await b.stored(row.commit_id) == ended
    assert (await b.balances())["run"] == (0, 2)


async def test_entries_of_each_gateway_count_without_a_gap(seated: Seated) -> None:
    """Two boots, two rows of counters, whatever is rolled back in between."""
    one, other = await seated(), await seated()
    await asyncio.gather(*(desk.authorised(desk.ask(f"K-{place}-{n}")) for place, desk in enumerate((one, other)) for n in range(40)))

    counters: dict[str, list[int]] = {}
    for _, entry in await one.store.entries(RUN, after=0, limit=1_000):
        counters.setdefault(entry.boot_id, []).append(entry.counter)

    assert [sorted(found) for found in counters.values()] == [list(range(1, 41))] * 2


async def test_the_clock_is_the_servers(database: Access) -> None:
    """Within the skew that opening allows, and read by the server in the statement after the locks."""
    store = await PostgresStore.open(database, ids=SystemIds(), clock=SystemClock())
    clock = SystemClock()
    desk = Desk(store=store, seat=PostgresSeat(database))
    before_ms = clock.now_ms()
    desk.clock.set_wall(now_ms=before_ms)
    row = await desk.authorised(desk.ask("K-1"))
    facts = await store.facts(key=desk.ask("K-1").key, run=RUN, decision_id="")
    await store.close()

    assert before_ms - 500 <= row.created_at_ms <= facts.now_ms <= clock.now_ms() + 500
