"""Halts and activations in the record: scope, principal and digests, never a reason in words."""

from gateway.domain.audit import text_digest
from gateway.domain.halts import HaltScope
from gateway.domain.writes.halts import LiftHalt, ThrowHalt
from tests.contract.store_desk import limit
from tests.unit.gateway.domain.writes.conftest import OpenDesk


async def test_a_halt_and_its_lifting_are_two_entries_with_their_scope(desk: OpenDesk) -> None:
    """Who, on what, and the digest of why, whose salt the halt keeps."""
    scope = HaltScope(tenant="acme", workflow="onboarding", step="activate", action="activate_plan", target="billing", run_id="run-1")
    await desk.write(ThrowHalt(halt_id="h-1", scope=scope, reason="incident 7", principal="dora", salt=b"salt"))
    lifted = await desk.write(LiftHalt(halt_id="h-1", reason="over", principal="emil", salt=b"pepper"))
    again = await desk.write(LiftHalt(halt_id="h-1", reason="over", principal="emil", salt=b"other"))

    thrown, resumed = desk.leaves()
    where = {
        "tenant": "acme", "workflow": "onboarding", "run": "run-1", "scope_step": "activate", "scope_action": "activate_plan", "scope_target": "billing",
        "halt": "h-1",
    }  # fmt: skip
    assert thrown.items() >= (where | {"kind": "HALT", "by": "dora", "why_digest": text_digest(b"salt", b"incident 7")}).items()
    assert resumed.items() >= (where | {"kind": "RESUME", "by": "emil", "why_digest": text_digest(b"pepper", b"over")}).items()
    assert again == lifted


async def test_an_activation_is_recorded_once(desk: OpenDesk) -> None:
    """Its number, its revision, its digest."""
    await desk.activate(tenant=[limit(5)])
    await desk.activate(tenant=[limit(5)])

    [leaf] = desk.leaves()
    assert leaf.items() >= {"kind": "ACTIVATED", "activation": 1, "revision": "r-1", "digest": b"r-1".hex()}.items()
