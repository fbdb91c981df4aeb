"""A stream of writes and thoughts to each gateway, of every kind a halt can cover, without a pause; and what was told of each.

1. Each thread draws its next request from the seed and its own name. A request that was told nothing says nothing.
2. Kept since the last `forget`; times are of one monotonic clock, taken before the request was sent and after its answer.
"""

import random
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from countersign import Commit, CountersignError, Outcome, Refused
from countersign.codes import DecideStop
from gateway.domain.halts import HaltScope, Reach, covers
from tests.faults.replicas.fleet import Fleet
from tests.faults.replicas.gateway import Gateway
from tests.prove.suite import Assignment

_COMMITTING: Final = 1  # threads a gateway
_TARGETS: Final = {"transfer": "bank", "notify": "post", "order": "desk"}
_STEPS: Final = {"payments": ("pay", "refund"), "payouts": ("pay",)}
_THINKS: Final = 0.05
_RESTS_S: Final = 0.02
_AIMED: Final = 0.8
_ENDS_S_MAX: Final = 20.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and what came of it."""

    gateway: int
    reach: Reach
    admitted: bool
    began_s: float
    ended_s: float


class Streams:
    def __init__(self, fleet: Fleet, given: Assignment) -> None:
        self.runs: tuple[str, str] = ("run-a", "run-b")
        self.aim = HaltScope()  # most requests are in this scope
        self.all_in_aim = False  # until this is unsaid, all of them are
        self.count = 0
        self._over = threading.Event()
        self._kept: list[Asked] = []
        self._threads = [
            threading.Thread(target=work, args=(gateway, given.draw(f"{work.__name__}-{gateway.number}-{number}"), f"{gateway.number}-{number}"))
            for gateway in fleet.gateways
            for work, threads in ((self._commit, _COMMITTING), (self._decide, 1))
            for number in range(threads)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(_ENDS_S_MAX)

    def asked(self, scope: HaltScope, *, since_s: float, admitted: bool | None = None) -> list[Asked]:
        """Those in scope that began later and have been told something."""
        kept = self._kept[:]
        return [one for one in kept if one.began_s > since_s and covers(scope, one.reach) and (admitted is None or one.admitted is admitted)]

    def forget(self, until_s: float) -> None:
        self._kept = [one for one in self._kept if one.began_s > until_s]

    def _commit(self, gateway: Gateway, draw: random.Random, name: str) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            reach = self._drawn(draw)
            began_s = time.monotonic()
            told = gateway.attempt(
                f"commit-{name}-{number}", action=reach.action, amount_micros=1, run_id=reach.run_id, workflow=reach.workflow, step=reach.step
            )
            if told is not None:
                self._keep(gateway, reach, isinstance(told, Commit) and told.outcome is not Outcome.DENIED, began_s)

    def _decide(self, gateway: Gateway, draw: random.Random, name: str) -> None:
        number = 0
        while not self._over.is_set():
            if not self.aim.model and draw.random() > _THINKS:
                self._over.wait(_RESTS_S)  # thinking costs more than writing: where it is not what is halted, a little will do
                continue
            number += 1
            drawn = self._drawn(draw)
            reach = Reach(tenant="acme", workflow=drawn.workflow, step="choose", run_id=drawn.run_id, models=("mute",))
            began_s = time.monotonic()
            try:
                told = gateway.client.decide(
                    key=f"decide-{name}-{number}", run_id=reach.run_id, workflow=reach.workflow, step=reach.step, context={}, deadline_s=8.0
                )
                admitted = told.stop is not DecideStop.HALTED
            except Refused:
                admitted = False
            except CountersignError:
                continue
            self._keep(gateway, reach, admitted, began_s)

    def _drawn(self, draw: random.Random) -> Reach:
        """Most are drawn until they are in scope."""
        aim = self.aim if draw.random() < _AIMED or self.all_in_aim else HaltScope()
        while True:
            workflow, action = draw.choice([*_STEPS]), draw.choice([*_TARGETS])
            drawn = Reach(
                tenant="acme", workflow=workflow, step=draw.choice(_STEPS[workflow]), run_id=draw.choice(self.runs), action=action, target=_TARGETS[action]
            )
            if aim.model or covers(aim, drawn):
                return drawn

    def _keep(self, gateway: Gateway, reach: Reach, admitted: bool, began_s: float) -> None:  # noqa: FBT001 - what was told
        self.count += 1
        self._kept.append(Asked(gateway.number, reach, admitted, began_s, time.monotonic()))
