"""Four gateways beside four workflows, each a real process with its OPA, on one PostgreSQL database, before the real billing service."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from countersign import Client, Commit, Decision, Outcome, Reason, Refused
from examples.subscription.theatre import ROOT, Theatre
from gateway.adapters.store.postgres.connecting import Access
from gateway.adapters.store.postgres.store import PostgresStore
from gateway.adapters.system import SystemClock, SystemIds
from gateway.domain.conservation import Discrepancy, discrepancies
from tests.e2e.scenes import commit, decided, operation, until
from tests.fakes.postgres import Server

COUNTERSIGN = str(Path(sys.executable).with_name("countersign"))
REPLICAS = 4
LEASE_AND_FIVE_S = 20.0  # of the example's target: its timeouts, the margin, and 5 s


class Replica(Theatre):
    """One gateway of several: everybody else's billing and model, and a store they share."""

    def __init__(self, folder: Path, *, chief: Theatre, access: Access) -> None:
        super().__init__(folder)
        self.token = chief.token
        self._ports.update(chief._ports)
        self._access = access

    def _settings(self) -> str:
        shared = f"postgres: {{host: {self._access.host}, database: {self._access.database}, user: {self._access.user}, readers_max: 2}}"
        return super()._settings().replace(f"sqlite: {{path: {self.folder / 'countersign.db'}}}", shared)


class Stage:
    """Billing, a model that always picks team_pro, and the gateways."""

    def __init__(self, chief: Theatre, access: Access, replicas: list[Replica]) -> None:
        self.chief, self.access, self.replicas = chief, access, replicas

    def decided(self, replica: int, run_id: str, account: str) -> Decision:
        with self.replicas[replica].client() as client:
            return decided(client, run_id, account)

    def commit(self, replica: int, run_id: str, account: str, decision: Decision) -> Commit:
        with self.replicas[replica].client() as client:
            return commit(client, run_id, account, decision)

    def wrong(self) -> list[Discrepancy]:
        """What does not add up."""

        async def look() -> list[Discrepancy]:
            store = await PostgresStore.open(self.access, ids=SystemIds(), clock=SystemClock())
            books = await store.books()
            await store.close()
            return discrepancies(books)

        return asyncio.run(look())


