"""The store's exam, reads: what was acknowledged is seen, in order, a page at a time, by those who may."""

import asyncio

import pytest

from gateway.domain.audit import leaf_hash
from gateway.domain.budget import Window
from gateway.domain.lifecycle import Event
from gateway.domain.records import KeyName, KeySpace
from gateway.domain.writes.commits import Authorised
from gateway.ports.store import Due, Withdrawn
from tests.contract.store_desk import ELSEWHERE, FOREVER_S, RUN, TENANT, WORKFLOW, Desk, limit, run_named, terms, writes


async def test_facts_of_a_request_nobody_has_made(desk: Desk) -> None:
    """Nothing, the gate, and the store's time."""
    activation = await desk.activate(tenant=[limit(5)])

    facts = await desk.store.facts(key=KeyName(KeySpace.COMMIT, TENANT, b"K-1"), run=RUN, decision_id="d-1")

    assert (facts.key, facts.commit, facts.decided, facts.decision, facts.run, facts.nodes) == (None, None, None, None, None, ())
    assert (facts.gate.activation, facts.now_ms) == (activation, desk.clock.now_ms())


async def test_facts_bring_the_latest_generation_the_decision_the_run_and_its_nodes(desk: Desk) -> None:
    """One consistent read: of this run, this workflow, this tenant, newest windows only."""
    desk.terms = terms(budgets=[limit(50)])
    await desk.activate(workflow=[limit(60, window=Window.MINUTE)], tenant=[limit(70)])
    decision = await desk.decided("D-1")
    failed = await desk.committed(desk.ask("K-1", costs=writes(1)), Event.HOST_DID_NOT)
    await desk.authorised(desk.ask("K-other", costs=writes(2), run=run_named("run-2")))
    await desk.authorised(desk.ask("K-else", costs=writes(3), run=run_named("run-1", workflow=ELSEWHERE)))
    await desk.authorised(desk.ask("K-1", costs=writes(4), run=run_named("run-1", tenant="other")))
    desk.clock.advance(ms=60_000)
    latest = await desk.authorised(desk.ask("K-1", costs=writes(5), supersedes=failed.commit_id))

    facts = await desk.store.facts(key=KeyName(KeySpace.COMMIT, TENANT, b"K-1"), run=RUN, decision_id=decision.decision_id)
    thought = await desk.store.facts(key=KeyName(KeySpace.DECIDE, TENANT, b"D-1"), run=RUN, decision_id="")

    assert facts.key is not None
    assert [generation.id for generation in facts.key.generations] == [failed.commit_id, latest.commit_id]
    assert (facts.commit, facts.decided, facts.decision) == (latest, None, decision)
    assert (thought.commit, thought.decided, thought.decision) == (None, decision, None)
    assert facts.run is not None
    assert facts.run.steps == 3
    found = {(str(row.node.level), row.node.workflow, row.node.run_id, row.window_start_ms): row.held for row in facts.nodes}
    minute_ms = desk.clock.now_ms() - desk.clock.now_ms() % 60_000
    assert found == {("run", WORKFLOW, "run-1", 0): 5, ("workflow", WORKFLOW, "", minute_ms): 5, ("tenant", "", "", 0): 10}


async def test_reads_see_what_was_acknowledged_before_they_began(desk: Desk) -> None:
    """Fifty writers, each reading its own row right after its answer."""

    async def write_and_read(n: int) -> bool:
        row = await desk.authorised(desk.ask(f"K-{n}"))
        return await desk.stored(row.commit_id) == row

    assert all(await asyncio.gather(*(write_and_read(n) for n in range(50))))


async def test_a_commit_is_found_by_its_key(desk: Desk) -> None:
    """Its latest generation, with what the host answered."""
    failed = await desk.committed(desk.ask("K-1"), Event.HOST_DID_NOT)
    latest = await desk.authorised(desk.ask("K-1", supersedes=failed.commit_id))
    settled = await desk.settled(latest, Event.HOST_DID, response=b"{}")

    found = await desk.store.commit_of_key(KeyName(KeySpace.COMMIT, TENANT, b"K-1"))

    assert found == await desk.store.commit(settled.commit_id)
    assert found is not None
    assert await desk.store.commit_of_key(KeyName(KeySpace.COMMIT, "other", b"K-1")) is None
    assert await desk.store.commit("c-nothing") is None
    assert await desk.store.body("c-nothing") is None


async def test_the_record_of_a_run_is_gapless_hashed_and_paged(desk: Desk) -> None:
    """Counters follow each other; a leaf hashes to its hash; pages meet without overlap; another run's entries are not in it."""
    for n in range(4):
        await desk.committed(desk.ask(f"K-{n}"))
    whole = await desk.store.entries(RUN, after=0, limit=100)
    await desk.authorised(desk.ask("K-x", run=run_named("run-2")))

    pages = [await desk.store.entries(RUN, after=0, limit=3)]
    while pages[-1]:
        pages.append(await desk.store.entries(RUN, after=pages[-1][-1][0], limit=3))

    assert [entry.counter for _, entry in whole] == list(range(1, 9))
    assert all(leaf_hash(entry.leaf) == entry.leaf_hash for _, entry in whole)
    assert [entry for page in pages for entry in page] == whole
    assert [len(page) for page in pages] == [3, 3, 2, 0]
    assert {(entry.tenant, entry.workflow, entry.run_id) for _, entry in whole} == {(TENANT, WORKFLOW, "run-1")}


