"""The processes of the example, each a real one: billing, the local model, the rogue model, the gateway with its OPA.

1. Everything lives in one folder, which may be thrown away; every port is a free one, known before anything listens on it, so that nobody waits
   for another's address: `start` begins everything at once.
2. Each child is asked to end, in the opposite order, and killed only when it does not.
3. The gateway runs on `settings.yaml` beside this file, with addresses and paths exchanged.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import grpc

from countersign import Client, connect

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
READY_S_MAX: Final = 60.0
END_S_MAX: Final = 15.0
PAUSE_S: Final = 0.02
AT_ONCE: Final = tuple((f"grpc.{bound}_reconnect_backoff_ms", 20) for bound in ("initial", "min", "max"))  # not a second after the first refusal
LISTENING: Final = {"billing": 8081, "model": 8082, "rogue": 8083}  # as in settings.yaml
ROGUE_SCRIPT: Final = [{"action": "decide", "option": "platinum", "rationale": "the shiniest"}]


class NotReady(Exception):
    """A process of the example did not come up: which, and the end of what it said."""


class Theatre:
    """Start everything, or what is needed; leaving the block ends it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        self.token = secrets.token_hex(16)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._ports: Final = dict(zip(LISTENING, free_ports(len(LISTENING)), strict=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        names = [*reversed(self._children)]
        for name in names:
            self._children[name].send_signal(signal.SIGTERM)
        for name in names:
            self._gone(name)

    def start(self) -> None:
        """Billing, both models and the gateway: begun at once, returns when each of them answers."""
        self._begin_billing()
        self._begin_models()
        self._begin_gateway()
        for name in LISTENING:
            self._announced(name)
        self._serving()

    def start_billing(self) -> None:
        self._begin_billing()
        self._announced("billing")

    def start_models(self) -> None:
        self._begin_models()
        for name in ("model", "rogue"):
            self._announced(name)

    def start_gateway(self, *, wrapper: Sequence[str] = ()) -> None:
        """`wrapper` is a command to run it under. Returns once its workflow socket answers."""
        self._begin_gateway(wrapper)
        self._serving()

    def _begin_billing(self) -> None:
        token_file = self.folder / "billing.token"
        token_file.write_text(self.token + "\n")
        token_file.chmod(0o600)
        database = ("--database", str(self.folder / "billing.db"), "--token-file", str(token_file))
        self._begin_module("billing", "examples.subscription.billing", *database)

    def _begin_models(self) -> None:
        script = self.folder / "rogue.json"
        script.write_text(json.dumps(ROGUE_SCRIPT))
        self._begin_module("model", "examples.local_model")
        self._begin_module("rogue", "examples.local_model.scripted", "--script", str(script))

    def _begin_gateway(self, wrapper: Sequence[str] = ()) -> None:
        settings = self.write_settings()
        self._begin("gateway", [*wrapper, str(Path(sys.executable).with_name("countersign")), "serve", "--settings", str(settings)])

    def write_settings(self) -> Path:
        """Writes the gateway's settings, unless a caller has written others."""
        settings = self.folder / "settings.yaml"
        if not settings.exists():
            settings.write_text(self._settings())
        return settings

    def _settings(self) -> str:
        text = (HERE / "settings.yaml").read_text()
        exchanged = {
            "../../var/run/": f"{self.folder}/",
            "../../var/countersign.db": str(self.folder / "countersign.db"),
            "../../.tools/bin": str(ROOT / ".tools" / "bin"),
            "path: activation": f"path: {HERE / 'activation'}",
            **{f"127.0.0.1:{number}": f"127.0.0.1:{self._ports[name]}" for name, number in LISTENING.items()},
        }
        for old, new in exchanged.items():
            text = text.replace(old, new)
        authorization = self.folder / "billing.authorization"
        authorization.write_text(f"Bearer {self.token}\n")
        authorization.chmod(0o600)
        return text.replace("    mode: query\n", f"    mode: query\n    authorization_file: {authorization}\n")

    def address(self, listener: str) -> str:
        return f"unix:{self.folder}/{listener}/gateway.sock"

    def client(self, tenant: str = "acme") -> Client:
        return connect(self.address(tenant))

    @property
    def billing(self) -> str:
        return f"http://127.0.0.1:{self._ports['billing']}"

    def switch(self, **switches: object) -> None:
        """Turns billing's switches; none turns them all off."""
        request = urllib.request.Request(  # noqa: S310 - our own billing, on the loopback
            f"{self.billing}/switches", json.dumps(switches).encode(), method="POST" if switches else "DELETE"
        )
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - our own billing, on the loopback
            pass

    def read(self, path: str) -> Any:  # noqa: ANN401 - the JSON of another service
        """GETs one JSON document of billing."""
        with urllib.request.urlopen(f"{self.billing}{path}", timeout=5) as answer:  # noqa: S310 - our own billing, on the loopback
            return json.load(answer)

    def subscriptions(self, account: str) -> list[Any]:
        """What billing really holds for an account."""
        held: list[Any] = self.read(f"/accounts/{account}/subscriptions")["subscriptions"]
        return held

    def pid(self, name: str) -> int:
        return self._children[name].pid

    def kill(self, name: str) -> None:
        """SIGKILL: what a power cut looks like to everybody else."""
        child = self._children.pop(name)
        child.kill()
        child.wait(END_S_MAX)

    def end(self, name: str) -> int:
        self._children[name].send_signal(signal.SIGTERM)
        return self._gone(name)

    def _gone(self, name: str) -> int:
        child = self._children.pop(name)
        try:
            return child.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait(END_S_MAX)

    def _begin_module(self, name: str, module: str, *options: str) -> None:
        where = ("--port", str(self._ports[name]), "--ready-file", str(self.folder / f"{name}.ready"))
        self._begin(name, [sys.executable, "-m", module, *options, *where])

    def _begin(self, name: str, command: list[str]) -> None:
        with (self.logs / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment())

    def _announced(self, name: str) -> None:
        self._until(name, (self.folder / f"{name}.ready").exists)

    def _serving(self) -> None:
        with grpc.insecure_channel(self.address("acme"), options=AT_ONCE) as channel:
            ready = grpc.channel_ready_future(channel)
            self._until("gateway", lambda: _is_ready(ready))

    def _until(self, name: str, holds: Any) -> None:  # noqa: ANN401 - any condition without arguments
        deadline_s = time.monotonic() + READY_S_MAX
        while not holds():
            if self._children[name].poll() is not None or time.monotonic() > deadline_s:
                said = (self.logs / f"{name}.log").read_text(errors="replace")[-2000:]
                raise NotReady(f"{name} did not come up; it said:\n{said}")
            time.sleep(PAUSE_S)


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback that nothing listens on."""
    with ExitStack() as held:
        return [held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]


def _is_ready(future: Any) -> bool:  # noqa: ANN401 - grpc's futures have no public type
    try:
        future.result(timeout=PAUSE_S)
    except grpc.FutureTimeoutError:
        return False
    return True


def _environment() -> dict[str, str]:
    """The surroundings, less whatever would configure a gateway by accident."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")}
