"""A real gateway process, its OPA, a real host process and callers on real sockets, for suites that break one of them.

1. Everything callers were told is kept; what the host saw is asked of the host; `check` holds both against the store.
2. The gateway may die at any moment. `start` brings the next one up over the same store, and says how long that took.
3. All of it lives in one folder, and ends with the `with` block.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from countersign import Client, Commit, CountersignError, Outcome, Refused, connect
from gateway.domain.lifecycle import State
from gateway.domain.targets import HostMode
from tests.faults.host import READY
from tests.prove.ledger_check import Case, Delivery, Told, broken, read_sqlite

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
MODES: Final = {"bank": HostMode.QUERY, "post": HostMode.NONE, "desk": HostMode.DEDUPE}
STARTS_S_MAX: Final = 40.0
SETTLES_S_MAX: Final = 40.0
RECOVERS_S_MAX: Final = 5.0
_STATES: Final = {
    Outcome.SUCCEEDED: State.SUCCEEDED, Outcome.FAILED: State.FAILED, Outcome.DENIED: State.DENIED, Outcome.UNKNOWN: State.UNKNOWN,
    Outcome.IN_PROGRESS: State.FORWARDING,
}  # fmt: skip
_PAUSE_S: Final = 0.01


class ArenaBroken(Exception):
    """A part of the arena itself did not work: which, and what it said."""


class Arena:
    def __init__(self, folder: Path, *, read_timeout_ms: int = 1_500) -> None:
        self.folder = folder
        self.told: list[Told] = []
        self.clock = folder / "clock"
        self.stop_file = folder / "stop"
        self.store = folder / "store.db"
        self.pid = 0
        self.run_id = "run"  # of writes that name none
        self._read_timeout_ms = read_timeout_ms
        self._socket = folder / "gw" / "gateway.sock"
        self._settings = folder / "settings.yaml"
        self._log = folder / "gateway.log"
        self._client: Client | None = None

    def __enter__(self) -> Self:
        self._host = self._child("tests.faults.host")
        self._host_url = self._says(self._host, READY)
        self._nursery = self._child("tests.faults.nursery")
        self._says(self._nursery, "ready")
        self._settings.write_text(json.dumps(self._declared()))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._hang_up()
        for child in (self._nursery, self._host):
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.close()
            child.wait(STARTS_S_MAX)
            child.stdout.close()

    def start(self, *, jumping: bool = False) -> None:
        """Brings a gateway up; returns when its socket answers. `jumping`: its wall clock is moved by `self.clock`, in ms."""
        if jumping and not self.clock.exists():
            self.clock.write_text("0")
        self.pid = int(self._ask(f"start {self._settings} {self._log} {self.clock if jumping else '-'} {self.stop_file}"))
        until_s = time.monotonic() + STARTS_S_MAX
        while not self._answers():
            if time.monotonic() > until_s or not _lives(self.pid):
                raise ArenaBroken(f"the gateway did not come up; it said:\n{self._log.read_text(errors='replace')[-2_000:]}")
            time.sleep(_PAUSE_S)
        self._client = connect(f"unix:{self._socket}")

    def spared_s(self) -> float:
        """What a start would have taken longer, had nothing been prepared for it; in seconds of CPU."""
        return float(self._ask("spared"))

    def kill(self) -> None:
        """SIGKILL, unless it is dead already; returns when it is gone."""
        if _lives(self.pid):
            os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """How it ended."""
        ended = int(self._ask(f"wait {self.pid}"))
        self._hang_up()
        return ended

    def commit(
        self, key: str, *, host: str = "apply", action: str = "transfer", amount_micros: int = 100_000, run_id: str = "", workflow: str = "payments",
        supersedes: str = "", deadline_s: float = 8.0,
    ) -> Commit | None:  # fmt: skip
        """One write, sent once. None where no answer came, or it was not taken."""
        told = self.attempt(
            key, host=host, action=action, amount_micros=amount_micros, run_id=run_id, workflow=workflow, supersedes=supersedes, deadline_s=deadline_s
        )
        return None if isinstance(told, Refused) else told

    def attempt(
        self, key: str, *, host: str = "apply", action: str = "transfer", amount_micros: int = 100_000, run_id: str = "", workflow: str = "payments",
        supersedes: str = "", deadline_s: float = 8.0,
    ) -> Commit | Refused | None:  # fmt: skip
        """One write, sent once. None where no answer came."""
        client = self._client
        if client is None:
            return None  # its gateway has just been killed
        try:
            answer = client.commit(
                key=key, run_id=run_id or self.run_id, workflow=workflow, step="pay", action=action, payload={"amount_micros": amount_micros, "host": host},
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
        assert self._client is not None, "the gateway was started"
        try:
            answer = self._client.wait_commit(commit_id=commit_id, deadline_s=deadline_s)
        except CountersignError:
            return None
        self._tell(answer)
        return answer

    def _tell(self, answer: Commit) -> None:
        self.told.append(Told(key=answer.idempotency_key, generation=answer.generation, commit_id=answer.commit_id, state=_STATES[answer.outcome]))

    def deliveries(self) -> list[Delivery]:
        return [Delivery(key=one["key"], at_ms=one["at_ms"], applied=one["applied"]) for one in self.host("/record")]

    def host(self, path: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self._host_url}{path}", timeout=10) as answer:  # noqa: S310 - our own host, on the loopback
            answered: list[dict[str, Any]] = json.load(answer)
        return answered

    def check(self, *, settled: bool = False, clocks_agree: bool = True) -> list[str]:
        """Everything that does not hold now."""
        return broken(
            Case(
                stored=read_sqlite(self.store), deliveries=self.deliveries(), told=self.told, modes=MODES, settled=settled, clocks_agree=clocks_agree,
                cooperative=frozenset({"bank", "desk"}),
            )
        )  # fmt: skip

    def check_settled(self, *, clocks_agree: bool = True) -> list[str]:
        """Waits until reconciling has ended every unknown that can be ended, and checks; what is still open then is broken."""
        until_s = time.monotonic() + SETTLES_S_MAX
        while time.monotonic() < until_s:
            open_ones = [row for row in read_sqlite(self.store).books.commits if row.state in {State.UNKNOWN, State.FORWARDING} and row.target != "post"]
            if not open_ones:
                break
            time.sleep(20 * _PAUSE_S)
        return self.check(settled=True, clocks_agree=clocks_agree)

    def said(self) -> str:
        """The end of the gateways' log."""
        return self._log.read_text(errors="replace")[-2_000:]

    def _declared(self) -> dict[str, object]:
        target = {
            "base_url": self._host_url, "connect_timeout": "500ms", "send_timeout": "300ms", "read_timeout": f"{self._read_timeout_ms}ms",
            "networks": ["127.0.0.1/32"],
        }  # fmt: skip
        return {
            "listeners": [{"name": "suite", "address": f"unix:{self._socket}", "tenant": "acme", "caller": "suite", "role": "workflow"}],
            "store": {"sqlite": {"path": str(self.store), "reserve_bytes": 16 * 1024 * 1024}},
            "activation": {"path": str(HERE / "activation")},
            "opa": {"folder": str(ROOT / ".tools" / "bin")},
            "targets": {
                "bank": {**target, "mode": "query", "query": {"path": "/operations/{key}", "enforces_not_after": True}},
                "post": {**target, "mode": "none"},
                "desk": {**target, "mode": "dedupe", "dedupe": {"retention": "24h"}},
            },
            "reconcile": {"interval": "100ms", "backoff": "1s", "attempts_max": 1_000},
            "telemetry": {"log_level": "warning"},
            "shutdown_grace": "5s",
        }

    def _child(self, module: str) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _says(self, child: subprocess.Popen[str], beginning: str) -> str:
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line.startswith(beginning):
            raise ArenaBroken(f"a child of the arena said {line!r} where {beginning!r} was expected")
        return line.removeprefix(beginning).strip()

    def _ask(self, command: str) -> str:
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(command + "\n")
        self._nursery.stdin.flush()
        return self._nursery.stdout.readline().strip()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as asking:
            try:
                asking.connect(str(self._socket))
            except OSError:
                return False
        return True

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be asked how does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False