async def test_commits_are_listed_newest_first_by_what_is_asked(desk: Desk) -> None:
    """Tenant, state, workflow; "" means any and "*" every tenant; pages meet."""
    elsewhere = run_named("run-1", workflow=ELSEWHERE)
    other = run_named("run-1", tenant="other")
    done = [await desk.committed(desk.ask(f"K-{n}")) for n in range(3)]
    flying = await desk.authorised(desk.ask("K-3"))
    there = await desk.committed(desk.ask("K-4", run=elsewhere))
    others = await desk.committed(desk.ask("K-0", run=other), Event.NOBODY_KNOWS)

    async def ids(*, tenant: str = TENANT, state: str = "", workflow: str = "", before: int = 0, limit: int = 100) -> list[str]:
        found = await desk.store.commits(tenant=tenant, state=state, workflow=workflow, before=before, limit=limit)
        return [row.commit_id for _, row in found]

    newest_first = [there.commit_id, flying.commit_id, *(row.commit_id for row in reversed(done))]
    assert await ids() == newest_first
    assert await ids(tenant="*") == [others.commit_id, *newest_first]
    assert await ids(state="SUCCEEDED", workflow=WORKFLOW) == [row.commit_id for row in reversed(done)]
    assert await ids(state="FORWARDING") == [flying.commit_id]
    assert await ids(tenant="*", state="UNKNOWN") == [others.commit_id]
    assert await ids(tenant="nobody") == []
    first = await desk.store.commits(tenant=TENANT, state="", workflow="", before=0, limit=2)
    assert await ids(before=first[-1][0]) == newest_first[2:]
    assert [row for _, row in first] == [there, await desk.stored(flying.commit_id)]


async def test_nodes_are_listed_in_their_newest_window(desk: Desk) -> None:
    """By tenant and workflow; "*" is every tenant."""
    desk.terms = terms(budgets=[limit(50)])
    await desk.activate(tenant=[limit(70, window=Window.MINUTE)])
    await desk.authorised(desk.ask("K-1", costs=writes(1)))
    await desk.authorised(desk.ask("K-2", costs=writes(2), run=run_named("run-9", tenant="other")))
    desk.clock.advance(ms=60_000)
    await desk.authorised(desk.ask("K-3", costs=writes(4)))

    own = await desk.store.nodes(tenant=TENANT, workflow="")
    every = await desk.store.nodes(tenant="*", workflow="")
    of_workflow = await desk.store.nodes(tenant=TENANT, workflow=WORKFLOW)

    assert {(str(row.node.level), row.held) for row in own} == {("run", 5), ("tenant", 4)}
    assert {(row.node.tenant, str(row.node.level), row.held) for row in every} == {(TENANT, "run", 5), (TENANT, "tenant", 4), ("other", "run", 2)}
    assert {(str(row.node.level), row.held) for row in of_workflow} == {("run", 5)}


async def test_runs_are_found_by_their_id_in_a_tenant(desk: Desk) -> None:
    """Of any workflow, at most ten."""
    names = [run_named("run-1", workflow=f"w-{n:02}") for n in range(12)]
    for name in names:
        await desk.authorised(desk.ask(f"K-{name.workflow}", run=name))

    assert await desk.store.runs_named(tenant=TENANT, run_id="run-1") == names[:10]
    assert await desk.store.runs_named(tenant="other", run_id="run-1") == []
    assert await desk.store.run(run_named("run-7")) is None


async def test_what_is_due_is_bounded(desk: Desk) -> None:
    """At most `limit` of each kind; nothing is due in a quiet store."""
    quiet = await desk.store.due(limit=10)
    for n in range(5):
        await desk.authorised(desk.ask(f"K-{n}"))
        await desk.begun(desk.thinking_ask(f"D-{n}"))
    desk.clock.advance(ms=5_000)

    due = await desk.store.due(limit=3)

    assert quiet == Due(interrupted=(), unknown=(), lost=(), timed_out=())
    assert (len(due.interrupted), len(due.lost), due.unknown, due.timed_out) == (3, 3, (), ())


async def test_trying_out_decides_and_writes_nothing(desk: Desk) -> None:
    """The answer T1 would give now; the key, the budget and the record stay as they were."""
    desk.terms = terms(budgets=[limit(3)])
    await desk.authorised(desk.ask("K-1", costs=writes(2)))
    before = await desk.kinds()

    admitted = await desk.store.try_out(desk.claim(desk.ask("K-2", costs=writes(1))))
    denied = await desk.store.try_out(desk.claim(desk.ask("K-2", costs=writes(2))))

    assert isinstance(admitted, Authorised)
    assert not isinstance(denied, Authorised)
    assert await desk.store.commit(admitted.row.commit_id) is None
    assert await desk.kinds() == before
    assert (await desk.authorised(desk.ask("K-2", costs=writes(1)))).generation == 1


async def test_what_was_not_handed_over_in_time_never_is(desk: Desk) -> None:
    """Withdrawn, and no trace of it."""
    ask = desk.ask("K-1")

    with pytest.raises(Withdrawn):
        await desk.store.write(desk.claim(ask), hand_over_by_s=asyncio.get_running_loop().time() - 1)

    assert await desk.store.commit_of_key(ask.key) is None
    assert isinstance(await desk.store.write(desk.claim(ask), hand_over_by_s=FOREVER_S), Authorised)
