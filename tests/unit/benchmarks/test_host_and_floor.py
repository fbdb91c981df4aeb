"""The host counts what reached it, and the floor passes on what it was given: both as real processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benchmarks import children, floor, host
from benchmarks.load import CallFailed, Line, closed_loop
from benchmarks.rounds import Count, count
from benchmarks.terms import COMMIT, PAYLOAD, Requests
from countersign.v1 import gateway_pb2


@asynccontextmanager
async def hosting(folder: Path) -> AsyncIterator[str]:
    async with children.module("host", folder=folder) as child:
        yield await child.says(host.READY)


async def exchange(url: str, *requests: bytes) -> bytes:
    """All that one connection answers to these requests, sent together."""
    address, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(address, int(port))
    writer.writelines(requests)
    writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


def post(key: str) -> bytes:
    named = f"Idempotency-Key: {key}\r\n" if key else ""
    return f"POST /x HTTP/1.1\r\nHost: h\r\n{named}Content-Length: 2\r\n\r\n{{}}".encode()


async def test_the_host_counts_effects_and_distinct_keys(tmp_path: Path) -> None:
    """The same key twice is two effects and one key; looking is no effect."""
    async with hosting(tmp_path) as url:
        answers = await exchange(url, post("K-1"), post("K-2"), post("K-1"), post(""), b"GET /operations/K-1 HTTP/1.1\r\nHost: h\r\n\r\n")
        seen = await count(url)

    assert answers.count(b"HTTP/1.1 201 Created") == 4
    assert b'{"status":"NOT_FOUND"}' in answers
    assert seen == Count(effects=4, keys=2, unkeyed=1)


async def test_what_is_no_http_is_no_effect(tmp_path: Path) -> None:
    """The connection is closed, the count stays."""
    async with hosting(tmp_path) as url:
        assert await exchange(url, b"\x00\x01 nonsense\r\n\r\n") == b""
        assert await count(url) == Count(effects=0, keys=0, unkeyed=0)


async def test_the_floor_passes_on_each_call_once(tmp_path: Path) -> None:
    """As many effects as calls, each under its own key, each answered SUCCEEDED with what the host said."""
    async with hosting(tmp_path) as url, flooring(tmp_path, url) as line:
        piece = await closed_loop(line.send, Requests(name="test", run_size=10).take(50), in_flight=8)
        answer = gateway_pb2.CommitResponse.FromString(await line.send(Requests(name="one", run_size=1).take(1)[0]))
        seen = await count(url)

    assert (piece.calls, piece.succeeded) == (50, 50)
    assert (answer.commit.host_status, answer.commit.host_response) == (201, b'{"id":"s-51","status":"active"}')
    assert seen == Count(effects=51, keys=51, unkeyed=0)


async def test_a_floor_without_its_host_fails(tmp_path: Path) -> None:
    """It never says that it did what it did not."""
    async with flooring(tmp_path, "http://127.0.0.1:1") as line:
        with pytest.raises(CallFailed, match="INTERNAL: the host did not take it"):
            await line.send(Requests(name="test", run_size=1).take(1)[0])


async def test_a_child_that_ends_early_is_told_with_its_last_words(tmp_path: Path) -> None:
    """What it wrote to its standard error is in the message."""
    async with children.module("floor", "--nonsense", folder=tmp_path) as child:
        with pytest.raises(children.ChildFailed, match="required"):
            await child.says(floor.READY)


@asynccontextmanager
async def flooring(folder: Path, url: str) -> AsyncIterator[Line]:
    socket = folder / "f.sock"
    async with children.module("floor", "--socket", str(socket), "--host", url, folder=folder) as child:
        await child.says(floor.READY)
        line = Line(socket)
        try:
            await child.until(line.open())
            yield line
        finally:
            await line.close()


def test_requests_are_new_and_belong_to_runs() -> None:
    """Every key differs; `run_size` of them share a run; the payload is the declared one."""
    requests = Requests(name="test", run_size=4)

    made = [gateway_pb2.CommitRequest.FromString(one) for one in [*requests.take(6), *requests.take(4)]]

    assert len({one.idempotency_key for one in made}) == 10
    assert [len([one for one in made if one.run_id == run]) for run in dict.fromkeys(one.run_id for one in made)] == [4, 4, 2]
    assert {one.payload for one in made} == {PAYLOAD}


def test_the_method_that_is_called_is_the_contract_s() -> None:
    """The floor serves, and the load calls, the gateway's own Commit."""
    service = gateway_pb2.DESCRIPTOR.services_by_name["GatewayService"]

    assert f"/{service.full_name}/{service.methods_by_name['Commit'].name}" == COMMIT
