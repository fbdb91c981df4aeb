"""The exam of the store port, taken by every store, the fake included: one commit from T1 to its end, and what a key is bound to.

The other parts: `test_store_exam_budgets`, `…_decisions`, `…_runs`, `…_unknowns`, `…_halts`, `…_reads`. After each test everything has to add up.
"""

import unicodedata

import pytest

from gateway.domain.asks import Refuse, Rejudge, Twin
from gateway.domain.audit import leaf_hash
from gateway.domain.budget import HoldState
from gateway.domain.change import replace
from gateway.domain.fingerprint import VERSION
from gateway.domain.lifecycle import Event, State
from gateway.domain.reasons import Reason
from gateway.domain.records import KeyName, KeySpace, Note
from gateway.domain.writes.commits import Authorised, Denied
from tests.contract.store_desk import EXPIRES_IN_MS, LEASE_MS, MARGIN_MS, RUN, TENANT, Desk, limit, reasons, run_named, states, terms, writes


async def test_t1_writes_everything_that_sending_needs(desk: Desk) -> None:
    """FORWARDING with its lease, its last moment to send, its body, its INTENT: all in the reply and all in the store."""
    claim = desk.claim(desk.ask("K-1"), payload=b'{"plan":"basic"}')

    reply = await desk.write(claim)

    assert isinstance(reply, Authorised)
    now_ms = desk.clock.now_ms()
    row = reply.row
    assert (row.state, row.generation, row.attempts, row.lease_until_ms, row.not_after_ms) == (
        State.FORWARDING, 1, 1, now_ms + LEASE_MS, now_ms + LEASE_MS - MARGIN_MS,
    )  # fmt: skip
    assert await desk.stored(row.commit_id) == row
    body = await desk.store.body(row.commit_id)
    assert body is not None
    assert (body.payload, body.judged_input, body.salt, body.response) == (b'{"plan":"basic"}', b'{"input":1}', b"salt", b"")
    [(_, entry)] = await desk.store.entries(RUN, after=0, limit=10)
    assert (entry.kind, entry.subject_id, entry.leaf_hash, leaf_hash(entry.leaf)) == ("INTENT", row.commit_id, row.entry_hash, row.entry_hash)


async def test_the_last_moment_to_send_is_the_requests_own_when_that_comes_first(desk: Desk) -> None:
    """not_after never outlives the caller's expire time."""
    expire_at_ms = desk.clock.now_ms() + 700

    row = await desk.authorised(desk.ask("K-1", expire_at_ms=expire_at_ms))

    assert row.not_after_ms == expire_at_ms


@pytest.mark.parametrize(
    ("event", "state", "kept"),
    [
        (Event.HOST_DID, State.SUCCEEDED, HoldState.SETTLED),
        (Event.HOST_DID_NOT, State.FAILED, HoldState.RELEASED),
        (Event.NOBODY_KNOWS, State.UNKNOWN, HoldState.OPEN),
    ],
)
async def test_t2_records_what_came_of_it(desk: Desk, event: Event, state: State, kept: HoldState) -> None:
    """State, response, holds and OUTCOME move together; an unknown keeps its hold."""
    desk.terms = terms(budgets=[limit(5)])
    row = await desk.authorised(desk.ask("K-1", costs=writes(2)))

    settled = await desk.settled(row, event, notes=[Note(reason=Reason.HOST_SILENT)], response=b'{"id":7}')

    assert (settled.state, states(settled.holds), reasons(settled)) == (state, {kept}, [Reason.HOST_SILENT])
    stored = await desk.store.commit(row.commit_id)
    assert stored is not None
    assert (stored.row, stored.response) == (settled, b'{"id":7}')
    assert await desk.kinds() == ["INTENT", "OUTCOME"]
    assert (await desk.balances())["run"] == {State.SUCCEEDED: (0, 2), State.FAILED: (0, 0), State.UNKNOWN: (2, 0)}[state]


