"""A trace and a listing arrive whole, however much hosts and policies had to say, and no page is more than one message of the wire."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from countersign.v1 import gateway_pb2, operator_pb2
from gateway.domain.limits import DENIALS_PER_S_MAX, RESPONSE_BYTES_MAX, WIRE_BYTES_MAX
from gateway.domain.verdict import CODES_MAX, DETAIL_CHARS_MAX
from gateway.ports.policy import Document
from tests.fakes.activation import activation
from tests.fakes.commands import commit_command
from tests.fakes.gateway import FakeGateway, gateway
from tests.fakes.host import answered
from tests.fakes.served import GATEWAY, OPERATOR, Served, every_role, served

PAGES_MAX = 200
WORDY = Document({"allow": False, "reasons": [{"code": "TOO_RISKY", "detail": "x" * DETAIL_CHARS_MAX} for _ in range(CODES_MAX)]})


@pytest.fixture
async def wire(tmp_path: Path) -> AsyncIterator[tuple[FakeGateway, Served]]:
    async with gateway(activation(steps_max=1_000)) as of, served(of, every_role(tmp_path)) as one:
        yield of, one


async def deny(of: FakeGateway, count: int) -> None:
    """So many denials, each with as much to say as a verdict may have."""
    of.policy.script = lambda _entrypoint, _input: WORDY
    for number in range(count):
        if number % DENIALS_PER_S_MAX == 0:
            of.clock.advance(ms=1_000)
        await of.commit(commit_command(f"K-{number}"))


async def trace_pages(one: Served, *, page_size: int = 0) -> list[gateway_pb2.GetRunResponse]:
    pages, token = [], ""
    for _ in range(PAGES_MAX):
        ask = gateway_pb2.GetRunRequest(run_id="run-1", page_token=token, page_size=page_size)
        pages.append(await one.ask("workflow", f"{GATEWAY}/GetRun", ask, gateway_pb2.GetRunResponse))
        token = pages[-1].next_page_token
        if not token:
            break
    return pages


async def test_a_page_is_bounded_by_its_bytes_too(wire: tuple[FakeGateway, Served]) -> None:
    """Forty answers of 64 KiB, twice each in the trace, are more than the wire takes at once: no entry is lost, none comes twice."""
    of, one = wire
    for number in range(40):
        of.billing.turns.append(answered(200, bytes(RESPONSE_BYTES_MAX), applied=True))
        await of.commit(commit_command(f"K-{number}"))

    pages = await trace_pages(one)

    hashes = [line.entry_hash for page in pages for line in page.entries]
    assert (len(hashes), len(set(hashes)), len(pages) > 1) == (80, 80, True)
    assert max(page.ByteSize() for page in pages) <= WIRE_BYTES_MAX


async def test_many_wordy_denials_are_more_than_one_page_of_a_trace(wire: tuple[FakeGateway, Served]) -> None:
    """What grows by the number of entries is counted as well as what hosts answered."""
    of, one = wire
    await deny(of, 300)

    pages = await trace_pages(one, page_size=500)

    assert [len({line.entry_hash for page in pages for line in page.entries}), len(pages) > 1] == [300, True]
    assert max(page.ByteSize() for page in pages) <= WIRE_BYTES_MAX


async def test_a_listing_of_commits_is_bounded_by_its_bytes_too(wire: tuple[FakeGateway, Served]) -> None:
    """Newest first, none lost, none twice, whatever page size was asked for."""
    of, one = wire
    await deny(of, 300)

    pages, token = [], ""
    for _ in range(PAGES_MAX):
        ask = operator_pb2.ListCommitsRequest(page_size=500, page_token=token)
        pages.append(await one.ask("viewer", f"{OPERATOR}/ListCommits", ask, operator_pb2.ListCommitsResponse))
        token = pages[-1].next_page_token
        if not token:
            break

    assert [commit.idempotency_key for page in pages for commit in page.commits] == [f"K-{number}" for number in reversed(range(300))]
    assert len(pages) > 1
    assert max(page.ByteSize() for page in pages) <= WIRE_BYTES_MAX
