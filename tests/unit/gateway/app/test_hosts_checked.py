"""The conformance kit against hosts that keep their promises and hosts that lie: what it says of each, and that a lie in the settings is found."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import grpc
import pytest

from countersign.host.v1 import host_pb2
from gateway.app.hosts_checked import check
from gateway.config import RefusedToStart
from gateway.config.targets import Target
from gateway.domain.host_promises import Kept, Promise, Report
from gateway.service.host_check import Sample
from tests.fakes.grpc_host import GrpcHostServer, GrpcTurn
from tests.fakes.lying_host import GOOD, LyingHost, Manners
from tests.fakes.raw_host import BEHAVIOURS, RawHost

SAMPLE: Final = Sample(action="order", method="POST", path="/orders", payload=GOOD, refused_payload=b"{}")
QUERY: Final[dict[str, Any]] = {"mode": "query", "query": {"path": "/operations/{key}", "enforces_not_after": True}}
DEDUPE: Final[dict[str, Any]] = {"mode": "dedupe", "dedupe": {"retention": "24h"}, "replays_refusals": True}


def target(url: str, **declared: Any) -> Target:
    return Target.model_validate({"base_url": url, "networks": ["127.0.0.1/32"], **declared}, strict=False)


def kept(report: Report) -> Mapping[Promise, Kept]:
    return {one.promise: one.kept for one in report.advice}


def wrong(report: Report) -> set[Promise]:
    return {one.promise for one in report.advice if one.is_wrong}


async def checked(manners: Manners, *, query_path: str = "/operations/{key}", **declared: Any) -> tuple[Report, LyingHost]:
    async with LyingHost(manners) as host:
        report = await check("billing", target(host.url, **declared), SAMPLE, query_path=query_path, idle_s=0.01)
    return report, host


@pytest.mark.parametrize("declared", [QUERY, DEDUPE])
async def test_a_host_that_keeps_its_promises(declared: dict[str, Any]) -> None:
    """Nothing is wrong; what only a person can say is asked; each key had one effect at most."""
    report, host = await checked(Manners(slow_s=0.05), **declared)

    assert (report.reached, report.is_wrong) == (True, False)
    assert kept(report) == {
        Promise.DEDUPE: Kept.ASK, Promise.RETENTION: Kept.ASK, Promise.QUERY: Kept.YES, Promise.ENFORCES_NOT_AFTER: Kept.YES,
        Promise.REPLAYS_REFUSALS: Kept.YES, Promise.IDLE: Kept.YES, Promise.READ_TIMEOUT: Kept.YES,
    }  # fmt: skip
    assert set(host.effects.values()) == {1}
    assert {key for one in report.seen for key in one.keys} >= set(host.effects)


LIES: Final[dict[str, tuple[Manners, dict[str, Any], set[Promise]]]] = {
    "it writes again": (Manners(dedupes=False, dedupes_twins=False), DEDUPE, {Promise.DEDUPE, Promise.REPLAYS_REFUSALS}),
    "it writes again, and promises nothing of it": (Manners(dedupes=False, dedupes_twins=False), QUERY, set()),
    "twins are both carried out": (Manners(dedupes_twins=False, slow_s=0.05), DEDUPE, {Promise.DEDUPE}),
    "it takes what is late": (Manners(enforces_not_after=False), QUERY, {Promise.ENFORCES_NOT_AFTER}),
    "it forgets its refusals": (Manners(replays_refusals=False), DEDUPE, {Promise.REPLAYS_REFUSALS}),
    "it does not know what it wrote": (Manners(knows_its_keys=False), QUERY, {Promise.QUERY}),
    "it closes keys it never saw": (Manners(denies_unknown_keys=False), QUERY, {Promise.QUERY}),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_in_the_settings_is_found(lie: str) -> None:
    """Exactly the promise that is not kept, and only where it is made."""
    manners, declared, expected = LIES[lie]

    report, _ = await checked(manners, **declared)

    assert wrong(report) == expected
    assert report.is_wrong is bool(expected)


async def test_a_slow_host_is_hung_up_on_and_asked() -> None:
    """The unknown outcome: it goes on writing, and says so later."""
    report, _ = await checked(Manners(slow_s=0.2), **QUERY)

    seen = {one.question: one.seen for one in report.seen}
    assert seen["we hang up after sending, and ask"].startswith("APPLIED 201")
    assert seen["we hang up after sending, and send again"] == "HTTP 201"


async def test_a_host_too_slow_for_its_read_timeout_is_told() -> None:
    """Half the time is as much as an answer should take."""
    report, _ = await checked(Manners(slow_s=0.15), read_timeout="200ms", **QUERY)

    assert kept(report)[Promise.READ_TIMEOUT] is Kept.ASK


async def test_where_there_is_no_way_to_ask() -> None:
    """Nothing is said of queries; the rest is."""
    report, _ = await checked(Manners(), query_path="", **DEDUPE)

    assert kept(report)[Promise.QUERY] is Kept.UNSEEN
    assert not report.is_wrong


@pytest.mark.parametrize("behaviour", ["refused_401", "error_500", "never_answers"])
async def test_a_sample_that_does_not_succeed_ends_it(behaviour: str) -> None:
    """One write, and nothing can be said."""
    async with RawHost(BEHAVIOURS[behaviour]) as raw:
        report = await check("billing", target(raw.url, read_timeout="80ms", **QUERY), SAMPLE, query_path="", idle_s=0.0)

    assert (report.reached, report.is_wrong, report.advice, len(raw.deliveries)) == (False, True, (), 1)


async def test_a_connection_closed_under_us_is_seen_in_time() -> None:
    """A host that closes at once breaks nothing: the end-of-file check sees it."""
    async with RawHost(BEHAVIOURS["close_idle_keepalive"]) as raw:
        report = await check("billing", target(raw.url, **DEDUPE), SAMPLE, query_path="", idle_s=0.05)

    assert kept(report)[Promise.IDLE] is Kept.YES


async def test_a_grpc_host() -> None:
    """It is asked by its Query; a host that answers OK to everything enforces nothing and refuses nothing."""
    says = host_pb2.QueryResponse(state=host_pb2.KEY_STATE_APPLIED, response=b"{}")
    declared = {"kind": "grpc", "mode": "query", "query": {"enforces_not_after": True}}
    async with GrpcHostServer(GrpcTurn(), says=says) as served:
        report = await check("billing", target(served.url, **declared), SAMPLE, query_path="", idle_s=0.01)

    assert wrong(report) == {Promise.QUERY, Promise.ENFORCES_NOT_AFTER}
    assert kept(report)[Promise.TRUSTS_STATUS_CODES] is Kept.UNSEEN


async def test_a_grpc_host_that_refuses() -> None:
    """Whether its codes are definite is asked, never assumed."""
    async with GrpcHostServer(GrpcTurn(), GrpcTurn(), GrpcTurn(), GrpcTurn(), GrpcTurn(code=grpc.StatusCode.FAILED_PRECONDITION)) as served:
        report = await check("billing", target(served.url, kind="grpc", mode="none"), SAMPLE, query_path="", idle_s=0.0)

    assert kept(report)[Promise.ENFORCES_NOT_AFTER] is Kept.YES
    assert kept(report)[Promise.TRUSTS_STATUS_CODES] is Kept.ASK
    assert wrong(report) == set()


async def test_a_query_path_that_is_none_is_refused() -> None:
    """Before anything is sent."""
    async with RawHost(BEHAVIOURS["ok"]) as raw:
        with pytest.raises(RefusedToStart, match="--query-path /operations"):
            await check("billing", target(raw.url, **DEDUPE), SAMPLE, query_path="/operations", idle_s=0.0)
        await asyncio.sleep(0)

    assert raw.connections == 0
