"""The store's exam, denials: each costs a row, so each is counted where it is recorded, and beyond the rate of its tenant none is."""

from gateway.domain.asks import Refuse
from gateway.domain.limits import DENIALS_PER_S_MAX
from gateway.domain.reasons import Reason
from gateway.domain.records import KeyName, KeySpace, Note
from gateway.domain.writes.commits import Denied
from gateway.domain.writes.decisions import ThinkingDenied
from tests.contract.store_desk import RUN, TENANT, Desk, run_named

NO = [Note(reason=Reason.PAYLOAD_DRIFT)]


async def full(desk: Desk) -> None:
    """The tenant has had all that this second takes."""
    replies = await desk.together([desk.claim(desk.ask(f"full-{n}", denial=NO)) for n in range(DENIALS_PER_S_MAX)])
    assert all(isinstance(reply, Denied) for reply in replies)


async def test_beyond_the_rate_nothing_is_recorded(desk: Desk) -> None:
    """Neither key nor entry; in one batch or in several."""
    replies = await desk.together([desk.claim(desk.ask(f"K-{n}", denial=NO)) for n in range(2 * DENIALS_PER_S_MAX)])
    refused = await desk.refused(desk.ask("one more", denial=NO))

    assert [type(reply) for reply in replies] == [Denied] * DENIALS_PER_S_MAX + [Refuse] * DENIALS_PER_S_MAX
    assert refused is Reason.TOO_MANY_DENIALS
    assert await desk.store.commit_of_key(KeyName(KeySpace.COMMIT, TENANT, b"one more")) is None
    assert await desk.kinds() == ["DENIAL"] * DENIALS_PER_S_MAX


async def test_the_next_second_takes_denials_again(desk: Desk) -> None:
    """A second after the first of them, and not before."""
    await full(desk)
    desk.clock.advance(ms=999)
    early = await desk.refused(desk.ask("K-1", denial=NO))
    desk.clock.advance(ms=1)

    assert early is Reason.TOO_MANY_DENIALS
    assert (await desk.denied(desk.ask("K-1", denial=NO))).generation == 1


async def test_denials_of_decisions_and_of_commits_are_counted_together(desk: Desk) -> None:
    """And apart from those of another tenant."""
    for number in range(DENIALS_PER_S_MAX - 1):
        assert isinstance(await desk.write(desk.thought(desk.ask(f"D-{number}", space=KeySpace.DECIDE, denial=NO))), ThinkingDenied)
    await desk.denied(desk.ask("K-1", denial=NO))

    decision = await desk.write(desk.thought(desk.ask("D-last", space=KeySpace.DECIDE, denial=NO)))

    assert isinstance(decision, Refuse)
    assert await desk.refused(desk.ask("K-2", denial=NO)) is Reason.TOO_MANY_DENIALS
    assert (await desk.denied(desk.ask("K-2", denial=NO, run=run_named("run-1", tenant="zeta")))).tenant == "zeta"


async def test_what_is_admitted_or_replayed_is_never_refused_for_others_denials(desk: Desk) -> None:
    """Only a denial that would be recorded is."""
    await full(desk)

    admitted = await desk.authorised(desk.ask("K-1"))
    twin = await desk.write(desk.claim(desk.ask("full-0", denial=NO)))
    preview = await desk.store.try_out(desk.claim(desk.ask("K-2", denial=NO)))

    assert admitted.run_id == RUN.run_id
    assert type(twin).__name__ == "Twin"
    assert isinstance(preview, Denied), "a preview records nothing"