async def test_a_denial_found_before_t1_is_recorded_and_final(desk: Desk) -> None:
    """DENIED has its key, its notes and its DENIAL, and the same request gets it again."""
    ask = desk.ask("K-1", denial=[Note(reason=Reason.POLICY_DENIED, policy_code="AMOUNT_TOO_HIGH", facts={"limit": "5"}, detail="too much")])

    row = await desk.denied(ask)
    again = await desk.write(desk.claim(ask))

    assert (row.state, row.notes, row.holds, row.attempts) == (State.DENIED, ask.denial, (), 0)
    assert await desk.stored(row.commit_id) == row
    assert again == Twin(row.commit_id)
    assert await desk.kinds() == ["DENIAL"]


async def test_the_same_request_is_its_own_twin_in_every_state(desk: Desk) -> None:
    """Same key, same content: never a second commit, whatever came of the first."""
    for event in Event.HOST_DID, Event.HOST_DID_NOT, Event.NOBODY_KNOWS:
        ask = desk.ask(f"K-{event}")
        row = await desk.authorised(ask)
        while_it_flies = await desk.write(desk.claim(ask))
        await desk.settled(row, event)
        afterwards = await desk.write(desk.claim(ask))

        assert (while_it_flies, afterwards) == (Twin(row.commit_id), Twin(row.commit_id))


async def test_twins_that_arrive_together_are_one_commit(desk: Desk) -> None:
    """Of many requests with one key in one batch one is admitted, the others are told which."""
    ask = desk.ask("K-1", costs=writes())

    replies = await desk.together([desk.claim(ask) for _ in range(5)])

    admitted = [reply for reply in replies if isinstance(reply, Authorised)]
    assert len(admitted) == 1
    assert [reply for reply in replies if isinstance(reply, Twin)] == [Twin(admitted[0].row.commit_id)] * 4
    assert await desk.kinds() == ["INTENT"]


async def test_a_key_is_bound_to_its_content(desk: Desk) -> None:
    """Other content under a used key is refused, in the same batch too."""
    first, second = await desk.together([desk.claim(desk.ask("K-1")), desk.claim(desk.ask("K-1", content="other"))])

    assert isinstance(first, Authorised)
    assert isinstance(second, Refuse)
    assert second.refusal.reason is Reason.IDEMPOTENCY_KEY_REUSED
    assert await desk.refused(desk.ask("K-1", content="other")) is Reason.IDEMPOTENCY_KEY_REUSED


async def test_keys_are_bytes_of_a_space_of_a_tenant(desk: Desk) -> None:
    """The same bytes in another tenant or another space, another Unicode form, another case: other keys. 255 bytes are as good as one."""
    composed, decomposed = (unicodedata.normalize(form, "clé") for form in ("NFC", "NFD"))
    keys: list[str | bytes] = ["k", "K", composed, decomposed, b"x" * 255, b"x" * 254 + b"y", b"\x00\xff"]

    rows = [await desk.authorised(desk.ask(key)) for key in keys]
    elsewhere = await desk.authorised(desk.ask("k", run=run_named("run-1", tenant="other")))
    thought = await desk.begun(desk.thinking_ask("k"))

    assert len({row.commit_id for row in rows} | {elsewhere.commit_id, thought.decision_id}) == len(keys) + 2
    for key, row in zip(keys, rows, strict=True):
        found = await desk.store.commit_of_key(KeyName(KeySpace.COMMIT, TENANT, key if isinstance(key, bytes) else key.encode()))
        assert found is not None
        assert await desk.store.commit(row.commit_id) == found


@pytest.mark.parametrize("event", [Event.HOST_DID_NOT, None])
async def test_a_failed_or_denied_generation_can_be_superseded_once(desk: Desk, event: Event | None) -> None:
    """The next generation names the last; whoever comes later with the same words is its twin, with others is refused."""
    if event:
        ended = await desk.committed(desk.ask("K-1"), event)
    else:
        ended = await desk.denied(desk.ask("K-1", denial=[Note(reason=Reason.POLICY_DENIED)]))

    second = await desk.authorised(desk.ask("K-1", supersedes=ended.commit_id, content="again"))

    assert (second.generation, second.state) == (2, State.FORWARDING)
    assert await desk.write(desk.claim(desk.ask("K-1", supersedes=ended.commit_id, content="again"))) == Twin(second.commit_id)
    assert await desk.refused(desk.ask("K-1", supersedes=ended.commit_id, content="yet another")) is Reason.IDEMPOTENCY_KEY_REUSED
    assert await desk.write(desk.claim(desk.ask("K-1", content="content"))) == Twin(second.commit_id)
    assert await desk.stored(ended.commit_id) == ended


