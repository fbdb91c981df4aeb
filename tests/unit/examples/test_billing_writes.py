"""Billing writes once per key, tells what became of a key, and misbehaves when asked."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import aiohttp
import pytest

from tests.unit.examples.conftest import ORDER, TOKEN, Client, start

POLLS_MAX = 2_000
NOT_FOUND = {"status": "NOT_FOUND", "http_status": 0, "response": None}
IN_PROGRESS = {"status": "IN_PROGRESS", "http_status": 0, "response": None}
BOUGHT = {"subscription": "sub_000001", "account": "harbour", "plan": "team_pro", "seats": 12, "amount_micros": 99_000_000, "currency": "USD"}


def moment(*, seconds: int) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def until(client: Client, path: str, expected: dict[str, object]) -> None:
    """Ask until the answer is `expected`; each round trip is the pause."""
    for _ in range(POLLS_MAX):
        if await client.get(path) == expected:
            return
    pytest.fail(f"{path} never answered {expected}")


async def test_a_write_is_done_and_told(billing: Client) -> None:
    """The first write of a key is applied, listed, and known to the status query."""
    status, answer, headers = await billing.subscribe("K-1")

    assert (status, answer) == (201, BOUGHT)
    assert "Idempotent-Replayed" not in headers
    assert await billing.bought() == [BOUGHT]
    assert await billing.get("/operations/K-1") == {"status": "APPLIED", "http_status": 201, "response": BOUGHT}


async def test_the_same_key_again_is_one_subscription(billing: Client) -> None:
    """Three identical writes give one answer and one row, even when Not-After has passed meanwhile."""
    answers = [await billing.subscribe("K-1"), await billing.subscribe("K-1"), await billing.subscribe("K-1", Not_After="2001-01-01T00:00:00Z")]

    assert [(status, answer) for status, answer, _ in answers] == [(201, BOUGHT)] * 3
    assert [headers.get("Idempotent-Replayed") for _, _, headers in answers] == [None, "true", "true"]
    assert len(await billing.bought()) == 1


async def test_other_keys_are_other_subscriptions(billing: Client) -> None:
    """A second key writes a second row, so that a double write would be seen."""
    await billing.subscribe("K-1")
    status, answer, _ = await billing.subscribe("K-2")

    assert (status, answer["subscription"]) == (201, "sub_000002")
    assert len(await billing.bought()) == 2


async def test_a_key_with_another_body_is_refused(billing: Client) -> None:
    """The same meaning in other bytes is another body; the first answer stays."""
    await billing.subscribe("K-1")
    status, answer, _ = await billing.subscribe("K-1", body=ORDER + b" ")

    assert status == 422
    assert answer["error"] == {"code": "KEY_REUSED", "detail": "this Idempotency-Key came before with another body"}
    assert await billing.bought() == [BOUGHT]


async def test_a_late_write_closes_its_key(billing: Client) -> None:
    """A passed Not-After is refused, and a later attempt of the same key is refused too, whatever its Not-After."""
    first = await billing.subscribe("K-1", Not_After="2001-01-01T00:00:00Z")
    again = await billing.subscribe("K-1", Not_After=moment(seconds=60).isoformat())

    assert [first[0], again[0]] == [412, 412]
    assert first[1] == again[1]
    assert await billing.get("/operations/K-1") == {"status": "NOT_APPLIED", "http_status": 412, "response": first[1]}
    assert await billing.bought() == []


async def test_a_write_in_time_is_done(billing: Client) -> None:
    """A Not-After ahead changes nothing, as RFC 3339 or as an HTTP-date."""
    first = await billing.subscribe("K-1", Not_After=moment(seconds=60).isoformat())
    second = await billing.subscribe("K-2", Not_After=format_datetime(moment(seconds=60), usegmt=True))

    assert [first[0], second[0]] == [201, 201]


async def test_a_write_that_became_late_while_held_is_refused(billing: Client) -> None:
    """Not-After is checked when the write is about to be done, not when it came in; billing counts whole milliseconds."""
    not_after = moment(seconds=1)
    await billing.switch(b'{"slow":{"ms":600000}}')
    write = asyncio.create_task(billing.subscribe("K-1", Not_After=not_after.isoformat()))
    await until(billing, "/operations/K-1", IN_PROGRESS)
    while datetime.now(UTC) <= not_after + timedelta(milliseconds=1):
        await billing.get("/plans")
    await billing.switch(b'{"slow":null}')
    status, _, _ = await write

    assert status == 412
    assert await billing.bought() == []


async def test_under_way_is_said(billing: Client) -> None:
    """While the first write of a key is held it is IN_PROGRESS, a twin gets 409, and the end is one subscription."""
    await billing.switch(b'{"slow":{"ms":600000,"times":1}}')
    write = asyncio.create_task(billing.subscribe("K-1"))
    await until(billing, "/operations/K-1", IN_PROGRESS)
    twin = await billing.subscribe("K-1")
    await billing.ask("DELETE", "/switches")
    first = await write
    third = await billing.subscribe("K-1")

    assert [twin[0], first[0], third[0]] == [409, 201, 201]
    assert len(await billing.bought()) == 1


async def test_slow_ends_by_itself(billing: Client) -> None:
    """A held write is done once its time is over, and takes no less than that."""
    await billing.switch(b'{"slow":{"ms":80,"times":1}}')
    began = time.monotonic()
    status, _, _ = await billing.subscribe("K-1")

    assert status == 201
    assert time.monotonic() - began >= 0.08


async def test_vanish_after_writing(billing: Client) -> None:
    """The caller gets no answer; the subscription is there, and the key's query tells the answer it would have had."""
    await billing.switch(b'{"vanish_after_writing":{"times":1}}')
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await billing.subscribe("K-1")
    told = await billing.get("/operations/K-1")
    again = await billing.subscribe("K-1")

    assert told == {"status": "APPLIED", "http_status": 201, "response": BOUGHT}
    assert again[:2] == (201, BOUGHT)
    assert await billing.bought() == [BOUGHT]


