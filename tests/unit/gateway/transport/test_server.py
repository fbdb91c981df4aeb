"""The servers: all listeners or none, health, stopping, reflection, TLS that proves both ends."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from countersign.v1 import gateway_pb2
from gateway.domain.reasons import Reason
from gateway.transport.listener import ListenerRefused, Tls
from gateway.transport.server import start
from tests.fakes.commands import CREDIT, encoded
from tests.fakes.gateway import gateway
from tests.fakes.served import GATEWAY, OPERATOR, KeptTelling, Refused, Served, channel, every_role, listener, served, servicers

HEALTH = "grpc.health.v1.Health/Check"
WRITE = gateway_pb2.CommitRequest(
    idempotency_key="K-1", run_id="run-1", workflow="subscribe", step="write", action="top_up", payload=encoded(CREDIT)
)  # fmt: skip


async def health(one: Served, name: str, service: str = "") -> int:
    answered = await one.ask(name, HEALTH, health_pb2.HealthCheckRequest(service=service), health_pb2.HealthCheckResponse)
    return int(answered.status)


async def test_every_listener_says_it_is_healthy_for_the_services_it_has(tmp_path: Path) -> None:
    """And for no other."""
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        assert await health(one, "workflow") == health_pb2.HealthCheckResponse.SERVING
        assert await health(one, "workflow", GATEWAY) == health_pb2.HealthCheckResponse.SERVING
        assert await health(one, "operator", OPERATOR) == health_pb2.HealthCheckResponse.SERVING
        elsewhere = await one.refused("workflow", HEALTH, health_pb2.HealthCheckRequest(service=OPERATOR))
        assert elsewhere.code is grpc.StatusCode.NOT_FOUND


async def test_one_refused_listener_is_none_served(tmp_path: Path) -> None:
    """What was started before it is stopped, and its socket is gone."""
    good, wrong = listener("good", f"unix:{tmp_path}/good.sock"), listener("wrong", "203.0.113.1:1", token=b"t")
    async with gateway() as of:
        with pytest.raises(ListenerRefused, match="listener wrong: cannot bind"):
            await start([good, wrong], servicers(of), telling=KeptTelling(), reflect=False)

        assert not (tmp_path / "good.sock").exists()


async def test_an_open_folder_refuses_before_anything_is_served(tmp_path: Path) -> None:
    """Every listener is looked at first."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    listeners = [listener("good", f"unix:{tmp_path}/good.sock"), listener("open", f"unix:{tmp_path}/open/x.sock")]
    async with gateway() as of:
        with pytest.raises(ListenerRefused, match="listener open"):
            await start(listeners, servicers(of), telling=KeptTelling(), reflect=False)

        assert not (tmp_path / "good.sock").exists()


async def test_a_second_gateway_on_a_socket_in_use_is_refused_and_the_first_serves_on(tmp_path: Path) -> None:
    """The library would take the path over without a word."""
    listeners = [listener("signup", f"unix:{tmp_path}/signup.sock")]
    async with gateway() as of, served(of, listeners) as one:
        with pytest.raises(ListenerRefused, match="in use by another process"):
            await start(listeners, servicers(of), telling=KeptTelling(), reflect=False)

        assert (await one.ask("signup", f"{GATEWAY}/Commit", WRITE, gateway_pb2.CommitResponse)).commit.host_status == 201


