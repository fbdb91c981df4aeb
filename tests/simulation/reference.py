"""The reference model: what the design pages say of keys, holds, halts and runs, in the plainest words. It uses no line of the product.

1. Written from `contract.md` and `ledger.md`; where it and the product differ, one of them is wrong.
2. One request at a time, nothing is ever lost, no bytes, no tables: dictionaries and integers.
3. Answers are words: ("AUTHORISED", id), ("DENIED", reason), ("REFUSED", reason), ("TWIN", id).
"""

from typing import Final

from tests.simulation.asked import Answer, Kept, Opened, Place, Request, Run, Terms, World

SKEW_MS: Final = 5_000
MINUTE_MS: Final = 60_000
ENDED: Final = ("SUCCEEDED", "FAILED", "DENIED")


class Reference:
    def __init__(self, *, now: int, limits: dict[tuple[str, str], int], terms: Terms) -> None:
        """`limits`: (level, ledger) → limit, for workflow (a minute's) and tenant (a total); a run's come with its terms."""
        self.now, self.limits, self.terms, self.boot = now, limits, terms, 1
        self.keys: dict[tuple[str, str, str], list[str]] = {}  # (kind, tenant, key) → ids of its generations
        self.kept: dict[str, Kept] = {}
        self.runs: dict[Run, Opened] = {}
        self.balances: dict[tuple[Place, int], list[int]] = {}  # (place, window) → [held, settled]
        self.halts: dict[str, dict[str, str]] = {}  # those in force
        self.record: dict[Run, list[str]] = {}

    # what a request is told

    def commit(self, asked: Request, *, name: str, attempt: str, lease_ms: int, margin_ms: int) -> Answer:
        found = self._guards("commit", asked)
        if isinstance(found, tuple):
            return self._denied(asked, name, found) if found[0] == "DENIED" else found
        until = self.now + lease_ms
        not_after = min(asked.expires_at, until - margin_ms) if asked.expires_at else until - margin_ms
        self._keep("commit", name, Kept(
            request=asked, state="FORWARDING", holds=found, attempts=[attempt], made_at=self.now, lease_until=until, not_after=not_after, boot=self.boot,
        ))  # fmt: skip
        if asked.decision:
            self.kept[asked.decision].consumed_by = name
        self._tell(asked.run, "INTENT")
        return "AUTHORISED", name

    def decide(self, asked: Request, *, name: str, lease_ms: int) -> Answer:
        found = self._guards("decide", asked)
        if isinstance(found, tuple):
            return self._denied(asked, name, found) if found[0] == "DENIED" else found
        self._keep("decide", name, Kept(request=asked, state="THINKING", holds=found, lease_until=self.now + lease_ms, boot=self.boot))
        return "AUTHORISED", name

    def record_step(self, asked: Request, *, name: str) -> Answer:
        ids = self.keys.get(("step", asked.run.tenant, asked.key))
        if ids:
            return ("TWIN", "") if self.kept[ids[0]].request.content == asked.content else ("REFUSED", "IDEMPOTENCY_KEY_REUSED")
        run = self._open(asked.run)
        closed = self._closed(run)
        if closed:
            self._stop(asked.run, closed[1])
            return "DENIED", closed[0]
        self._keep("step", name, Kept(request=asked, state="TAKEN"))
        self._tell(asked.run, "STEP_RECORDED")
        return "AUTHORISED", ""

    def finish(self, asked: Request, stop: str) -> Answer:
        ids, run = self.keys.get(("finish", asked.run.tenant, asked.key)), self.runs.get(asked.run)
        if ids and self.kept[ids[0]].request.content != asked.content:
            return "REFUSED", "IDEMPOTENCY_KEY_REUSED"
        if run is None:
            return "REFUSED", "NOT_FOUND"
        if ids:
            return "TWIN", run.stop
        told = "TWIN" if run.stop else "AUTHORISED"
        self._stop(asked.run, stop)
        name = f"finish {asked.run.tenant} {asked.key}"
        self.keys["finish", asked.run.tenant, asked.key] = [name]
        self.kept[name] = Kept(request=asked, state="TAKEN")
        return told, run.stop

    # what comes of it

    def answered(self, name: str, attempt: str, event: str) -> Answer:
        """The host's answer to one attempt: DID, DID_NOT or SILENT."""
        one = self.kept[name]
        if one.state in ENDED:
            if event != "SILENT":
                self._tell(one.request.run, "LATE_OUTCOME")
        elif event == "DID":
            self._move(name, "SUCCEEDED")
        elif event == "DID_NOT" and one.attempts == [attempt]:
            self._move(name, "FAILED")
        elif event == "SILENT" and one.state == "FORWARDING":
            self._move(name, "UNKNOWN")
        return "", one.state

    def interrupt(self, name: str) -> None:
        if self.kept[name].state == "FORWARDING" and self.now >= self.kept[name].lease_until:
            self._move(name, "UNKNOWN")

    def resend(self, name: str, attempt: str, *, lease_ms: int, margin_ms: int, retention_ms: int) -> bool:
        one = self.kept[name]
        not_after = min(self.now + lease_ms - margin_ms, one.made_at + retention_ms)
        if one.state != "UNKNOWN" or self.now < one.lease_until or not_after <= self.now or self._halted(one.request):
            return False
        one.attempts.append(attempt)
        one.lease_until, one.not_after = self.now + lease_ms, max(one.not_after, not_after)
        self._tell(one.request.run, "RESENT")
        return True

    def resolve(self, name: str, *, done: bool) -> Answer:
        one = self.kept[name]
        if one.state != "UNKNOWN" or (not done and self.now < one.not_after + SKEW_MS):
            return "REFUSED", "MALFORMED"
        self._move(name, "SUCCEEDED" if done else "FAILED")
        return "", one.state

    def conclude(self, name: str, *, state: str, stop: str, used: dict[str, int], ttl_ms: int) -> Answer:
        """Thinking ended; `used` may exceed what was held, and is recorded as it is."""
        one = self.kept[name]
        if one.state == "THINKING":
            self._settle(one, used)
            one.state, one.expires_at = state, self.now + ttl_ms if state == "DECIDED" else 0
            self._tell(one.request.run, "DECISION")
            if state != "DECIDED" and stop in self.runs[one.request.run].terms.stops_run:
                self._stop(one.request.run, stop)
        return "", one.state

    def lose(self, name: str) -> None:
        """Its process is gone: the reservation is charged."""
        one = self.kept[name]
        if one.state == "THINKING":
            self.conclude(name, state="STOPPED", stop="LOST", used={place.ledger: amount for (place, _), amount in one.holds.items()}, ttl_ms=0)

    def throw(self, halt: str, scope: dict[str, str]) -> int:
        """How many writes in scope are under way."""
        self.halts[halt] = scope
        self._tell(Run(scope.get("tenant", ""), scope.get("workflow", ""), scope.get("run_id", "")), "HALT")
        return sum(one.state == "FORWARDING" and _covers(scope, one.request) for one in self.kept.values())

    def lift(self, halt: str) -> None:
        scope = self.halts.pop(halt, None)
        if scope is not None:
            self._tell(Run(scope.get("tenant", ""), scope.get("workflow", ""), scope.get("run_id", "")), "RESUME")

    def restart(self) -> None:
        self.boot += 1
        for name in [name for name, one in self.kept.items() if one.state == "FORWARDING"]:
            self._move(name, "UNKNOWN")
        for name in self.kept:
            self.lose(name)

    def sweep_run(self, name: Run) -> None:
        if name in self.runs and self.now >= self.runs[name].deadline:
            self._stop(name, "TIMEOUT")

    def world(self) -> World:
        kept = {name: one for name, one in self.kept.items() if one.state != "TAKEN"}
        return World(
            states={name: (one.state, len(one.attempts)) for name, one in kept.items()},
            consumers={name: one.consumed_by for name, one in kept.items() if one.consumed_by},
            runs={name: (run.steps, run.stop) for name, run in self.runs.items()},
            balances={at: (held, settled) for at, (held, settled) in self.balances.items() if held or settled},
        )

    # the ordered guards

    def _guards(self, kind: str, asked: Request) -> Answer | dict[tuple[Place, int], int]:
        named = self._key(kind, asked)
        if named:
            return named
        if asked.expires_at and self.now >= asked.expires_at:
            return "REFUSED", "REQUEST_EXPIRED"
        halted = self._halted(asked)
        run = self.runs.get(asked.run) or Opened(steps_left=self.terms.steps_max, deadline=self.now + self.terms.wall_ms_max, terms=self.terms)
        closed = self._closed(run)
        if halted:
            return "DENIED", "HALTED" + (" HALTED" if halted == "run" else "")
        if closed:
            return "DENIED", " ".join(closed)
        if asked.denied:
            return "DENIED", "POLICY_DENIED" + (" POLICY_DENIAL" if "POLICY_DENIAL" in run.terms.stops_run else "")
        if asked.decision and not self._usable(asked):
            return "DENIED", "DECISION_UNUSABLE"
        return self._budgets(asked, run)

    def _key(self, kind: str, asked: Request) -> Answer | None:
        ids = self.keys.get((kind, asked.run.tenant, asked.key), [])
        contents = [self.kept[one].request.content for one in ids]
        if not asked.supersedes:
            if not ids:
                return None
            return ("TWIN", ids[-1]) if asked.content in contents else ("REFUSED", "IDEMPOTENCY_KEY_REUSED")
        if asked.supersedes not in ids:
            return "REFUSED", "SUPERSEDES_NOT_CURRENT"
        following = ids[ids.index(asked.supersedes) + 1 :]
        if following:
            return ("TWIN", following[0]) if self.kept[following[0]].request.content == asked.content else ("REFUSED", "IDEMPOTENCY_KEY_REUSED")
        latest = self.kept[ids[-1]]
        same = (latest.request.run, latest.request.step, latest.request.action) == (asked.run, asked.step, asked.action)
        return None if same and latest.state in {"FAILED", "DENIED", "STOPPED", "ABSTAINED"} else ("REFUSED", "SUPERSEDES_NOT_CURRENT")

    def _halted(self, asked: Request) -> str:
        covering = [scope for scope in self.halts.values() if _covers(scope, asked)]
        return "run" if any(scope.get("run_id") for scope in covering) else "above" if covering else ""

    def _closed(self, run: Opened) -> tuple[str, str] | None:
        """(reason, the stop to write)."""
        if run.stop:
            return "RUN_STOPPED", ""
        if self.now >= run.deadline:
            return "RUN_STOPPED", "TIMEOUT"
        return ("BUDGET_EXHAUSTED", "MAX_STEPS") if run.steps_left <= 0 else None

    def _usable(self, asked: Request) -> bool:
        decision = self.kept.get(asked.decision)
        if decision is None or decision.request.run != asked.run:
            return False
        return decision.state == "DECIDED" and self.now < decision.expires_at and not decision.consumed_by

    def _budgets(self, asked: Request, run: Opened) -> Answer | dict[tuple[Place, int], int]:
        holds: dict[tuple[Place, int], int] = {}
        for place, limit, window in self._places(asked, run):
            amount = asked.costs[place.ledger]
            held, settled = self.balances.get((place, window), (0, 0))
            if held + settled + amount > limit:
                own = place.level == "run" and "BUDGET_LIMIT" in run.terms.stops_run
                return "DENIED", "BUDGET_EXHAUSTED" + (" BUDGET_LIMIT" if own else "")
            holds[place, window] = amount
        return holds

    def _places(self, asked: Request, run: Opened) -> list[tuple[Place, int, int]]:
        tenant, workflow, run_id = asked.run
        found = [(Place("run", tenant, workflow, run_id, "writes"), run.terms.writes_max, 0)] if "writes" in asked.costs else []
        for level, of in (("workflow", workflow), ("tenant", "")):
            for ledger in asked.costs:
                if (level, ledger) in self.limits:
                    place = Place(level, tenant, of, "", ledger)
                    window = max([self.now - self.now % MINUTE_MS, *(at for one, at in self.balances if one == place)]) if level == "workflow" else 0
                    found.append((place, self.limits[level, ledger], window))
        return found

    # moving

    def _denied(self, asked: Request, name: str, found: Answer) -> Answer:
        reason, _, stop = found[1].partition(" ")
        kind = "commit" if asked.action else "decide"
        self._open(asked.run)
        self.keys.setdefault((kind, asked.run.tenant, asked.key), []).append(name)
        self.kept[name] = Kept(request=asked, state="DENIED" if kind == "commit" else "STOPPED")
        self._tell(asked.run, "DENIAL" if kind == "commit" else "DECISION")
        self._stop(asked.run, stop.strip())
        return "DENIED", reason

    def _keep(self, kind: str, name: str, one: Kept) -> None:
        run = self._open(one.request.run)
        run.steps, run.steps_left = run.steps + 1, run.steps_left - 1
        self.keys.setdefault((kind, one.request.run.tenant, one.request.key), []).append(name)
        self.kept[name] = one
        for at, amount in one.holds.items():
            self.balances.setdefault(at, [0, 0])[0] += amount

    def _move(self, name: str, state: str) -> None:
        one = self.kept[name]
        self._tell(one.request.run, "OUTCOME" if one.state == "FORWARDING" else "RESOLUTION")
        one.state = state
        if state == "UNKNOWN":
            one.lease_until = 0
            return
        self._settle(one, {place.ledger: amount if state == "SUCCEEDED" else 0 for (place, _), amount in one.holds.items()})
        if state == "FAILED" and one.request.decision:
            self.kept[one.request.decision].consumed_by = ""

    def _settle(self, one: Kept, used: dict[str, int]) -> None:
        for at, amount in one.holds.items():
            self.balances[at][0] -= amount
            self.balances[at][1] += used[at[0].ledger]
        one.holds = {}

    def _open(self, name: Run) -> Opened:
        fresh = Opened(steps_left=self.terms.steps_max, deadline=self.now + self.terms.wall_ms_max, terms=self.terms)
        return self.runs.setdefault(name, fresh)

    def _stop(self, name: Run, stop: str) -> None:
        if stop and not self.runs[name].stop:
            self.runs[name].stop = stop
            self._tell(name, "RUN_STOPPED")

    def _tell(self, run: Run, kind: str) -> None:
        self.record.setdefault(run, []).append(kind)


def _covers(scope: dict[str, str], asked: Request) -> bool:
    reach = {"tenant": asked.run.tenant, "workflow": asked.run.workflow, "run_id": asked.run.run_id, "step": asked.step, "action": asked.action}
    return all(reach[name] == value for name, value in scope.items())
