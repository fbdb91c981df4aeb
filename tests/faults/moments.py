"""Faults that need their moment: a sender stopped past its lease, a clock that jumps a day, a duplicate before the reply, a disk full at T2.

1. Each case is named after what happens; it runs on a gateway of its own, brought up over the same store.
2. What must come of it is said where it happens; whatever happens, store, host and callers must agree afterwards.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from countersign import Commit, Outcome
from gateway.domain.lifecycle import TERMINAL, State
from tests.faults.arena import Arena
from tests.faults.nursery import BEFORE_THE_BYTE, BEFORE_THE_LOOK
from tests.faults.tracing import NoTracing, Tracing
from tests.prove.ledger_check import read_sqlite
from tests.prove.suite import Assignment, Failure, Report, each, evenly

_DAY_MS: Final = 86_400_000
_DELAY_US: Final = 20_000_000
_LEASE_S: Final = 4.0  # of every target here, and some more
_COMES_S_MAX: Final = 20.0
_PAUSE_S: Final = 0.01
_STILL: Final = 40  # looks in a row: a thread is held for a moment at every call that is traced

Case = Callable[[Arena, str], str]


class NotCome(Exception):
    """What a case waited for."""


def run(given: Assignment) -> Report:
    try:
        with Arena(given.folder, read_timeout_ms=400) as arena:
            report = each(given, evenly([*CASES], given.volume), lambda case: _one(arena, case))
            arena.start()
            wrong = arena.check_settled(clocks_agree=False)
            arena.kill()
    except NoTracing as missing:
        return Report(volume=0, failures=(Failure(case="", what=str(missing)),))
    at_the_end = tuple(Failure(case="", what=f"at the end: {what}") for what in wrong)
    return Report(volume=report.volume, failures=(*report.failures, *at_the_end))


def _one(arena: Arena, case: str) -> str:
    arena.clock.write_text("0")
    arena.run_id = f"run-{case}"  # a day ahead, the sweeper times the run out: the next case must not find it stopped
    arena.start(jumping=True)
    try:
        wrong = [CASES[case](arena, f"{case}-key")]
    except NotCome as waited:
        wrong = [str(waited)]
    arena.stop_file.unlink(missing_ok=True)
    arena.kill()
    arena.start(jumping=True)
    arena.kill()
    return "; ".join([*filter(None, wrong), *arena.check(clocks_agree=False)])


def stopped_after_t1(arena: Arena, key: str) -> str:
    """Asleep when T1 is durable and nobody has heard of it, past the lease: when it wakes, nothing leaves."""
    before = len(arena.deliveries())
    with ThreadPoolExecutor(1) as callers:
        with Tracing(arena.pid, log=arena.folder / "delayed", inject=f"fdatasync:delay_exit={_DELAY_US}:when=1"):
            waiting = callers.submit(arena.commit, key, deadline_s=30.0)
            _comes(lambda: _hangs(arena.pid), "the gateway to hang in the sync")
            os.kill(arena.pid, signal.SIGSTOP)
        _sleep_past_the_lease(arena)
        told = waiting.result()
    late = len(arena.deliveries()) - before
    return f"{late} writes left after the lease, and the caller was told {told and told.outcome}" if late else ""


def stopped_before_the_look(arena: Arena, key: str) -> str:
    """Asleep just before the sender looks at its clocks for the last time: it is too late, and definitely not sent."""
    before = len(arena.deliveries())
    told = _stopped_at(arena, key, BEFORE_THE_LOOK)
    late = len(arena.deliveries()) - before
    return f"{late} writes left, and the caller was told {told}" if late or told is not Outcome.FAILED else ""


def stopped_before_the_byte(arena: Arena, key: str) -> str:
    """Asleep between that look and the first byte: what leaves says that it is too late, and a host that keeps to it does nothing."""
    told = _stopped_at(arena, key, BEFORE_THE_BYTE)
    _comes(lambda: _state_of(arena, key) in TERMINAL, "the end of what was in flight")
    return f"{key} took effect after its time" if told is Outcome.SUCCEEDED or _state_of(arena, key) is not State.FAILED else ""


def _stopped_at(arena: Arena, key: str, moment: str) -> Outcome | None:
    arena.stop_file.write_text(moment)
    with ThreadPoolExecutor(1) as callers:
        waiting = callers.submit(arena.commit, key, deadline_s=30.0)
        _sleep_past_the_lease(arena)
        told = waiting.result()
    return None if told is None else told.outcome


def _sleep_past_the_lease(arena: Arena) -> None:
    _comes(lambda: {_status(task) for task in _threads(arena.pid)} == {"T"}, "every thread to be stopped")
    time.sleep(_LEASE_S)  # what the case is about: time passes, and nothing runs
    os.kill(arena.pid, signal.SIGCONT)


def clock_jumps_forward(arena: Arena, key: str) -> str:
    """A day passes between T1 and T2: the lease is over, and the sender's own answer still ends it."""
    return _with_clock_jump(arena, key, _DAY_MS)


def clock_jumps_back(arena: Arena, key: str) -> str:
    """The clock goes back a day between T1 and T2."""
    return _with_clock_jump(arena, key, -_DAY_MS)


