"""What a host says of a key: the documented answers are findings, everything else is no answer."""

import asyncio
import json
from typing import Final

import pytest

from gateway.adapters.hosts.http import HttpHost
from gateway.adapters.hosts.query import read_query
from gateway.domain.host_answer import HttpReply, NotSent, NotSentWhy, QueryFinding, Silent
from gateway.domain.limits import RESPONSE_BYTES_MAX
from gateway.ports.host import QueryAnswer
from tests.fakes.clock import FakeClock
from tests.fakes.raw_host import BEHAVIOURS, RawHost, Script, reply
from tests.fakes.wire import target


def _seen(status: int, body: bytes, *, truncated: bool = False) -> HttpReply:
    return HttpReply(status=status, body=body, body_truncated=truncated, content_type="application/json")


def _finding(answer: QueryAnswer) -> tuple[QueryFinding, int, bytes]:
    return answer.finding, answer.status, answer.body


FINDINGS: Final = {
    (200, b'{"status":"APPLIED","http_status":201,"response":{"id":"s-1","n":[1,2.5]}}'): (QueryFinding.APPLIED, 201, b'{"id":"s-1","n":[1,2.5]}'),
    (200, b'{"status":"APPLIED","http_status":200,"response":null}'): (QueryFinding.APPLIED, 200, b"null"),
    (200, b'{"status":"APPLIED","http_status":204}'): (QueryFinding.APPLIED, 204, b""),
    (200, b'{"status":"APPLIED","http_status":500,"response":"\xc3\xa4"}'): (QueryFinding.APPLIED, 500, b'"\\u00e4"'),
    (200, b'{"status":"APPLIED","http_status":200,"response":12345678901234567890123}'): (QueryFinding.APPLIED, 200, b"12345678901234567890123"),
    (200, b'{"status":"IN_PROGRESS"}'): (QueryFinding.IN_PROGRESS, 0, b""),
    (200, b'{"status":"NOT_APPLIED","http_status":422,"response":{}}'): (QueryFinding.NOT_APPLIED, 0, b""),
    (200, b'{"status":"NOT_FOUND","more":1}'): (QueryFinding.NOT_FOUND, 0, b""),
    (404, b'{"status":"NOT_FOUND"}'): (QueryFinding.NOT_FOUND, 0, b""),
}


@pytest.mark.parametrize("said", FINDINGS)
def test_findings(said: tuple[int, bytes]) -> None:
    """The original answer is kept for APPLIED, and for nothing else."""
    assert FINDINGS[said] == _finding(read_query(_seen(*said)))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b""),
        (404, b"<html>not here</html>"),
        (404, b'{"error":"no such route"}'),
        (404, b'{"status":"APPLIED","http_status":201}'),
        (404, b'{"status":"NOT_APPLIED"}'),
        (200, b""),
        (200, b"[]"),
        (200, b'"APPLIED"'),
        (200, b'{"status":"applied","http_status":200}'),
        (200, b'{"status":"NO_ANSWER"}'),
        (200, b'{"status":["APPLIED"]}'),
        (200, b'{"status":"APPLIED"}'),
        (200, b'{"status":"APPLIED","http_status":"201"}'),
        (200, b'{"status":"APPLIED","http_status":true}'),
        (200, b'{"status":"APPLIED","http_status":99}'),
        (200, b'{"status":"APPLIED","http_status":600}'),
        (200, b'{"status":"NOT_FOUND","status":"APPLIED","http_status":200}'),
        (200, b'{"status":"APPLIED","http_status":200,"response":NaN}'),
        (200, b'{"status":"APPLIED","http_status":200,"response":1e999}'),
        (200, b'{"status":"APPLIED","http_status":200,"response":{"a":1,"a":2}}'),
        (200, b'{"status":"NOT_FOUND"} {}'),
        (200, b"[" * 60_000),
        (200, b'{"status":"NOT_FOUND","x":"\xff"}'),
        (201, b'{"status":"NOT_FOUND"}'),
        (302, b'{"status":"NOT_FOUND"}'),
        (401, b'{"status":"NOT_FOUND"}'),
        (500, b'{"status":"NOT_FOUND"}'),
    ],
)
def test_no_answer(status: int, body: bytes) -> None:
    """Nothing is concluded from an answer that is not exactly the protocol's."""
    assert _finding(read_query(_seen(status, body))) == (QueryFinding.NO_ANSWER, 0, b"")