async def test_superseders_that_arrive_together_make_one_generation(desk: Desk) -> None:
    """Two workers retry the same failed write: one new generation."""
    failed = await desk.committed(desk.ask("K-1"), Event.HOST_DID_NOT)

    replies = await desk.together([desk.claim(desk.ask("K-1", supersedes=failed.commit_id, content="again")) for _ in range(3)])

    made = [reply.row for reply in replies if isinstance(reply, Authorised)]
    assert [row.generation for row in made] == [2]
    assert [reply for reply in replies if isinstance(reply, Twin)] == [Twin(made[0].commit_id)] * 2


@pytest.mark.parametrize("late_first", [True, False])
async def test_a_superseder_and_a_late_duplicate_of_what_it_supersedes_make_one_generation(desk: Desk, *, late_first: bool) -> None:
    """Whichever is first: the duplicate never executes what was said to have failed; it is answered by the latest generation there is at its turn."""
    failed = await desk.committed(desk.ask("K-1"), Event.HOST_DID_NOT)
    late, superseder = desk.claim(desk.ask("K-1")), desk.claim(desk.ask("K-1", supersedes=failed.commit_id, content="again"))

    replies = await desk.together([late, superseder] if late_first else [superseder, late])
    twin, made = replies if late_first else replies[::-1]
    again = await desk.write(desk.claim(desk.ask("K-1")))

    assert isinstance(made, Authorised)
    assert made.row.generation == 2
    assert twin in [Twin(failed.commit_id), Twin(made.row.commit_id)]
    assert again == Twin(made.row.commit_id)
    assert await desk.kinds() == ["INTENT", "OUTCOME", "INTENT"]
    assert (await desk.stored(failed.commit_id)) == failed


async def test_a_retry_made_by_a_newer_version_of_the_fingerprint_is_the_same_request(desk: Desk) -> None:
    """A gateway is upgraded between an original and its retry: the row is compared in its own version, superseded in it, and other content stays other."""
    old = desk.ask("K-1")
    first = await desk.committed(old, Event.HOST_DID_NOT)
    digests = {**old.fingerprints, VERSION + 1: b"n" * 32}
    retry, other = replace(old, fingerprints=digests), replace(old, fingerprints={**digests, VERSION: b"o" * 32})
    second = await desk.authorised(replace(old, supersedes=first.commit_id, fingerprints={VERSION: b"s" * 32}))
    successor = {VERSION: b"s" * 32, VERSION + 1: b"t" * 32}

    assert await desk.write(desk.claim(retry)) == Twin(second.commit_id)
    assert await desk.refused(other) is Reason.IDEMPOTENCY_KEY_REUSED
    assert await desk.write(desk.claim(replace(retry, supersedes=first.commit_id, fingerprints=successor))) == Twin(second.commit_id)


async def test_what_a_newer_gateway_bound_is_neither_the_same_nor_another_for_an_older_one(desk: Desk) -> None:
    """In the middle of an upgrade, or after a step back: nothing is forwarded and nothing said of the content; the caller asks again."""
    first = await desk.authorised(desk.ask("K-1"))
    older = {VERSION - 1: b"f" * 32}

    assert await desk.refused(replace(desk.ask("K-1"), fingerprints=older)) is Reason.NOT_READY
    assert await desk.refused(replace(desk.ask("K-1"), fingerprints=older, supersedes=first.commit_id)) is Reason.NOT_READY
    assert await desk.kinds() == ["INTENT"]


@pytest.mark.parametrize("event", [Event.HOST_DID, Event.NOBODY_KNOWS, None])
async def test_what_may_have_happened_is_not_superseded(desk: Desk, event: Event | None) -> None:
    """FORWARDING, UNKNOWN and SUCCEEDED stand."""
    row = await desk.authorised(desk.ask("K-1"))
    if event:
        await desk.settled(row, event)

    assert await desk.refused(desk.ask("K-1", supersedes=row.commit_id, content="again")) is Reason.SUPERSEDES_NOT_CURRENT
    assert (await desk.stored(row.commit_id)).generation == 1


