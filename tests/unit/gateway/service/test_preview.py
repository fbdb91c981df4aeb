"""PreviewCommit: everything but the effect and the record."""

import pytest

from gateway.domain.budget import Ledger
from gateway.domain.commands import CommitCommand
from gateway.domain.faults import PolicyFault
from gateway.domain.halts import HaltScope
from gateway.domain.limits import VERDICT_AGE_MS_MAX
from gateway.domain.reasons import Reason
from gateway.domain.refusal import Refusal
from gateway.domain.writes.commits import Authorised, Denied
from gateway.domain.writes.halts import ThrowHalt
from gateway.ports.policy import Entrypoint, PolicyAnswer
from tests.fakes.activation import TENANT, activation, usd
from tests.fakes.commands import CREDIT, commit_command, patient
from tests.fakes.gateway import NEVER_S, FakeGateway, gateway
from tests.fakes.policy import ALLOW, deny


async def preview(one: FakeGateway, command: CommitCommand) -> Authorised | Denied | Refusal:
    return await one.committer.preview(command)


def asked(**changes: object) -> CommitCommand:
    return commit_command(payload={**CREDIT, **changes}, patience=patient())


async def test_what_would_be_admitted_is_said_with_its_holds_and_nothing_is_kept() -> None:
    """No row, no entry, no hold, no step, no delivery; the key stays free."""
    async with gateway(activation(tenant_budgets=[usd(Ledger.VALUE, 1_000)])) as one:
        found = await preview(one, asked())
        again = await preview(one, asked())

        assert isinstance(found, Authorised)
        assert isinstance(again, Authorised)
        assert [(held.amount, held.left) for held in found.row.holds] == [(1_000, 0)]
        assert (await one.store.commit_of_key(asked().key), await one.entries(), one.billing.deliveries) == (None, [], [])
        assert (await one.commit(commit_command())).row.holds[0].settled == 1_000


async def test_what_would_be_denied_is_said_with_its_reasons() -> None:
    """By policy, by a budget, by a halt, by the payload."""
    async with gateway(activation(tenant_budgets=[usd(Ledger.VALUE, 1_000)])) as one:
        short = await preview(one, asked(amount=1_001))
        unreadable = await preview(one, asked(amount="?"))
        one.policy.script = lambda _entrypoint, _input: deny("TOO_RISKY")
        forbidden = await preview(one, asked())
        await one.store.write(ThrowHalt(halt_id="h", scope=HaltScope(), reason="r", principal="p", salt=b""), hand_over_by_s=NEVER_S)
        halted = await preview(one, asked())

        reasons = [found.row.notes[0].reason for found in (short, unreadable, forbidden, halted) if isinstance(found, Denied)]
        assert reasons == [Reason.BUDGET_EXHAUSTED, Reason.COST_UNREADABLE, Reason.POLICY_DENIED, Reason.HALTED]
        assert await one.entries() == []


async def test_what_would_be_refused_is_refused() -> None:
    """Malformed, undeclared, expired."""
    async with gateway() as one:
        malformed = await preview(one, commit_command(payload=b"{", patience=patient()))
        expired = await preview(one, commit_command(expire_at_ms=1, patience=patient()))

        assert isinstance(malformed, Refusal)
        assert isinstance(expired, Refusal)
        assert (malformed.reason, expired.reason) == (Reason.MALFORMED, Reason.REQUEST_EXPIRED)


async def test_a_key_that_was_used_has_nothing_to_preview() -> None:
    """GetCommit tells what came of it."""
    async with gateway() as one:
        await one.commit(commit_command())

        found = await preview(one, commit_command(patience=patient()))
        other = await preview(one, asked(amount=2))

        assert isinstance(found, Refusal)
        assert isinstance(other, Refusal)
        assert (found.reason, other.reason) == (Reason.IDEMPOTENCY_KEY_REUSED, Reason.IDEMPOTENCY_KEY_REUSED)


async def test_a_verdict_that_grew_old_is_a_fault() -> None:
    """Ask again."""

    def slow(_entrypoint: Entrypoint, _input: dict[str, object]) -> PolicyAnswer:
        one.clock.advance(ms=VERDICT_AGE_MS_MAX + 1)
        return ALLOW

    async with gateway() as one:
        one.policy.script = slow

        with pytest.raises(PolicyFault, match="ask again"):
            await preview(one, asked())


async def test_a_preview_counts_at_the_door() -> None:
    """It asks the policy engine, whose questions are bounded for all tenants together: nobody fills it by trying out."""
    async with gateway(in_flight_max=2) as one:
        entered = one.door.enter(TENANT)

        refused = await preview(one, asked())
        one.door.leave(TENANT)
        after = [await preview(one, asked()), await preview(one, commit_command(payload=b"{", patience=patient())), await preview(one, asked())]

        assert entered is None
        assert isinstance(refused, Refusal)
        assert refused.reason is Reason.OVERLOADED
        assert [type(one) for one in after] == [Authorised, Refusal, Authorised]
