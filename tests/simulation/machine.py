"""The state machine: what Hypothesis may do next, as writes of the product and as requests to the reference model."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from gateway.domain.budget import Cost, Ledger
from gateway.domain.fingerprint import VERSION
from gateway.domain.halts import HaltScope
from gateway.domain.lifecycle import Event, State, Thinking
from gateway.domain.reasons import DecideStop, Reason, RunStop
from gateway.domain.records import KeyName, KeySpace, Note, RunName, Usage
from gateway.domain.writes.decisions import ConcludeThinking
from gateway.domain.writes.halts import LiftHalt, ThrowHalt
from gateway.domain.writes.resolutions import ClaimResend, Interrupt, Resolve
from gateway.domain.writes.runs import FinishRun, RecordStep, TimeOutRun
from tests.contract.postgres_seat import PostgresSeat
from tests.contract.store_desk import DIGEST, LEASE_MS, MARGIN_MS, Seat, SqliteSeat
from tests.fakes.postgres import Server
from tests.simulation.asked import Request, Run
from tests.simulation.comparing import RUNS, TERMS, Asked, Comparing, Turns
from tests.simulation.reference import MINUTE_MS

RETENTION_MS: Final = 90_000
TTL_MS: Final = 600_000
HELD_TOKENS: Final = 100
SCOPES: Final[tuple[dict[str, str], ...]] = (
    {}, {"tenant": "acme"}, {"workflow": "offboarding"}, {"run_id": "run-2"}, {"action": "top_up"}, {"step": "select_plan"},
    {"tenant": "acme", "workflow": "onboarding", "run_id": "run-1"},
)  # fmt: skip
EVENTS: Final = {"DID": Event.HOST_DID, "DID_NOT": Event.HOST_DID_NOT, "SILENT": Event.NOBODY_KNOWS}

runs, anything = st.sampled_from(RUNS), st.integers(0, 1_000)
keys, contents = st.sampled_from(["K-1", "K-2", "K-3", "K-4", "K-5", "k-5"]), st.sampled_from("aaaaaaab")
costs, expiries = st.tuples(st.sampled_from([1, 1, 3]), st.sampled_from([0, 50, 400])), st.sampled_from([600_000, 600_000, 2_000])
now_and_then = st.integers(0, 7).map(lambda drawn: drawn == 7)


class StoreMachine(Comparing):
    """Over the store in memory; a subclass names another."""

    # asking

    @rule(run=runs, key=keys, content=contents, costs=costs, top_up=st.booleans(), denied=now_and_then, expires_ms=expiries)
    def commit(self, *, run: Run, key: str, content: str, costs: tuple[int, int], top_up: bool, denied: bool, expires_ms: int) -> None:
        action = "top_up" if top_up else "activate_plan"
        self._commit(Request(
            run=run, key=key, content=content, step="activate", action=action, denied=denied, costs=_costs(costs), expires_at=self.model.now + expires_ms
        ))  # fmt: skip

    @precondition(lambda self: self._thoughts())
    @rule(key=keys, content=contents, costs=costs, of=anything)
    def commit_what_was_decided(self, *, key: str, content: str, costs: tuple[int, int], of: int) -> None:
        decision = self._one_of(self._thoughts("DECIDED" if of % 4 else ""), of)
        run = self.model.kept[decision].request.run if of % 5 else RUNS[0]
        self._commit(Request(
            run=run, key=key, content=content, step="activate", action="activate_plan", costs=_costs(costs), decision=decision,
            expires_at=self.model.now + 600_000,
        ))  # fmt: skip

    @precondition(lambda self: self._made("commit"))
    @rule(content=contents, costs=costs, of=anything, key=keys)
    def commit_again(self, *, content: str, costs: tuple[int, int], of: int, key: str) -> None:
        """The same once more (a retry, a late duplicate), or superseding what has ended."""
        superseded = self._one_of(self._made("commit", "FAILED" if of % 2 else "DENIED"), of)
        before = self.model.kept[superseded].request
        if of % 3 == 0:
            return self._commit(replace(before))
        key = before.key if of % 11 else key
        return self._commit(replace(before, key=key, content=content + before.content, costs=_costs(costs), supersedes=superseded, denied=False))

    @rule(run=runs, key=keys, content=contents)
    def decide(self, *, run: Run, key: str, content: str) -> None:
        self._decide(Request(run=run, key=key, content=content, step="select_plan", costs={"tokens": HELD_TOKENS}))

    @precondition(lambda self: self._made("decide"))
    @rule(content=contents, of=anything)
    def decide_again(self, *, content: str, of: int) -> None:
        superseded = self._one_of(self._made("decide", "STOPPED" if of % 2 else "ABSTAINED"), of)
        before = self.model.kept[superseded].request
        self._decide(replace(before, content=content + before.content, supersedes=superseded) if of % 3 else replace(before))

    def _commit(self, asked: Request) -> None:
        self._settled_before(asked.decision, asked.supersedes)
        amounts = [
            Cost(ledger=Ledger.WRITES, currency="", amount=asked.costs["writes"]),
            Cost(ledger=Ledger.VALUE, currency="USD", amount=asked.costs["value"]),
        ]
        write = self.at.desk.claim(self.at.desk.ask(
            asked.key, run=RunName(*asked.run), costs=amounts, supersedes=asked.supersedes, content=asked.content, expire_at_ms=asked.expires_at,
            decision_id=asked.decision, denial=(Note(reason=Reason.POLICY_DENIED),) if asked.denied else (), action=asked.action, step=asked.step,
        ))  # fmt: skip
        expected = self.model.commit(asked, name=write.commit_id, attempt=write.attempt_id, lease_ms=LEASE_MS, margin_ms=MARGIN_MS)
        self._ask(Asked(write, expected, write.commit_id))

    def _decide(self, asked: Request) -> None:
        self._settled_before(asked.supersedes)
        amounts = [Cost(ledger=Ledger.TOKENS, currency="", amount=HELD_TOKENS)]
        ask = self.at.desk.thinking_ask(asked.key, run=RunName(*asked.run), costs=amounts, supersedes=asked.supersedes, content=asked.content)
        write = self.at.desk.thought(ask, ttl_ms=TTL_MS)
        self._ask(Asked(write, self.model.decide(asked, name=write.decision_id, lease_ms=LEASE_MS), write.decision_id))

    @rule(run=runs, key=keys, content=contents)
    def record_step(self, *, run: Run, key: str, content: str) -> None:
        asked = Request(run=run, key=key, content=content, step="read")
        write = RecordStep(
            key=KeyName(KeySpace.STEP, run.tenant, key.encode()), fingerprints={VERSION: content.encode()}, caller="signup", run=RunName(*run),
            terms=self.at.desk.terms, step="read", result=b"{}", salt=b"s", activation_number=1, revision="r-1",
        )  # fmt: skip
        self._ask(Asked(write, self.model.record_step(asked, name=f"step {self.at.desk.ids.fresh()}")))

    @rule(run=runs, content=contents, rarely=now_and_then)
    def finish(self, *, run: Run, content: str, rarely: bool) -> None:
        if not rarely:
            return
        asked = Request(run=run, key=f"F {run.run_id}", content=f"{content} of {run.workflow}", step="")
        write = FinishRun(
            key=KeyName(KeySpace.FINISH, run.tenant, asked.key.encode()), fingerprints={VERSION: asked.content.encode()}, run=RunName(*run),
            stop=RunStop.FINAL_RESULT, note="", salt=b"s",
        )  # fmt: skip
        self._ask(Asked(write, self.model.finish(asked, "FINAL_RESULT")))

    # what comes of it

    @precondition(lambda self: self._sent())
    @rule(of=anything, attempt=anything, event=st.sampled_from(["DID", "DID", "DID_NOT", "SILENT"]))
    def host_answers(self, *, of: int, attempt: int, event: str) -> None:
        """In time, late, or again."""
        name = self._one_of(self._sent("FORWARDING" if of % 4 else ""), of)
        attempts = self.model.kept[name].attempts
        attempt_id = attempts[attempt % len(attempts)]
        row = self.at.runner.run(self.at.desk.stored(name))
        write = self.at.desk.settlement(row, EVENTS[event], attempt_id=attempt_id)
        self._ask(Asked(write, self.model.answered(name, attempt_id, event)))

    @precondition(lambda self: self._sent())
    @rule(of=anything)
    def reconciler_interrupts(self, *, of: int) -> None:
        name = self._one_of(self._sent(), of)
        self.model.interrupt(name)
        self._ask(Asked(Interrupt(commit_id=name, earlier_boot=False), None))

    @precondition(lambda self: self._sent())
    @rule(of=anything)
    def reconciler_sends_again(self, *, of: int) -> None:
        name, attempt_id = self._one_of(self._sent("UNKNOWN" if of % 4 else ""), of), f"a-{self.at.desk.ids.fresh()}"
        again = self.model.resend(name, attempt_id, lease_ms=LEASE_MS, margin_ms=MARGIN_MS, retention_ms=RETENTION_MS)
        write = ClaimResend(commit_id=name, attempt_id=attempt_id, lease_ms=LEASE_MS, send_margin_ms=MARGIN_MS, retention_ms=RETENTION_MS)
        self._ask(Asked(write, again))

    @precondition(lambda self: self._sent())
    @rule(of=anything, done=st.booleans())
    def operator_resolves(self, *, of: int, done: bool) -> None:
        name = self._one_of(self._sent("UNKNOWN" if of % 4 else ""), of)
        write = Resolve(
            commit_id=name, tenant="*", expected=State.UNKNOWN, event=Event.FOUND_DONE if done else Event.FOUND_NOT_DONE, by="operator",
            evidence="looked", salt=b"s", host_status=0, response=b"",
        )  # fmt: skip
        self._ask(Asked(write, self.model.resolve(name, done=done)))

    @precondition(lambda self: self._thoughts())
    @rule(of=anything, tokens=st.sampled_from([0, 60, 100, 180]), how=st.sampled_from(["DECIDED", "DECIDED", "ABSTAINED", "TIMEOUT"]))
    def thinking_ends(self, *, of: int, tokens: int, how: str) -> None:
        name = self._one_of(self._thoughts("THINKING" if of % 4 else ""), of)
        state = how if how != "TIMEOUT" else "STOPPED"
        stop = {"DECIDED": "FINAL_RESULT"}.get(how, how)
        write = ConcludeThinking(
            decision_id=name, state=Thinking(state), option="team_pro" if how == "DECIDED" else "", source="AGENT", stop=DecideStop(stop), notes=(),
            rationale="", evidence=(), usage=Usage(tokens_in=tokens), charge_reservation=False, agent_version="1", transcript_sha256=DIGEST,
            stops_run=TERMS.stops_run,
        )  # fmt: skip
        self._ask(Asked(write, self.model.conclude(name, state=state, stop=stop, used={"tokens": tokens}, ttl_ms=TTL_MS)))

    # operators, time, processes

    @rule(scope=st.sampled_from(SCOPES), rarely=now_and_then)
    def halt(self, *, scope: dict[str, str], rarely: bool) -> None:
        if not rarely:
            return
        self._flush()
        halt_id = f"h-{self.at.desk.ids.fresh()}"
        write = ThrowHalt(halt_id=halt_id, scope=HaltScope(**scope), reason="incident", principal="ops", salt=b"s")
        self._ask(Asked(write, self.model.throw(halt_id, scope)))

    @precondition(lambda self: self.model.halts)
    @rule(of=anything)
    def resume(self, *, of: int) -> None:
        halt_id = self._one_of([*self.model.halts], of)
        self.model.lift(halt_id)
        self._ask(Asked(LiftHalt(halt_id=halt_id, reason="over", principal="ops", salt=b"s"), None))

    @rule(ms=st.sampled_from([1, 400, 2_000, LEASE_MS, LEASE_MS + 5_000, MINUTE_MS]), jump=now_and_then, by_ms=st.sampled_from([700_000, -70_000, 86_400_000]))
    def time_passes(self, *, ms: int, jump: bool, by_ms: int) -> None:
        self._flush()
        ms = by_ms if jump else ms
        self.at.desk.clock.set_wall(now_ms=self.at.desk.clock.now_ms() + ms)
        self.model.now += ms

    @rule(run=runs)
    def sweeper_looks(self, *, run: Run) -> None:
        self.model.sweep_run(run)
        self._ask(Asked(TimeOutRun(run=RunName(*run)), None))

    @rule(rarely=now_and_then)
    def restart(self, *, rarely: bool) -> None:
        if not rarely:
            return
        self._flush()
        self.at.runner.run(self.at.desk.reopen())
        self.at.runner.run(self.at.desk.store.recover())
        self._restarted()

    def _restarted(self) -> None:
        """What an earlier boot had under way has ended."""
        self.model.restart()

    @rule(count=st.integers(2, 6))
    def next_ones_come_together(self, *, count: int) -> None:
        self._flush()
        self.at.together = count


def _costs(drawn: tuple[int, int]) -> dict[str, int]:
    return {"writes": drawn[0], "value": drawn[1]}


class SqliteMachine(StoreMachine):
    """Over SQLite, on a disk."""

    def sit(self, folder: Path, runner: Turns) -> Seat:
        return SqliteSeat(folder)


class PostgresMachine(StoreMachine):
    """Over a database of its own on `server`, which is set before a program runs. What a process leaves there is ended by its lease alone."""

    server: ClassVar[Server]

    def sit(self, folder: Path, runner: Turns) -> Seat:
        self._access = runner.run(self.server.database())
        return PostgresSeat(self._access)

    def give_back(self, runner: Turns) -> None:
        runner.run(self.server.drop(self._access))

    def _restarted(self) -> None:
        """The next process waits for a lease, and ends what is past its own; after a clock was put back, some is not."""
        self.model.now += LEASE_MS
        expired = [name for name, one in self.model.kept.items() if self.model.now >= one.lease_until]
        for name in expired:
            self.model.interrupt(name)
        for name in expired:
            self.model.lose(name)