async def test_refuse_before_writing_closes_the_key(billing: Client) -> None:
    """A refusal on demand is definite: nothing written, and never by this key."""
    await billing.switch(b'{"refuse_before_writing":{"times":1}}')
    first = await billing.subscribe("K-1")
    again = await billing.subscribe("K-1")
    other = await billing.subscribe("K-2")

    assert [first[0], again[0], other[0]] == [403, 403, 201]
    assert await billing.get("/operations/K-1") == {"status": "NOT_APPLIED", "http_status": 403, "response": first[1]}
    assert len(await billing.bought()) == 1


async def test_refusing_and_vanishing_together(billing: Client) -> None:
    """The key is closed and nobody is told: only the query knows."""
    await billing.switch(b'{"refuse_before_writing":{"times":1},"vanish_after_writing":{"times":1}}')
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await billing.subscribe("K-1")

    assert (await billing.get("/operations/K-1"))["status"] == "NOT_APPLIED"
    assert await billing.bought() == []


async def test_fail_writes_nothing_and_ends_nothing(billing: Client) -> None:
    """A failure on demand leaves the key unknown; the switch strikes as often as it was told."""
    await billing.switch(b'{"fail":{"status":503,"times":2}}')
    failed = [await billing.subscribe("K-1"), await billing.subscribe("K-1")]
    told = await billing.get("/operations/K-1")
    done = await billing.subscribe("K-1")

    assert [status for status, _, _ in failed] == [503, 503]
    assert told == NOT_FOUND
    assert done[0] == 201


async def test_switches_show_what_is_left(billing: Client) -> None:
    """A switch counts down, leaves the others alone, and `null` turns one off."""
    await billing.switch(b'{"fail":{"status":500,"times":2},"slow":{"ms":5}}')
    await billing.subscribe("K-1")
    left = await billing.get("/switches")
    await billing.switch(b'{"fail":null}')

    assert left == {"fail": {"status": 500, "times": 1}, "slow": {"ms": 5}}
    assert await billing.get("/switches") == {"slow": {"ms": 5}}


async def test_what_makes_no_sense_writes_nothing(billing: Client) -> None:
    """A bad body, key, Not-After or setting is 400, a body over the limit 413; no key is ended and no switch moved."""
    refused = [
        await billing.subscribe("K-1", body=ORDER.replace(b"99000000", b"98999999")),
        await billing.subscribe("K 1"),
        await billing.subscribe("K-1", Not_After="soon"),
        await billing.ask("POST", "/accounts/harbour/subscriptions", body=ORDER),
        await billing.ask("POST", "/switches", body=b'{"slowly":{}}'),
    ]
    over = await billing.ask("POST", "/accounts/harbour/subscriptions", body=b" " * 20_000, headers={"Idempotency-Key": "K-1"})

    assert [status for status, _, _ in refused] == [400] * 5
    assert over[0] == 413
    assert await billing.get("/operations/K-1") == NOT_FOUND
    assert await billing.get("/switches") == {}
    assert await billing.bought() == []


async def test_the_book_outlives_its_process(tmp_path: Path) -> None:
    """Ended keys, applied or closed, are known after SIGKILL and a new start."""
    first = await start(tmp_path)
    await Client(url=first.url).subscribe("K-1")
    await Client(url=first.url).subscribe("K-2", Not_After="2001-01-01T00:00:00Z")
    first.child.kill()
    await first.child.wait()
    second = await start(tmp_path)
    client = Client(url=second.url)
    answers = [(await client.get(f"/operations/{key}"))["status"] for key in ("K-1", "K-2", "K-3")]
    bought = await client.bought()

    assert await second.stop() == 0
    assert answers == ["APPLIED", "NOT_APPLIED", "NOT_FOUND"]
    assert bought == [BOUGHT]


async def test_writes_need_the_token(tmp_path: Path) -> None:
    """With a token file a write without it is 401, reads stay open, and the token is never printed."""
    (tmp_path / "token").write_text(TOKEN + "\n", encoding="ascii")
    process = await start(tmp_path, "--token-file", str(tmp_path / "token"))
    client = Client(url=process.url)
    without = await client.subscribe("K-1")
    wrong = await client.subscribe("K-1", Authorization="Bearer tok-4f1d0d")
    right = await client.subscribe("K-1", Authorization=f"Bearer {TOKEN}")
    bought = await client.bought()
    exit_code = await process.stop()
    assert process.child.stdout is not None
    printed = await process.child.stdout.read() + (tmp_path / "stderr").read_bytes()

    assert [without[0], wrong[0], right[0]] == [401, 401, 201]
    assert len(bought) == 1
    assert exit_code == 0
    assert printed == b""


async def test_the_ready_file_tells_where(tmp_path: Path) -> None:
    """The ready file is there with the first answer and gone with the process."""
    ready = tmp_path / "ready.json"
    process = await start(tmp_path, "--ready-file", str(ready))
    told = json.loads(ready.read_text(encoding="utf-8"))
    exit_code = await process.stop()

    assert told == {"url": process.url, "pid": process.child.pid}
    assert exit_code == 0
    assert not ready.exists()
