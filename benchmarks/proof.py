"""What has to be true for a benchmark to count: a fast gateway that loses, doubles or forgets a write has measured nothing.

1. Host effects, commits that succeeded and requests sent are one number; every key reached the host once.
2. The store, closed and opened again, holds exactly those commits, all ended, and its books balance.
3. The store is on a disk, not in memory, and syncs at every commit: says the store itself, and says whoever counts the syncs (`syncs`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.machine import IN_MEMORY
from benchmarks.rounds import Kind, Sample
from benchmarks.syncs import Syncs


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the store holds once the gateway has ended."""

    succeeded: int
    others: int  # commits in any other state
    imbalances: tuple[str, ...]
    unsound: tuple[str, ...]  # what the store itself says against its durability


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    governed: int  # requests sent
    succeeded: int
    effects: int
    keys: int
    unkeyed: int
    floor_calls: int
    floor_effects: int
    stored: Stored
    syncs: Syncs | None  # None: nobody was to count
    file_system: str
    opa_restarted: bool
    gateway_exit: int


def evidence(samples: Sequence[Sample], *, stored: Stored, syncs: Syncs | None, file_system: str, opa_restarted: bool, gateway_exit: int) -> Evidence:
    """The warm-up counts here."""
    governed = [one for one in samples if one.kind is Kind.GOVERNED]
    floor = [one for one in samples if one.kind is not Kind.GOVERNED]
    return Evidence(
        governed=sum(one.calls for one in governed), succeeded=sum(one.succeeded for one in governed), effects=sum(one.effects for one in governed),
        keys=sum(one.keys for one in governed), unkeyed=sum(one.unkeyed for one in governed), floor_calls=sum(one.calls for one in floor),
        floor_effects=sum(one.effects for one in floor), stored=stored, syncs=syncs, file_system=file_system, opa_restarted=opa_restarted,
        gateway_exit=gateway_exit,
    )  # fmt: skip


def findings(seen: Evidence) -> list[str]:
    """Why this benchmark does not count; empty when it does."""
    stored, syncs = seen.stored, seen.syncs
    sent = seen.governed + (syncs.commits if syncs else 0)
    said = [
        (seen.governed > 0, "no commit was sent"),
        (seen.succeeded == seen.governed, f"{seen.governed} commits were sent, {seen.succeeded} succeeded"),
        (seen.effects == seen.governed, f"{seen.governed} commits were sent, the host saw {seen.effects} effects"),
        (seen.keys == seen.governed and seen.unkeyed == 0, f"{seen.governed} commits were sent, with {seen.keys} distinct keys and {seen.unkeyed} without"),
        (seen.floor_effects == seen.floor_calls, f"the floor was called {seen.floor_calls} times, the host saw {seen.floor_effects} effects"),
        (
            stored.succeeded == sent and stored.others == 0,
            f"{sent} commits were sent in all, the store holds {stored.succeeded} commits that succeeded and {stored.others} others",
        ),
        (not stored.imbalances, f"the books do not balance: {'; '.join(stored.imbalances[:3])}"),
        (not stored.unsound, "; ".join(stored.unsound)),
        (syncs is None or syncs.syncs >= syncs.transactions, f"{syncs and syncs.transactions} transactions made {syncs and syncs.syncs} syncs"),
        (seen.file_system not in {"", *IN_MEMORY}, f"the store is on {seen.file_system or 'an unknown file system'}, not on a disk"),
        (not seen.opa_restarted, "OPA was restarted meanwhile"),
        (seen.gateway_exit == 0, f"the gateway ended with {seen.gateway_exit}"),
    ]
    return [why for holds, why in said if not holds]