@pytest.fixture(scope="module")
def empty(postgres: Server) -> Iterator[Access]:
    async def make() -> Access:
        async with postgres.lent():  # brings the roles
            return await postgres.empty_database()

    access = asyncio.run(make())
    yield access
    asyncio.run(postgres.drop(access))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A short one: the path of a socket is bounded."""
    with tempfile.TemporaryDirectory(prefix="cs-e2e-") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def chief(folder: Path) -> Iterator[Theatre]:
    with Theatre(folder / "chief") as made:
        made.start_billing()
        script = folder / "team_pro.json"
        script.write_text(json.dumps([{"action": "decide", "option": "team_pro"}]))
        made._begin_module("model", "examples.local_model.scripted", "--script", str(script))
        made._announced("model")
        yield made


@pytest.fixture(scope="module")
def stage(folder: Path, chief: Theatre, empty: Access) -> Iterator[Stage]:
    """The first replica is refused until the owner has migrated."""
    with ExitStack() as stack:
        replicas = [stack.enter_context(Replica(folder / f"g{n}", chief=chief, access=empty)) for n in range(REPLICAS)]
        settings = [replica.write_settings() for replica in replicas]
        refused = run("serve", "--settings", str(settings[0]))
        owner = folder / "owner.dsn"
        owner.write_text(f"postgres://owner@/{empty.database}?host={empty.host}\n")
        owner.chmod(0o600)
        migrated = run("store", "migrate", "--settings", str(settings[0]), "--owner-dsn-file", str(owner), "--json")
        assert (refused.returncode, migrated.returncode) == (2, 0), refused.stdout + refused.stderr + migrated.stdout + migrated.stderr
        assert "countersign store migrate" in " ".join((refused.stdout + refused.stderr).split())
        assert json.loads(migrated.stdout)["applied"]
        with ThreadPoolExecutor(2) as starters:
            list(starters.map(Replica.start_gateway, replicas))
        yield Stage(chief, empty, replicas)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COUNTERSIGN, *words], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


def test_every_gateway_writes_and_all_of_them_see_it(stage: Stage) -> None:
    """A decision made at one carries a commit at another; each write is done once."""
    accounts = ["harbour", "foundry", "meadow", "orchard"]

    decisions = [stage.decided(n, f"run-{n}", account) for n, account in enumerate(accounts)]
    ended = [stage.commit((n + 1) % REPLICAS, f"run-{n}", account, decisions[n]) for n, account in enumerate(accounts)]

    assert [one.outcome for one in ended] == [Outcome.SUCCEEDED] * REPLICAS
    assert [len(stage.chief.subscriptions(account)) for account in accounts] == [1] * REPLICAS
    for replica in stage.replicas:
        with replica.client() as client:
            assert [client.get_commit(commit_id=one.commit_id).outcome for one in ended] == [Outcome.SUCCEEDED] * REPLICAS
    assert stage.wrong() == []


def test_one_key_at_all_of_them_is_one_write(stage: Stage) -> None:
    """Four workflows retry at four gateways at once: one commit, one subscription, one answer."""
    decision = stage.decided(0, "same-1", "lighthouse")

    with ThreadPoolExecutor(REPLICAS) as callers:
        answers = [*callers.map(lambda n: stage.commit(n, "same-1", "lighthouse", decision), range(REPLICAS))]
    with stage.replicas[0].client() as client:
        ended = client.wait_commit(commit_id=answers[0].commit_id)

    assert {one.commit_id for one in answers} == {ended.commit_id}
    assert ended.outcome is Outcome.SUCCEEDED
    assert len(stage.chief.subscriptions("lighthouse")) == 1


def test_a_halt_thrown_at_one_stops_all(stage: Stage) -> None:
    """As soon as the command has returned."""
    decision = stage.decided(1, "halt-1", "printworks")
    thrown = run("halt", "--tenant", "acme", "--reason", "looking", "--json", "--gateway", stage.replicas[2].address("operator"))

    denied = stage.commit(3, "halt-1", "printworks", decision)
    lifted = run("resume", json.loads(thrown.stdout)["halt_id"], "--reason", "looked", "--gateway", stage.replicas[0].address("operator"))

    assert [one.reason for one in denied.reasons] == [Reason.HALTED]
    assert lifted.returncode == 0
    assert stage.chief.subscriptions("printworks") == []


def test_what_a_killed_gateway_left_is_settled_by_another(stage: Stage) -> None:
    """SIGKILL while billing holds the write: once the lease has run out, and within 5 s, another asks billing and settles. One subscription."""
    decision = stage.decided(3, "killed-1", "observatory")
    stage.chief.switch(slow={"ms": 60_000, "times": 1})
    with ThreadPoolExecutor(1) as callers:
        waiting = callers.submit(stage.commit, 3, "killed-1", "observatory", decision)
        with stage.replicas[0].client() as client:
            until(lambda: bool(forwarding(client, "killed-1/activate")), "the commit to be forwarded")
            commit_id = forwarding(client, "killed-1/activate")
            until(lambda: operation(stage.chief, commit_id) == "IN_PROGRESS", "billing to take the write up")
            stage.replicas[3].kill("gateway")
            killed_at_s = time.monotonic()
            stage.chief.switch()
            until(lambda: len(stage.chief.subscriptions("observatory")) == 1, "billing to write")
            ended = client.wait_commit(commit_id=commit_id)
            waiting.exception(timeout=60)

    assert ended.outcome is Outcome.SUCCEEDED
    assert time.monotonic() - killed_at_s < LEASE_AND_FIVE_S
    assert len(stage.chief.subscriptions("observatory")) == 1
    assert stage.wrong() == []


def forwarding(client: Client, key: str) -> str:
    """Seen from another gateway; "" until it is there."""
    try:
        return client.get_commit(key=key).commit_id
    except Refused:
        return ""
