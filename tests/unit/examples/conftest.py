"""The billing service as a process of its own, and a client that speaks to it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

ROOT = Path(__file__).parents[3]
START_S_MAX = 30.0
ORDER = b'{"account":"harbour","amount_micros":99000000,"currency":"USD","plan":"team_pro","seats":12}'
TOKEN = "tok-4f1d0c"

Answer = tuple[int, dict[str, object], Mapping[str, str]]  # status, JSON object ({} for other content), headers


@dataclass(slots=True, kw_only=True)
class Process:
    """One running billing. `stop` asks it to end and answers its exit code."""

    child: asyncio.subprocess.Process
    url: str

    async def stop(self) -> int:
        if self.child.returncode is None:
            self.child.terminate()
        return await asyncio.wait_for(self.child.wait(), START_S_MAX)


async def start(folder: Path, *arguments: str) -> Process:
    """Billing on a free port over `folder`/billing.db, ready to answer; its stderr goes to `folder`/stderr."""
    with (folder / "stderr").open("ab") as stderr:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "examples.subscription.billing", "--port", "0", "--database", str(folder / "billing.db")),
            *arguments,
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    assert child.stdout is not None
    line = await asyncio.wait_for(child.stdout.readline(), START_S_MAX)
    assert line.startswith(b"billing is ready at "), (folder / "stderr").read_text()
    return Process(child=child, url=line.split()[-1].decode())


@dataclass(slots=True, kw_only=True)
class Client:
    """Speaks to one billing; a fresh connection for each request."""

    url: str

    async def get(self, path: str) -> dict[str, object]:
        status, answer, _ = await self.ask("GET", path)
        assert status == 200
        return answer

    async def ask(self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session, session.request(method, self.url + path, data=body, headers=headers) as response:
            if response.content_type != "application/json":
                return response.status, {}, response.headers
            answer = await response.json()
            assert isinstance(answer, dict)
            return response.status, answer, response.headers

    async def subscribe(self, key: str, *, body: bytes = ORDER, account: str = "harbour", **headers: str) -> Answer:
        """POST one order; header names are given with underscores: `Not_After=…`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("POST", f"/accounts/{account}/subscriptions", body=body, headers={"Idempotency-Key": key, **named})

    async def bought(self, account: str = "harbour") -> list[object]:
        bought = (await self.get(f"/accounts/{account}/subscriptions"))["subscriptions"]
        assert isinstance(bought, list)
        return bought

    async def switch(self, setting: bytes) -> None:
        status, answer, _ = await self.ask("POST", "/switches", body=setting)
        assert status == 200, answer


@pytest.fixture
async def billing(tmp_path: Path) -> AsyncIterator[Client]:
    """One billing with every switch off and writes open."""
    process = await start(tmp_path)
    yield Client(url=process.url)
    assert await process.stop() == 0
