"""The processes of the example, each a real one: billing, the local model, the rogue model, the gateway with its OPA.

1. Everything lives in one folder, which may be thrown away; every port is a free one.
2. Each child is asked to end, in the opposite order, and killed only when it does not.
3. The gateway runs on `settings.yaml` beside this file, with addresses and paths exchanged.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
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
ROGUE_SCRIPT: Final = [{"action": "decide", "option": "platinum", "rationale": "the shiniest"}]


class NotReady(Exception):
    """A process of the example did not come up: which, and the end of what it said."""


class Theatre:
    """Start what is needed, in any order that makes sense; leaving the block ends everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        self.token = secrets.token_hex(16)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._urls: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for name in reversed([*self._children]):
            self.end(name)

    def start_billing(self) -> str:
        token_file = self.folder / "billing.token"
        token_file.write_text(self.token + "\n")
        token_file.chmod(0o600)
        database = ("--database", str(self.folder / "billing.db"), "--token-file", str(token_file))
        return self._served("billing", "examples.subscription.billing", *database)

    def start_models(self) -> None:
        script = self.folder / "rogue.json"
        script.write_text(json.dumps(ROGUE_SCRIPT))
        self._begin("model", self._module("examples.local_model", *self._port("model")))
        self._begin("rogue", self._module("examples.local_model.scripted", "--script", str(script), *self._port("rogue")))
        for name in ("model", "rogue"):
            self._urls[name] = self._ready(name)

    def start_gateway(self, *, wrapper: Sequence[str] = ()) -> None:
        """`wrapper` is a command to run it under. Returns once its workflow socket answers."""
        settings = self.write_settings()
        self._begin("gateway", [*wrapper, str(Path(sys.executable).with_name("countersign")), "serve", "--settings", str(settings)])
        with grpc.insecure_channel(self.address("acme")) as channel:
            ready = grpc.channel_ready_future(channel)
            self._until("gateway", lambda: _is_ready(ready))

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
            "http://127.0.0.1:8081": self._urls["billing"],
            "http://127.0.0.1:8082": self._urls.get("model", "http://127.0.0.1:9").removesuffix("/v1"),
            "http://127.0.0.1:8083": self._urls.get("rogue", "http://127.0.0.1:9").removesuffix("/v1"),
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
        return self._urls["billing"]

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
        child = self._children.pop(name)
        child.send_signal(signal.SIGTERM)
        try:
            return child.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait(END_S_MAX)

    def _served(self, name: str, module: str, *options: str) -> str:
        self._begin(name, self._module(module, *options, *self._port(name)))
        self._urls[name] = self._ready(name)
        return self._urls[name]

    def _port(self, name: str) -> tuple[str, ...]:
        return ("--port", "0", "--ready-file", str(self.folder / f"{name}.ready"))

    def _module(self, module: str, *options: str) -> list[str]:
        return [sys.executable, "-m", module, *options]

    def _begin(self, name: str, command: list[str]) -> None:
        with (self.logs / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment())

    def _ready(self, name: str) -> str:
        file = self.folder / f"{name}.ready"
        self._until(name, file.exists)
        text = file.read_text().strip()
        url: str = json.loads(text)["url"] if text.startswith("{") else text
        return url

    def _until(self, name: str, holds: Any) -> None:  # noqa: ANN401 - any condition without arguments
        deadline_s = time.monotonic() + READY_S_MAX
        while not holds():
            if self._children[name].poll() is not None or time.monotonic() > deadline_s:
                said = (self.logs / f"{name}.log").read_text(errors="replace")[-2000:]
                raise NotReady(f"{name} did not come up; it said:\n{said}")
            time.sleep(PAUSE_S)


def _is_ready(future: Any) -> bool:  # noqa: ANN401 - grpc's futures have no public type
    try:
        future.result(timeout=PAUSE_S)
    except grpc.FutureTimeoutError:
        return False
    return True


def _environment() -> dict[str, str]:
    """The surroundings, less whatever would configure a gateway by accident."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")}
