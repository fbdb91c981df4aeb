"""One gateway process of a fleet: begun, killed, stopped; asked as a workflow asks it and as an operator does.

1. A request is sent once. What came of it is kept for the check; where nothing came, nobody knows.
2. `to_callers`, `to_host`, `to_store` are there where the fleet is lined; `network` and `connects` where it lives on machines of its own.
"""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from countersign import Client, Commit, CountersignError, Outcome, Refused, connect
from countersign.operator import Operator, connect_operator
from gateway.domain.lifecycle import State
from tests.faults.replicas.lines import Line
from tests.faults.replicas.wire import PostgresLine
from tests.prove.ledger_check import Told

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[2]
STARTS_S_MAX: Final = 60.0
PAUSE_S: Final = 0.01
_PRICE: Final = {"in_micros_per_million": 1, "out_micros_per_million": 1, "currency": "USD", "as_of": "2026-11-01"}
_STATES: Final = {
    Outcome.SUCCEEDED: State.SUCCEEDED, Outcome.FAILED: State.FAILED, Outcome.DENIED: State.DENIED, Outcome.UNKNOWN: State.UNKNOWN,
    Outcome.IN_PROGRESS: State.FORWARDING,
}  # fmt: skip


class FleetBroken(Exception):
    """A part of the fleet itself did not work: which, and what it said."""


class Gateway:
    """One of several on one store."""

    def __init__(self, number: int, folder: Path, *, ask: Callable[[str], str], told: list[Told]) -> None:
        self.number = number
        self.pid = 0
        self.stop_file = folder / "stop"
        self.to_callers: Line
        self.to_host: Line
        self.to_store: PostgresLine
        self.socket = folder / "gw" / "gateway.sock"
        self.called_at = self.socket  # where its callers reach it
        self.operated_at = folder / "op" / "gateway.sock"
        self.network = ""  # the namespace it lives in, where that is not ours
        self.connects: Callable[[], Client] = lambda: connect(self.workflow_address)
        self._ask = ask
        self._told = told
        self._settings = folder / "settings.yaml"
        self._log = folder / "gateway.log"
        self._client: Client | None = None

    def declare(self, settings: dict[str, object]) -> None:
        self._settings.write_text(json.dumps(settings))

    def begin(self) -> None:
        self.pid = int(self._ask(f"start {self._settings} {self._log} - {self.stop_file} {self.network}"))

    def up(self) -> None:
        """Returns when it answers."""
        until_s = time.monotonic() + STARTS_S_MAX
        while not _listens(self.operated_at):  # the last of its listeners
            if time.monotonic() > until_s or not lives(self.pid):
                raise FleetBroken(f"gateway {self.number} did not come up; it said:\n{self.said()}")
            time.sleep(PAUSE_S)
        self._client = self.connects()

    def start(self) -> None:
        self.begin()
        self.up()

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        if lives(self.pid):
            os.kill(self.pid, signal.SIGKILL)
        self._ask(f"wait {self.pid}")
        self.hang_up()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def attempt(
        self, key: str, *, host: str = "apply", action: str = "transfer", amount_micros: int = 100_000, run_id: str = "run", workflow: str = "payments",
        step: str = "pay", supersedes: str = "", deadline_s: float = 8.0,
    ) -> Commit | Refused | None:  # fmt: skip
        """One write, sent once. None where no answer came."""
        client = self._client
        if client is None:
            return None  # it has just been killed
        try:
            answer = client.commit(
                key=key, run_id=run_id, workflow=workflow, step=step, action=action, payload={"amount_micros": amount_micros, "host": host},
                supersedes=supersedes, deadline_s=deadline_s,
            )  # fmt: skip
        except Refused as refused:
            return refused
        except (CountersignError, ValueError):  # ValueError: the line was closed under the call
            return None
        self._tell(answer)
        return answer

    def wait_for(self, commit_id: str, *, deadline_s: float) -> Commit | None:
        """What came of a commit, once it has ended or time is up."""
        assert self._client is not None, "it was started"
        try:
            answer = self._client.wait_commit(commit_id=commit_id, deadline_s=deadline_s)
        except CountersignError:
            return None
        self._tell(answer)
        return answer

    def _tell(self, answer: Commit) -> None:
        self._told.append(Told(key=answer.idempotency_key, generation=answer.generation, commit_id=answer.commit_id, state=_STATES[answer.outcome]))

    @property
    def client(self) -> Client:
        assert self._client is not None, "it was started"
        return self._client

    @property
    def workflow_address(self) -> str:
        return f"unix:{self.called_at}"

    @property
    def operator_address(self) -> str:
        return f"unix:{self.operated_at}"

    def operator(self) -> Operator:
        return connect_operator(self.operator_address)

    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-2_000:] if self._log.exists() else ""

    def hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a gateway's settings say of those around it."""

    callers: Mapping[str, object]  # of the listener: where, and what proves them
    host: Mapping[str, object]  # of every target
    store: Mapping[str, object]


def settings(gateway: Gateway, around: Around, *, read_timeout_ms: int, looks_every_ms: int) -> dict[str, object]:
    target = {"connect_timeout": "500ms", "send_timeout": "300ms", "read_timeout": f"{read_timeout_ms}ms", **around.host}
    return {
        "listeners": [
            {"name": "suite", "tenant": "acme", "caller": "suite", "role": "workflow", **around.callers},
            {"name": "operator", "address": f"unix:{gateway.operated_at}", "tenant": "*", "caller": "on-call", "role": "operator"},
        ],
        "store": {"postgres": {"user": "gateway", **around.store}},
        "activation": {"path": str(HERE / "activation")},
        "opa": {"folder": str(ROOT / ".tools" / "bin"), "runtime_folder": str(gateway.socket.parent.parent / "opa")},
        "targets": {
            "bank": {**target, "mode": "query", "query": {"path": "/operations/{key}", "enforces_not_after": True}},
            "post": {**target, "mode": "none"},
            "desk": {**target, "mode": "dedupe", "dedupe": {"retention": "24h"}},
        },
        "models": {"mute": {"base_url": "http://127.0.0.1:9/v1", "model": "mute", "price": _PRICE}},
        "reconcile": {"interval": f"{looks_every_ms}ms", "backoff": "1s", "attempts_max": 1_000},
        "telemetry": {"log_level": "warning"},
        "shutdown_grace": "5s",
    }


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be asked how does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False


def threads_of(pid: int) -> Sequence[str]:
    """The state of each."""
    return [task.joinpath("stat").read_text().rpartition(")")[2].split()[0] for task in Path(f"/proc/{pid}/task").iterdir()]


def _listens(at: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(at))
        except OSError:
            return False
    return True