async def test_a_gateway_takes_over_the_socket_of_one_that_died(tmp_path: Path) -> None:
    """Restarting needs no hand."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(f"{tmp_path}/signup.sock")
    async with gateway() as of, served(of, [listener("signup", f"unix:{tmp_path}/signup.sock")]) as one:
        assert await health(one, "signup") == health_pb2.HealthCheckResponse.SERVING


async def test_stopping_lets_what_is_under_way_end_and_removes_the_socket(tmp_path: Path) -> None:
    """Within the grace; new calls find nobody."""
    async with gateway() as of, served(of, [listener("signup", f"unix:{tmp_path}/signup.sock")]) as one:
        of.billing.hold()
        writing = asyncio.create_task(one.ask("signup", f"{GATEWAY}/Commit", WRITE, gateway_pb2.CommitResponse))
        await of.billing.until_delivered(1)
        stopping = asyncio.create_task(one.serving[0].stop(grace_s=5.0))
        await asyncio.wait({stopping}, timeout=0.05)
        of.billing.release()

        answered = await writing
        await stopping

        assert answered.commit.host_status == 201
        assert not (tmp_path / "signup.sock").exists()


@pytest.mark.parametrize("reflect", [False, True])
async def test_reflection_is_there_only_when_asked_for(tmp_path: Path, *, reflect: bool) -> None:
    """It tells everybody what there is."""
    async with gateway() as of, served(of, [listener("signup", f"unix:{tmp_path}/signup.sock")], reflect=reflect) as one:
        name = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = one.channels["signup"].stream_stream(name)
        call = stream(_asks_for_services(), timeout=5.0)
        code = grpc.StatusCode.OK
        try:
            answers = [answer async for answer in call]
        except grpc.aio.AioRpcError as error:
            answers, code = [], error.code()

        assert (code, any(GATEWAY.encode() in answer for answer in answers)) == (
            (grpc.StatusCode.OK, True) if reflect else (grpc.StatusCode.UNIMPLEMENTED, False)
        )


def _asks_for_services() -> Iterator[bytes]:
    yield b"\x3a\x01*"  # list_services = 7


PEM = Path(__file__).resolve().parents[3] / "fakes" / "tls"


def pem(name: str) -> bytes:
    return (PEM / f"{name}.pem").read_bytes()


async def test_mutual_tls_hears_only_a_certificate_of_its_authority() -> None:
    """It proves the caller: no token is asked for, and without it there is no call."""
    tls = Tls(certificate=pem("host"), key=pem("host"), client_ca=pem("callers"))
    known = grpc.ssl_channel_credentials(pem("authority"), pem("caller"), pem("caller"))
    unknown = grpc.ssl_channel_credentials(pem("authority"))
    async with gateway() as of, served(of, [listener("mtls", "127.0.0.1:0", tls=tls)]) as one:
        address = f"127.0.0.1:{one.serving[0].port}"
        async with channel(address, known) as theirs, channel(address, unknown) as anybodys:
            invoke = [each.unary_unary(f"/{GATEWAY}/Commit", request_serializer=bytes, response_deserializer=bytes) for each in (theirs, anybodys)]

            answered = gateway_pb2.CommitResponse.FromString(await invoke[0](WRITE.SerializeToString(), timeout=5.0))
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await invoke[1](WRITE.SerializeToString(), timeout=5.0)

        assert answered.commit.host_status == 201
        assert (raised.value.code(), len(of.billing.deliveries)) == (grpc.StatusCode.UNAVAILABLE, 1)


async def test_a_workflow_that_leaves_after_t1_loses_nothing(tmp_path: Path) -> None:
    """The client cancels the RPC; the record is complete and the same key finds it."""
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        of.billing.hold()
        call = one.channels["workflow"].unary_unary(f"/{GATEWAY}/Commit", request_serializer=bytes, response_deserializer=bytes)
        leaving = call(WRITE.SerializeToString(), timeout=5.0)
        await of.billing.until_delivered(1)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        of.billing.release()
        await of.keeper.drain(grace_s=5.0)

        again = await one.ask("workflow", f"{GATEWAY}/Commit", WRITE, gateway_pb2.CommitResponse)

        assert (again.replayed, again.commit.host_status, len(of.billing.deliveries)) == (True, 201, 1)


async def test_an_answer_comes_before_the_callers_deadline(tmp_path: Path) -> None:
    """IN_PROGRESS with the commit's id, never the library's DEADLINE_EXCEEDED."""
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        of.billing.hold()

        answered = await one.raw("workflow", f"{GATEWAY}/Commit", WRITE.SerializeToString(), timeout_s=0.3)

        assert isinstance(answered, bytes)
        commit = gateway_pb2.CommitResponse.FromString(answered).commit
        assert (commit.outcome, bool(commit.commit_id)) == (5, True)


async def test_one_listener_is_one_tenant_whatever_the_message_says(tmp_path: Path) -> None:
    """Identity is the socket's."""
    listeners = [listener("acme", f"unix:{tmp_path}/acme.sock"), listener("zeta", f"unix:{tmp_path}/zeta.sock", tenant="zeta")]
    async with gateway() as of, served(of, listeners) as one:
        mine = await one.ask("acme", f"{GATEWAY}/Commit", WRITE, gateway_pb2.CommitResponse)

        asked = gateway_pb2.GetCommitRequest(commit_id=mine.commit.commit_id)
        theirs = await one.refused("zeta", f"{GATEWAY}/GetCommit", asked)

        assert theirs.info is not None
        assert theirs.info.reason == Reason.NOT_FOUND


async def test_a_crowd_is_answered_by_us_and_not_by_the_library(tmp_path: Path) -> None:
    """More calls at once than the library keeps by itself: it would answer some with a bare CANCELLED, which tells a caller nothing."""
    asked = gateway_pb2.GetCommitRequest(idempotency_key="none-such").SerializeToString()
    async with gateway() as of, served(of, [listener("signup", f"unix:{tmp_path}/signup.sock")]) as one:
        answers = await asyncio.gather(*(one.raw("signup", f"{GATEWAY}/GetCommit", asked, timeout_s=60.0) for _ in range(1_900)))

    assert {answer.code for answer in answers if isinstance(answer, Refused)} == {grpc.StatusCode.NOT_FOUND}
