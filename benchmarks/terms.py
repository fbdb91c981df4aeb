"""What both sides of a benchmark share, so that a difference between them can only be what is measured.

1. The floor and the gateway are told the same of the host: one table, written into the settings and handed to the floor's client.
2. Every request is made before the clock starts; its key is new, whatever ran before it.
"""

from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Final

import yaml

from countersign.v1 import gateway_pb2
from gateway.adapters.hosts.spec import HttpHostSpec

ROOT: Final = Path(__file__).resolve().parents[1]
ACTIVATION: Final = ROOT / "benchmarks" / "activation"
OPA_FOLDER: Final = ROOT / ".tools" / "bin"

TENANT: Final = "bench"
CALLER: Final = "load"
WORKFLOW: Final = "activate_subscription"
STEP: Final = "activate"
ACTION: Final = "activate_plan"
TARGET: Final = "billing"
PATH: Final = "/accounts/harbour/subscriptions"  # what the boundary makes of the payload
QUERY_PATH: Final = "/operations/{key}"
PAYLOAD: Final = b'{"account":"harbour","amount_micros":99000000,"currency":"USD","plan":"team_pro","seats":12}'
COMMIT: Final = "/countersign.v1.GatewayService/Commit"
DEADLINE_S: Final = 30.0

_NETWORKS: Final = ("127.0.0.1/32",)
_CONNECT_MS, _SEND_MS, _READ_MS, _IDLE_MS, _POOL_MAX = 2_000, 5_000, 20_000, 60_000, 64


def host_spec(base_url: str) -> HttpHostSpec:
    """The floor's client."""
    return HttpHostSpec(
        name=TARGET, base_url=base_url, mode="query", connect_timeout_ms=_CONNECT_MS, send_timeout_ms=_SEND_MS, read_timeout_ms=_READ_MS,
        idle_ms_max=_IDLE_MS, pool_max=_POOL_MAX, networks=_NETWORKS, ca_file=None, authorization=None, query_path=QUERY_PATH,
        enforces_not_after=False, trusts_status_codes=False, replays_refusals=False, overrides={},
    )  # fmt: skip


def settings(*, base_url: str, socket: Path, store: Mapping[str, object]) -> str:
    """The gateway's settings file, as YAML."""
    target = {
        "base_url": base_url, "mode": "query", "query": {"path": QUERY_PATH}, "connect_timeout": f"{_CONNECT_MS}ms", "send_timeout": f"{_SEND_MS}ms",
        "read_timeout": f"{_READ_MS}ms", "idle_max": f"{_IDLE_MS}ms", "pool_max": _POOL_MAX, "networks": [*_NETWORKS],
    }  # fmt: skip
    document = {
        "listeners": [{"name": CALLER, "address": f"unix:{socket}", "tenant": TENANT, "caller": CALLER, "role": "workflow"}],
        "store": dict(store),
        "activation": {"path": str(ACTIVATION)},
        "opa": {"folder": str(OPA_FOLDER)},
        "targets": {TARGET: target},
        "telemetry": {"log_level": "warning"},
        "shutdown_grace": "10s",
    }
    return yaml.safe_dump(document, sort_keys=False)


class Requests:
    """CommitRequests, serialised; `run_size` of them belong to one run."""

    def __init__(self, *, name: str, run_size: int) -> None:
        """`name` sets one benchmark's keys and runs apart from every other's."""
        self._name = name
        self._run_size = run_size
        self._numbers: Iterator[int] = count()

    def take(self, calls: int) -> list[bytes]:
        return [self._one(next(self._numbers)) for _ in range(calls)]

    def _one(self, number: int) -> bytes:
        return gateway_pb2.CommitRequest(
            idempotency_key=f"{self._name}-{number:09}", run_id=f"{self._name}-{number // self._run_size:07}", workflow=WORKFLOW, step=STEP,
            action=ACTION, payload=PAYLOAD,
        ).SerializeToString()  # fmt: skip
