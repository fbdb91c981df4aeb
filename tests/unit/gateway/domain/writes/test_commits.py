"""T1 and T2 of a commit: what their leaves say, and what never enters one."""

from gateway.domain.audit import text_digest
from gateway.domain.lifecycle import Event
from gateway.domain.reasons import Reason
from gateway.domain.records import Note
from tests.contract.store_desk import EXPIRES_IN_MS, LEASE_MS, MARGIN_MS, limit, terms, writes
from tests.unit.gateway.domain.writes.conftest import OpenDesk


async def test_an_intent_says_under_which_law_what_was_held_for_what(desk: OpenDesk) -> None:
    """Codes, ids, digests and numbers; payload and judged input by salted digest."""
    desk.terms = terms(budgets=[limit(5)])

    row = await desk.authorised(desk.ask("K-1", costs=writes(2)))

    [leaf] = desk.leaves()
    held = {
        "amount": 2,
        "currency": "",
        "ledger": "writes",
        "level": "run",
        "scope": "run-1",
        "settled": 0,
        "state": "OPEN",
        "window": "total",
        "window_start_ms": 0,
    }
    assert leaf == {
        "v": 1, "kind": "INTENT", "time_ms": desk.clock.now_ms(), "boot": desk.memory.boot_id, "n": 1, "tenant": "acme", "workflow": "onboarding",
        "run": "run-1", "commit": row.commit_id, "generation": 1, "caller": "signup", "step": "activate", "action": "activate_plan", "target": "billing",
        "fingerprint": row.fingerprint.hex(), "state": "FORWARDING", "verdict": "v-1", "activation": 1, "revision": "r-1", "budgets": [held],
        "host_status": 0, "attempts": 1, "mode": "deterministic", "payload_digest": text_digest(b"salt", b'{"plan":"team_pro"}'),
        "input_digest": text_digest(b"salt", b'{"input":1}'),
    }  # fmt: skip


async def test_no_free_text_enters_a_leaf(desk: OpenDesk) -> None:
    """Details quote payloads, responses are a host's words: the row keeps them, the record does not."""
    note = Note(reason=Reason.POLICY_DENIED, policy_code="AMOUNT_TOO_HIGH", facts={"limit": "secret-5"}, detail="secret detail")
    await desk.denied(desk.ask("K-1", denial=[note]))
    row = await desk.authorised(desk.ask("K-2"))
    await desk.settled(row, Event.HOST_DID_NOT, notes=[Note(reason=Reason.HOST_REFUSED, detail="secret detail")], response=b"secret response")

    denial, _, outcome = desk.leaves()

    assert (denial["reasons"], denial["policy_codes"]) == (["POLICY_DENIED"], ["AMOUNT_TOO_HIGH"])
    assert (outcome["reasons"], outcome["host_status"], outcome["state"]) == (["HOST_REFUSED"], 422, "FAILED")
    assert not [entry for entry in desk.memory.record if b"secret" in entry.leaf]


async def test_t1_makes_the_first_attempt_and_a_denial_makes_none(desk: OpenDesk) -> None:
    """Owned by this boot, with its lease and its last moment to send."""
    row = await desk.authorised(desk.ask("K-1"))
    await desk.denied(desk.ask("K-2", denial=[Note(reason=Reason.PAYLOAD_DRIFT)]))

    [attempt] = desk.memory.attempts
    now_ms = desk.clock.now_ms()
    assert (attempt.attempt_id, attempt.commit_id, attempt.number, attempt.boot_id) == (row.attempt_id, row.commit_id, 1, desk.memory.boot_id)
    assert (attempt.lease_until_ms, attempt.not_after_ms, attempt.made_at_ms) == (now_ms + LEASE_MS, now_ms + LEASE_MS - MARGIN_MS, now_ms)


async def test_a_request_that_never_expires_is_sent_within_its_lease(desk: OpenDesk) -> None:
    """0 means no time of its own, not the beginning of time."""
    row = await desk.authorised(desk.ask("K-1", expire_at_ms=0))

    assert row.not_after_ms == desk.clock.now_ms() + LEASE_MS - MARGIN_MS


async def test_the_clock_of_t2_is_its_own(desk: OpenDesk) -> None:
    """Created when admitted, ended when settled; the lease ends with it."""
    row = await desk.authorised(desk.ask("K-1"))
    desk.clock.advance(ms=70)

    ended = await desk.settled(row, Event.HOST_DID)

    assert (ended.created_at_ms, ended.ended_at_ms, ended.lease_until_ms, ended.host_status) == (row.created_at_ms, row.created_at_ms + 70, 0, 201)
    assert ended.expire_at_ms == row.created_at_ms + EXPIRES_IN_MS
    assert [leaf["time_ms"] for leaf in desk.leaves()] == [row.created_at_ms, row.created_at_ms + 70]


async def test_an_unknown_is_due_at_once_and_keeps_what_it_holds(desk: OpenDesk) -> None:
    """The reconciler may look right away."""
    ended = await desk.committed(desk.ask("K-1"), Event.NOBODY_KNOWS)

    assert (ended.look_at_ms, ended.ended_at_ms, ended.looks) == (desk.clock.now_ms(), 0, 0)


async def test_an_empty_answer_overwrites_no_response(desk: OpenDesk) -> None:
    """A late silence after an answer leaves the answer."""
    row = await desk.authorised(desk.ask("K-1"))
    await desk.settled(row, Event.NOBODY_KNOWS, response=b"half an answer")
    await desk.settled(row, Event.HOST_DID)

    stored = await desk.store.commit(row.commit_id)

    assert stored is not None
    assert stored.response == b"half an answer"
