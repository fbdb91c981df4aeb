"""What tests of hosts start from: a target declared in full, and one approved write."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.adapters.hosts.grpc_spec import GrpcHostSpec
from gateway.adapters.hosts.spec import HttpHostSpec, Mode
from gateway.ports.host import Delivery
from gateway.ports.system import Clock

AUTHORITY_PEM: Final = Path(__file__).parent / "tls" / "authority.pem"
HOST_PEM: Final = Path(__file__).parent / "tls" / "host.pem"

TARGET: Final = HttpHostSpec(
    name="billing",
    base_url="http://127.0.0.1:1",
    mode="dedupe",
    connect_timeout_ms=5_000,
    send_timeout_ms=5_000,
    read_timeout_ms=5_000,
    idle_ms_max=30_000,
    pool_max=8,
    networks=("127.0.0.0/8", "::1/128"),
    ca_file=None,
    authorization=None,
    query_path=None,
    enforces_not_after=False,
    trusts_status_codes=False,
    replays_refusals=False,
    overrides={},
)


def target(url: str, mode: Mode = "dedupe") -> HttpHostSpec:
    return replace(TARGET, base_url=url, mode=mode, query_path="/operations/{key}" if mode == "query" else None)


GRPC_TARGET: Final = GrpcHostSpec(
    name="billing",
    base_url="grpc://127.0.0.1:1",
    mode="dedupe",
    connect_timeout_ms=5_000,
    call_timeout_ms=5_000,
    idle_ms_max=30_000,
    calls_max=32,
    networks=("127.0.0.0/8", "::1/128"),
    ca_file=None,
    authorization=None,
)


def grpc_target(url: str, mode: Mode = "dedupe") -> GrpcHostSpec:
    return replace(GRPC_TARGET, base_url=url, mode=mode, networks=() if url.startswith("unix:") else GRPC_TARGET.networks)


def delivery(clock: Clock, *, key: str = "cs-1", method: str = "POST") -> Delivery:
    """May be sent for ten seconds from now."""
    return Delivery(
        target=TARGET.name,
        action="activate_plan",
        method=method,
        path="/accounts/acme/subscriptions",
        payload=b'{"plan":"team_pro","seats":12}',
        key=key,
        not_after_ms=clock.now_ms() + 10_000,
        send_by_s=clock.boot_s() + 10.0,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
