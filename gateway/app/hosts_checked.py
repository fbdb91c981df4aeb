"""Puts the conformance kit together for one target: its real clients, with one that is slow of clock and one that is short of patience."""

from gateway.adapters.system import SystemClock, SystemIds
from gateway.app import parts
from gateway.config import RefusedToStart
from gateway.config.targets import Query, Target
from gateway.domain.host_promises import Report
from gateway.domain.targets import HostMode
from gateway.ports.host import Host
from gateway.service.host_check import HostCheck, Probe, Sample

_HASTE_MS = 1


async def check(name: str, target: Target, sample: Sample, *, query_path: str, idle_s: float) -> Report:
    """Raises `RefusedToStart` when the target, or the path of a query, cannot be used."""
    asked = _askable(target, query_path)
    clock = SystemClock()
    haste = {"read_timeout_ms": _HASTE_MS} | ({"send_timeout_ms": _HASTE_MS} if target.kind == "grpc" else {})

    def make(probe: Probe) -> Host:
        return parts.host(name, asked.model_copy(update=haste) if probe.hasty else asked, probe.clock)

    kit = HostCheck(
        terms=parts.target_terms(name, target), make=make, sample=sample, can_query=asked.mode is HostMode.QUERY, speaks_grpc=target.kind == "grpc",
        idle_s=min(idle_s, 0.9 * target.idle_ms_max / 1000), read_timeout_s=target.read_timeout_ms / 1000, clock=clock, ids=SystemIds(),
    )  # fmt: skip
    return await kit.run()


def _askable(target: Target, query_path: str) -> Target:
    """The target as one that answers queries, where there is a way to ask."""
    if target.kind == "grpc":
        return target.model_copy(update={"mode": HostMode.QUERY, "dedupe": None, "query": Query()})
    if not query_path:
        return target
    try:
        return target.model_copy(update={"mode": HostMode.QUERY, "dedupe": None, "query": Query(path=query_path)})
    except ValueError as flaw:
        raise RefusedToStart(f"--query-path {query_path} is none: {flaw}", write="Write it like /operations/{key}.") from flaw
