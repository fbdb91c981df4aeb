"""Resolutions in the record: by whom, on what evidence; and what a look leaves unrecorded."""

from gateway.domain.audit import text_digest
from gateway.domain.lifecycle import Event, State
from gateway.domain.records import CommitRow, Spoken
from gateway.domain.writes.resolutions import ClaimLook, ClaimResend, DeferLook, Interrupt, Resent, Resolve
from tests.contract.store_desk import LEASE_MS, MARGIN_MS
from tests.unit.gateway.domain.writes.conftest import OpenDesk


async def test_an_operators_word_is_kept_and_its_digest_recorded(desk: OpenDesk) -> None:
    """With the salt of its own, so that either can be erased."""
    row = await desk.committed(desk.ask("K-1"), Event.NOBODY_KNOWS)

    resolved = await desk.write(Resolve(
        commit_id=row.commit_id, tenant="acme", expected=State.UNKNOWN, event=Event.FOUND_DONE, by="dora", evidence="invoice 7", salt=b"pepper",
        host_status=0, response=b"",
    ))  # fmt: skip

    assert isinstance(resolved, CommitRow)
    assert desk.memory.evidence == {row.commit_id: Spoken(words="invoice 7", salt=b"pepper")}
    leaf = desk.leaves()[-1]
    assert leaf.items() >= {
        "kind": "RESOLUTION", "state": "SUCCEEDED", "resolved_by": "dora", "evidence_digest": text_digest(b"pepper", b"invoice 7"),
    }.items()  # fmt: skip


async def test_a_query_resolves_without_words(desk: OpenDesk) -> None:
    """By "query", with the status it saw; no evidence, no digest."""
    row = await desk.committed(desk.ask("K-1"), Event.NOBODY_KNOWS)

    await desk.write(Resolve(
        commit_id=row.commit_id, tenant="acme", expected=State.UNKNOWN, event=Event.FOUND_DONE, by="query", evidence="", salt=b"", host_status=200,
        response=b"{}",
    ))  # fmt: skip

    leaf = desk.leaves()[-1]
    assert (leaf["resolved_by"], leaf["host_status"], "evidence_digest" in leaf, desk.memory.evidence) == ("query", 200, False, {})


async def test_looking_is_not_an_entry_and_sending_again_is(desk: OpenDesk) -> None:
    """RESENT names the attempt, which is this boot's own, and never outlives what the host remembers."""
    row = await desk.committed(desk.ask("K-1"), Event.NOBODY_KNOWS)
    desk.clock.advance(ms=LEASE_MS)
    await desk.write(ClaimLook(commit_id=row.commit_id, lease_ms=100))
    await desk.write(DeferLook(commit_id=row.commit_id, after_ms=100, looked=True))

    claim = ClaimResend(commit_id=row.commit_id, attempt_id="a-2", lease_ms=LEASE_MS, send_margin_ms=MARGIN_MS, retention_ms=LEASE_MS + 1_000)
    resent = await desk.write(claim)

    assert isinstance(resent, Resent)
    assert resent.attempt.not_after_ms == row.created_at_ms + LEASE_MS + 1_000
    assert desk.memory.attempts[-1] == resent.attempt
    assert [leaf["kind"] for leaf in desk.leaves()] == ["INTENT", "OUTCOME", "RESENT"]
    assert desk.leaves()[-1].items() >= {"attempt": "a-2", "attempts": 2, "state": "UNKNOWN"}.items()


async def test_another_boots_commit_is_interrupted_at_once_only_where_nobody_else_may_live(desk: OpenDesk) -> None:
    """A store of many gateways waits for the lease; one of a single gateway knows that the earlier boot is gone; its own it never interrupts."""
    row = await desk.authorised(desk.ask("K-1"))
    own = await desk.write(Interrupt(commit_id=row.commit_id, earlier_boot=True))
    await desk.reopen()

    shared = await desk.write(Interrupt(commit_id=row.commit_id, earlier_boot=False))
    alone = await desk.write(Interrupt(commit_id=row.commit_id, earlier_boot=True))
    nothing = await desk.write(Interrupt(commit_id="c-nothing", earlier_boot=True))

    assert (own, shared, alone, nothing) == (False, False, True, False)
