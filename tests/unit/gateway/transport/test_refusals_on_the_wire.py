"""What a caller sees of every way of not being served: our code, our ErrorInfo, every wrong field, when to come back."""

from pathlib import Path

import grpc
import pytest

from countersign.v1 import audit_pb2, gateway_pb2, operator_pb2
from gateway.domain.faults import StorageLow, StoreFault
from gateway.domain.identity import ALLOWED, Role
from gateway.domain.limits import OPTIONS_MAX, PAYLOAD_BYTES_MAX, WIRE_BYTES_CUT, WIRE_BYTES_MAX
from gateway.domain.reasons import Reason
from gateway.domain.writes.commits import AuthoriseCommit
from gateway.ports.agent import Brief, Meter, Thought
from tests.fakes.commands import CREDIT, encoded
from tests.fakes.gateway import gateway
from tests.fakes.served import AUDIT, GATEWAY, OPERATOR, Refused, changed, every_role, listener, served
from tests.fakes.thinker import FakeThinker

WRITE = gateway_pb2.CommitRequest(
    idempotency_key="K-1", run_id="run-1", workflow="subscribe", step="write", action="top_up", payload=encoded(CREDIT)
)  # fmt: skip
SERVICES = {
    GATEWAY: gateway_pb2.DESCRIPTOR.services_by_name["GatewayService"],
    OPERATOR: operator_pb2.DESCRIPTOR.services_by_name["OperatorService"],
    AUDIT: audit_pb2.DESCRIPTOR.services_by_name["AuditService"],
}
EVERY_RPC = [(service, method.name) for service, descriptor in SERVICES.items() for method in descriptor.methods]


def ours(refused: Refused, reason: Reason, code: grpc.StatusCode) -> None:
    """One of ours, by name, and no library may try it again by itself."""
    assert refused.info is not None, refused
    assert (refused.info.reason, refused.info.domain, refused.code, refused.pushback) == (reason, "countersign.dev", code, "-1")


@pytest.mark.parametrize("request_bytes", [b"\xff\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x01\xff"], ids=["no tag", "cut short", "no UTF-8"])
async def test_bytes_that_are_no_message_are_answered_by_us(tmp_path: Path, request_bytes: bytes) -> None:
    """Even they get our error, not the library's."""
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        refused = await one.refused("workflow", f"{GATEWAY}/Commit", request_bytes)

        ours(refused, Reason.MALFORMED, grpc.StatusCode.INVALID_ARGUMENT)
        assert "countersign.v1.CommitRequest" in refused.message


@pytest.mark.parametrize(("service", "rpc"), EVERY_RPC, ids=str)
async def test_every_rpc_answers_undecodable_bytes_itself(tmp_path: Path, service: str, rpc: str) -> None:
    """On the listener of a role that may call it."""
    role = next(role for role in Role if rpc in ALLOWED[role])
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        refused = await one.refused(role, f"{service}/{rpc}", b"\xff\xff\xff\xff")

        if service == AUDIT:
            ours(refused, Reason.NOT_BUILT, grpc.StatusCode.UNIMPLEMENTED)
        else:
            ours(refused, Reason.MALFORMED, grpc.StatusCode.INVALID_ARGUMENT)


async def test_a_call_without_a_deadline_is_refused(tmp_path: Path) -> None:
    """Before its message is read."""
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        refused = await one.raw("workflow", f"{GATEWAY}/Commit", WRITE.SerializeToString(), timeout_s=None)

        assert isinstance(refused, Refused)
        ours(refused, Reason.MALFORMED, grpc.StatusCode.INVALID_ARGUMENT)
        assert "120 s" in refused.message
        assert of.billing.deliveries == []


async def test_a_message_over_the_documented_size_is_refused_by_us(tmp_path: Path) -> None:
    """Up to where the library cuts it off."""
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        refused = await one.refused("workflow", f"{GATEWAY}/Commit", bytes(WIRE_BYTES_MAX + 1))
        cut = await one.refused("workflow", f"{GATEWAY}/Commit", bytes(WIRE_BYTES_CUT + 1))

        ours(refused, Reason.MALFORMED, grpc.StatusCode.INVALID_ARGUMENT)
        assert str(WIRE_BYTES_MAX) in refused.message
        assert (cut.code, cut.info) == (grpc.StatusCode.RESOURCE_EXHAUSTED, None)


async def test_every_wrong_field_is_named_at_once(tmp_path: Path) -> None:
    """So that a caller mends all of them in one go."""
    asked = gateway_pb2.CommitRequest(
        idempotency_key="a\nb", run_id="r" * 129, workflow="", step="write", action="x" * 65, payload=bytes(PAYLOAD_BYTES_MAX + 1)
    )
    asked.expire_time.FromSeconds(1_800_000_000 + 24 * 3600 + 1)
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        refused = await one.refused("workflow", f"{GATEWAY}/Commit", asked)

        ours(refused, Reason.MALFORMED, grpc.StatusCode.INVALID_ARGUMENT)
        assert [path for path, _ in refused.fields] == ["idempotency_key", "workflow", "run_id", "action", "payload", "expire_time"]
        assert all(problem for _, problem in refused.fields)


@pytest.mark.parametrize(
    "request_message",
    [
        gateway_pb2.DecideRequest(allowed_options=["\n" * 60] * (OPTIONS_MAX + 5)),
        gateway_pb2.DecideRequest(idempotency_key="\n" * 200, run_id="\n" * 100, allowed_options=[f"\n{number}" for number in range(OPTIONS_MAX)]),
    ],
    ids=["the same", "different"],
)
async def test_however_much_is_wrong_the_answer_fits_the_wire(tmp_path: Path, request_message: gateway_pb2.DecideRequest) -> None:
    """Trailers are bounded by the library: beyond its limit the caller would see an error that is not ours."""
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        refused = await one.refused("workflow", f"{GATEWAY}/Decide", request_message)

        ours(refused, Reason.MALFORMED, grpc.StatusCode.INVALID_ARGUMENT)


