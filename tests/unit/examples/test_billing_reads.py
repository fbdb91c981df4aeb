"""What billing tells: the price list, the team, the seats; and how it refuses to start."""

import asyncio
import sys
from pathlib import Path

from tests.unit.examples.conftest import ROOT, START_S_MAX, Client, start


async def test_the_price_list_is_sorted_by_price(billing: Client) -> None:
    """Cheapest first, with seats and the monthly price in micros."""
    answer = await billing.get("/plans")

    assert answer == {
        "currency": "USD",
        "plans": [
            {"plan": "team_basic", "seats_max": 5, "monthly_price_micros": 25_000_000},
            {"plan": "team_pro", "seats_max": 25, "monthly_price_micros": 99_000_000},
            {"plan": "enterprise", "seats_max": 500, "monthly_price_micros": 1_200_000_000},
        ],
    }


async def test_an_account_before_and_after(billing: Client) -> None:
    """The plan and the seats are those of the newest subscription."""
    before = await billing.get("/accounts/harbour"), await billing.get("/accounts/harbour/seats")
    await billing.subscribe("K-1")
    after = await billing.get("/accounts/harbour"), await billing.get("/accounts/harbour/seats")

    assert before[0] == {"account": "harbour", "team_size": 12, "plan": "team_basic"}
    assert before[1] == {"account": "harbour", "seats_needed": 12, "seats_paid": 5, "seats_missing": 7}
    assert after[0] == {"account": "harbour", "team_size": 12, "plan": "team_pro"}
    assert after[1] == {"account": "harbour", "seats_needed": 12, "seats_paid": 12, "seats_missing": 0}


async def test_an_unknown_account_is_not_found(billing: Client) -> None:
    """Nobody is 404 everywhere, for a write too."""
    reads = [await billing.ask("GET", path) for path in ("/accounts/nobody", "/accounts/nobody/seats", "/accounts/nobody/subscriptions")]
    write = await billing.subscribe("K-1", account="nobody")

    assert [status for status, _, _ in (*reads, write)] == [404] * 4


async def refused_start(*arguments: str) -> tuple[int | None, str]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.subscription.billing", *arguments), cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await asyncio.wait_for(child.communicate(), START_S_MAX)
    return child.returncode, stderr.decode()


async def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    """A second billing on the same port says so and exits 1."""
    first = await start(tmp_path)
    port = first.url.rsplit(":", 1)[1]
    code, said = await refused_start("--port", port, "--database", str(tmp_path / "other.db"))
    await first.stop()

    assert code == 1
    assert said == f"billing cannot listen on 127.0.0.1:{port}: Address already in use; choose another --port, or 0\n"


async def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    """A database or token file that cannot be read, or an empty token, is named; exit 1."""
    (tmp_path / "empty").touch()
    database = await refused_start("--port", "0", "--database", str(tmp_path / "no" / "billing.db"))
    missing = await refused_start("--port", "0", "--database", str(tmp_path / "b.db"), "--token-file", str(tmp_path / "none"))
    empty = await refused_start("--port", "0", "--database", str(tmp_path / "b.db"), "--token-file", str(tmp_path / "empty"))

    assert [database[0], missing[0], empty[0]] == [1, 1, 1]
    assert [said.count("\n") for _, said in (database, missing, empty)] == [1, 1, 1]
    assert "cannot open its database" in database[1]
    assert "cannot read its token file" in missing[1]
    assert "must hold 1 to 4096 bytes" in empty[1]