async def test_superseding_what_is_not_there_or_something_else_is_refused(desk: Desk) -> None:
    """An unused key, another key's commit, another run: nothing is bound by any of them."""
    failed = await desk.committed(desk.ask("K-1"), Event.HOST_DID_NOT)

    assert await desk.refused(desk.ask("K-2", supersedes="c-nothing")) is Reason.SUPERSEDES_NOT_CURRENT
    assert await desk.refused(desk.ask("K-2", supersedes=failed.commit_id)) is Reason.SUPERSEDES_NOT_CURRENT
    assert await desk.refused(desk.ask("K-1", supersedes=failed.commit_id, run=run_named("run-2"))) is Reason.SUPERSEDES_NOT_CURRENT
    assert isinstance(await desk.write(desk.claim(desk.ask("K-2"))), Authorised)


async def test_a_request_past_its_time_is_refused_without_a_trace(desk: Desk) -> None:
    """Expired before T1: the key stays free, no run is opened, nothing is recorded."""
    ask = desk.ask("K-1")
    desk.clock.advance(ms=EXPIRES_IN_MS)

    assert await desk.refused(ask) is Reason.REQUEST_EXPIRED

    assert await desk.store.commit_of_key(ask.key) is None
    assert await desk.store.run(RUN) is None
    assert await desk.kinds() == []


async def test_an_old_verdict_is_asked_again_without_a_trace(desk: Desk) -> None:
    """Older than a second by the store's clock: Rejudge, and the key stays free."""
    asked_at_ms = desk.clock.now_ms()
    desk.clock.advance(ms=1_000)
    young = await desk.write(desk.claim(desk.ask("K-1", verdict_at_ms=asked_at_ms)))
    desk.clock.advance(ms=1)
    old = await desk.write(desk.claim(desk.ask("K-2", verdict_at_ms=asked_at_ms)))

    assert isinstance(young, Authorised)
    assert isinstance(old, Rejudge)
    assert await desk.store.commit_of_key(KeyName(KeySpace.COMMIT, TENANT, b"K-2")) is None


async def test_each_member_of_a_mixed_batch_gets_its_own_answer(desk: Desk) -> None:
    """Admit, refuse, deny, twin, superseder side by side: rows, holds and entries of each, and the refused key is free."""
    desk.terms = terms(budgets=[limit(10)])
    failed = await desk.committed(desk.ask("K-0", costs=writes()), Event.HOST_DID_NOT)
    refused = desk.ask("K-2", expire_at_ms=desk.clock.now_ms())

    admitted, gone, denied, twin, superseder = await desk.together(
        [
            desk.claim(desk.ask("K-1", costs=writes(3))),
            desk.claim(refused),
            desk.claim(desk.ask("K-3", denial=[Note(reason=Reason.POLICY_DENIED)])),
            desk.claim(desk.ask("K-1", costs=writes(3))),
            desk.claim(desk.ask("K-0", supersedes=failed.commit_id, costs=writes(4))),
        ]
    )

    assert [type(reply) for reply in (admitted, gone, denied, twin, superseder)] == [Authorised, Refuse, Denied, Twin, Authorised]
    assert await desk.store.commit_of_key(refused.key) is None
    assert (await desk.balances())["run"] == (7, 0)
    assert await desk.kinds() == ["INTENT", "OUTCOME", "INTENT", "DENIAL", "INTENT"]
    assert isinstance(superseder, Authorised)
    assert superseder.row.generation == 2


async def test_a_commit_nobody_knows_is_a_bug(desk: Desk) -> None:
    """Settling what was never authorised raises, and the store goes on."""
    row = await desk.authorised(desk.ask("K-1"))
    nobody = desk.settlement(row, Event.HOST_DID)
    stranger = type(nobody)(**{name: getattr(nobody, name) for name in nobody.__slots__} | {"commit_id": "c-stranger"})

    with pytest.raises(LookupError):
        await desk.write(stranger)

    assert (await desk.settled(row, Event.HOST_DID)).state is State.SUCCEEDED