def _with_clock_jump(arena: Arena, key: str, jump_ms: int) -> str:
    with _in_flight(arena, key):
        arena.clock.write_text(str(jump_ms))
        arena.host("/release")
    _comes(lambda: _state_of(arena, key) is State.SUCCEEDED, "the sender's own answer to be recorded")
    again = arena.commit(key, host="hold")
    return "" if again is not None and again.outcome is Outcome.SUCCEEDED and again.replayed else f"asked again it says {again}"


def killed_then_a_day_passes(arena: Arena, key: str) -> str:
    """Killed in flight; the next boot's clock is a day back, and then a day on: unknown, never free, and resolved."""
    with _in_flight(arena, key):
        arena.kill()
    for jump_ms in (-_DAY_MS, _DAY_MS):
        arena.clock.write_text(str(jump_ms))
        arena.start(jumping=True)
        answer = arena.commit(key, host="hold", deadline_s=2.0)
        if answer is None or not answer.replayed or answer.outcome is Outcome.FAILED:
            return f"a day {'on' if jump_ms > 0 else 'back'}, asked again it says {answer}"
        if jump_ms < 0:
            arena.kill()
    arena.host("/release")
    _comes(lambda: _state_of(arena, key) in TERMINAL, "the end of what was interrupted")
    return ""


def duplicate_before_the_reply(arena: Arena, key: str) -> str:
    """The outcome is stored, its reply not yet sent; the same request comes again: one forward, one answer."""
    arena.commit(f"{key}-warm")  # the connection is there, and has nothing more to say for itself
    before = len(arena.deliveries())
    inject = "sendmsg:delay_enter=1500000:when=1"
    with Tracing(arena.pid, log=arena.folder / "reply", inject=inject), ThreadPoolExecutor(2) as callers:
        first = callers.submit(arena.commit, key)
        _comes(lambda: _state_of(arena, key) is State.SUCCEEDED, "the outcome to be stored")
        second = callers.submit(arena.commit, key)
        answers = {(one.commit_id, one.outcome) for one in (first.result(), second.result()) if one is not None}
    if len(answers) != 1:
        return f"two callers were told {sorted(answers)}"
    return "" if len(arena.deliveries()) == before + 1 else f"{len(arena.deliveries()) - before} deliveries"


def disk_full_at_t2(arena: Arena, key: str) -> str:
    """The host has written, and there is no room for saying so: unknown, and found done by the next boot."""
    with ThreadPoolExecutor(1) as callers:
        with _waiting(arena, key, callers) as waiting, Tracing(arena.pid, log=arena.folder / "full", calls=("pwrite64",), inject="pwrite64:error=ENOSPC"):
            arena.host("/release")
            told = waiting.result()
        arena.kill()
    arena.start(jumping=True)
    _comes(lambda: _state_of(arena, key) is State.SUCCEEDED, "the next boot to find out what the host did")
    return "" if told is None or told.outcome is Outcome.UNKNOWN else f"the caller was told {told.outcome}"


CASES: Final[dict[str, Case]] = {
    "stopped-after-t1": stopped_after_t1,
    "clock-jumps-forward": clock_jumps_forward,
    "duplicate-before-the-reply": duplicate_before_the_reply,
    "disk-full-at-t2": disk_full_at_t2,
    "stopped-before-the-byte": stopped_before_the_byte,
    "stopped-before-the-look": stopped_before_the_look,
    "clock-jumps-back": clock_jumps_back,
    "killed-then-a-day-passes": killed_then_a_day_passes,
}


@contextmanager
def _in_flight(arena: Arena, key: str) -> Iterator[None]:
    """A write that the host holds back; the block runs once the host has it."""
    with ThreadPoolExecutor(1) as callers, _waiting(arena, key, callers):
        yield


@contextmanager
def _waiting(arena: Arena, key: str, callers: ThreadPoolExecutor) -> "Iterator[Future[Commit | None]]":
    before = len(arena.deliveries())
    waiting = callers.submit(arena.commit, key, host="hold", deadline_s=30.0)
    _comes(lambda: len(arena.deliveries()) > before, "the host to get the write")
    yield waiting
    waiting.result()


def _state_of(arena: Arena, key: str) -> State | None:
    rows = [row for row in read_sqlite(arena.store).books.commits if row.key == key.encode()]
    return rows[-1].state if rows else None


def _hangs(pid: int) -> bool:
    """One thread is held by its tracer, look after look."""
    return any(all(_held(task) for _ in range(_STILL)) for task in _threads(pid))


def _held(task: Path) -> bool:
    if _status(task) != "t":
        return False
    time.sleep(_PAUSE_S)
    return True


def _threads(pid: int) -> list[Path]:
    return [*Path(f"/proc/{pid}/task").iterdir()]


def _status(task: Path) -> str:
    return task.joinpath("stat").read_text().rpartition(")")[2].split()[0]


def _comes(holds: Callable[[], bool], what: str) -> None:
    until_s = time.monotonic() + _COMES_S_MAX
    while not holds():
        if time.monotonic() > until_s:
            raise NotCome(f"{what} did not come within {_COMES_S_MAX} s")
        time.sleep(_PAUSE_S)