@pytest.mark.parametrize("key", ["k" * 20_000, "é" * 20_000, "%" * 20_000], ids=["long", "not ASCII", "percent"])
async def test_however_long_a_name_in_the_payload_the_answer_fits_the_wire(tmp_path: Path, key: str) -> None:
    """It is the caller's text, and comes back in a field's path."""
    asked = changed(WRITE, payload=encoded({key: 1}))
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        refused = await one.refused("workflow", f"{GATEWAY}/Commit", asked)

        ours(refused, Reason.MALFORMED, grpc.StatusCode.INVALID_ARGUMENT)


async def test_a_fault_before_t1_says_unavailable_and_when_to_come_back(tmp_path: Path) -> None:
    """With our ErrorInfo it means: definitely not forwarded, same key safe. It is told, as a fault."""
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        of.policy.kill()
        no_verdict = await one.refused("workflow", f"{GATEWAY}/Commit", WRITE)
        of.policy.revive()
        of.store.fails(AuthoriseCommit, StoreFault("disk"), StorageLow("little is left"))
        no_store = await one.refused("workflow", f"{GATEWAY}/Commit", WRITE)
        no_room = await one.refused("workflow", f"{GATEWAY}/Commit", WRITE)
        answered = await one.ask("workflow", f"{GATEWAY}/Commit", WRITE, gateway_pb2.CommitResponse)

        for refused, reason in ((no_verdict, Reason.POLICY_UNAVAILABLE), (no_store, Reason.STORE_UNAVAILABLE), (no_room, Reason.STORAGE_LOW)):
            ours(refused, reason, grpc.StatusCode.UNAVAILABLE)
            assert refused.retry_ms == 1_000
        assert [method for method, _ in one.told.faults] == ["Commit"] * 3
        assert answered.commit.host_status == 201


async def test_overload_says_when_to_come_back(tmp_path: Path) -> None:
    """RESOURCE_EXHAUSTED with ours is not the library's about sizes."""
    async with gateway(in_flight_max=1) as of, served(of, every_role(tmp_path)) as one:
        of.door.enter("zeta")
        refused = await one.refused("workflow", f"{GATEWAY}/Commit", WRITE)
        of.door.leave("zeta")

        ours(refused, Reason.OVERLOADED, grpc.StatusCode.RESOURCE_EXHAUSTED)
        assert refused.retry_ms == 100


async def test_a_gateway_that_stops_says_not_ready(tmp_path: Path) -> None:
    """UNAVAILABLE, ours."""
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        of.door.close("the gateway is stopping")

        ours(await one.refused("workflow", f"{GATEWAY}/Commit", WRITE), Reason.NOT_READY, grpc.StatusCode.UNAVAILABLE)


async def test_facts_of_a_refusal_travel_as_metadata_of_its_error_info(tmp_path: Path) -> None:
    """For a client to branch on."""
    asked = changed(WRITE, step="nowhere")
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        refused = await one.refused("workflow", f"{GATEWAY}/Commit", asked)

        ours(refused, Reason.UNDECLARED, grpc.StatusCode.INVALID_ARGUMENT)
        assert refused.info is not None
        assert dict(refused.info.metadata) == {"step": "nowhere"}


async def test_a_bug_is_internal_and_told(tmp_path: Path) -> None:
    """Nothing of it reaches the caller but that it was one."""

    class Buggy(FakeThinker):
        async def think(self, brief: Brief, meter: Meter) -> Thought:
            raise LookupError("secret detail")

    async with gateway(thinker=Buggy(), bugs=1) as of, served(of, every_role(tmp_path), bugs=1) as one:
        asked = gateway_pb2.DecideRequest(idempotency_key="D", run_id="r", workflow="subscribe", step="select", context=b"{}")

        refused = await one.refused("workflow", f"{GATEWAY}/Decide", asked)

        ours(refused, Reason.BUG, grpc.StatusCode.INTERNAL)
        assert "secret" not in refused.message
        assert [(method, type(bug)) for method, bug in one.told.bugs] == [("Decide", LookupError)]


async def test_a_token_listener_knows_its_token_and_no_other(tmp_path: Path) -> None:
    """None, a wrong one, a longer one, another scheme: UNAUTHENTICATED; its own passes."""
    async with gateway() as of, served(of, [listener("tcp", "127.0.0.1:0", token=b"s3cret")]) as one:
        wrong: list[tuple[tuple[str, str], ...]] = [
            (), (("authorization", "Bearer s3cre"),), (("authorization", "Bearer s3cret2"),), (("authorization", "s3cret"),), (("x-token", "Bearer s3cret"),),
        ]  # fmt: skip
        for metadata in wrong:
            refused = await one.refused("tcp", f"{GATEWAY}/Commit", WRITE, metadata=metadata)
            ours(refused, Reason.NOT_AUTHENTICATED, grpc.StatusCode.UNAUTHENTICATED)
            assert "s3cret" not in refused.message

        answered = await one.raw("tcp", f"{GATEWAY}/Commit", WRITE.SerializeToString(), metadata=(("authorization", "Bearer s3cret"),))

        assert isinstance(answered, bytes)
        assert len(of.billing.deliveries) == 1