def test_an_answer_that_did_not_come_whole() -> None:
    """Not even when what came of it can be read."""
    truncated = _seen(200, b'{"status":"NOT_FOUND"}', truncated=True)

    for seen in (truncated, Silent("cut"), NotSent(NotSentWhy.NOT_REACHED, "nobody there")):
        assert read_query(seen).finding is QueryFinding.NO_ANSWER


def test_an_original_answer_too_large_to_keep() -> None:
    """The finding stands; the body is left out whole, and the detail says so."""
    big = json.dumps({"status": "APPLIED", "http_status": 201, "response": "x" * RESPONSE_BYTES_MAX}).encode()

    answer = read_query(_seen(200, big))

    assert _finding(answer) == (QueryFinding.APPLIED, 201, b"")
    assert "not kept" in answer.detail


async def test_asking_over_the_wire() -> None:
    """One GET with the key, percent-encoded, in the declared place."""
    async with RawHost(Script(send=reply(200, b'{"status":"APPLIED","http_status":201,"response":{"id":1}}'))) as raw:
        host = HttpHost(target(raw.url, "query"), FakeClock())
        answer = await host.query(key="cs-a/b?c", deadline_s=_soon())
        await host.close()

    assert _finding(answer) == (QueryFinding.APPLIED, 201, b'{"id":1}')
    assert [(request.method, request.path) for request in raw.deliveries] == [("GET", "/operations/cs-a%2Fb%3Fc")]
    assert "idempotency-key" not in raw.deliveries[0].headers


@pytest.mark.parametrize("name", ["never_answers", "slow_header", "half_body_held"])
async def test_a_deadline_ends_the_question(name: str) -> None:
    """No answer in time; the connection is not used again."""
    async with RawHost(BEHAVIOURS[name], Script(send=reply(404, b'{"status":"NOT_FOUND"}'))) as raw:
        host = HttpHost(target(raw.url, "query"), FakeClock())
        first = await host.query(key="cs-1", deadline_s=_soon(0.4))
        second = await host.query(key="cs-1", deadline_s=_soon())
        await host.close()

    assert (first.finding, second.finding) == (QueryFinding.NO_ANSWER, QueryFinding.NOT_FOUND)
    assert raw.connections == 2


@pytest.mark.parametrize("name", ["read_then_close", "read_then_reset", "garbage", "redirect_302", "error_500", "huge_body", "switching_101", "ok"])
async def test_a_question_that_fails(name: str) -> None:
    """Asked once; nothing is concluded."""
    async with RawHost(BEHAVIOURS[name]) as raw:
        host = HttpHost(target(raw.url, "query"), FakeClock())
        answer = await host.query(key="cs-1", deadline_s=_soon())
        await host.close()

    assert answer.finding is QueryFinding.NO_ANSWER
    assert len(raw.deliveries) == 1


@pytest.mark.parametrize("key", [".", ".."])
async def test_a_key_that_would_leave_the_path(key: str) -> None:
    """Not asked."""
    async with RawHost() as raw:
        host = HttpHost(target(raw.url, "query"), FakeClock())
        answer = await host.query(key=key, deadline_s=_soon())
        await host.close()

    assert answer.finding is QueryFinding.NO_ANSWER
    assert raw.connections == 0


async def test_a_target_without_a_query() -> None:
    """Nobody is asked."""
    host = HttpHost(target("http://127.0.0.1:1"), FakeClock())

    answer = await host.query(key="cs-1", deadline_s=_soon())

    await host.close()
    assert answer.finding is QueryFinding.NO_ANSWER


def _soon(in_s: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + in_s
