"""Bugs that a suite of `make prove` has to see, with a few cases of it: a suite that never failed proves nothing either."""

from typing import Final

from tests.faults.mutants.mutant import Mutant, Trial

_PG_STORE: Final = "gateway/adapters/store/postgres/store.py"
_SHARED: Final = "        await self._fetch(_TAKE_GATE if self._alone else _SHARE_GATE)\n        return await super().gate()\n"
_ONCE: Final = """        await self._fetch(_TAKE_GATE if self._alone else _SHARE_GATE)
        if not self._alone and self._memory.kept is not None:
            return self._memory.kept[1]
        gate = await super().gate()
        self._memory.kept = None if self._alone else self._memory.kept
        return gate
"""
_OF_KEY: Final = "        return await self._reader.of_key(key)\n"
_REMEMBERED: Final = """        kept: dict[KeyName, StoredCommit] = self.__dict__.setdefault("kept", {})
        if key in kept:
            return kept[key]
        found = await self._reader.of_key(key)
        if isinstance(found, StoredCommit) and found.row.ended_at_ms:
            kept[key] = found
        return found
"""
_HANDED: Final = "        errand = WriteErrand(write, by_s=by_s)\n"
_FORGOTTEN: Final = f"""{_HANDED}        for key in write.wants().keys:
            self.__dict__.get("kept", {{}}).pop(key, None)
"""
_TOO_LATE: Final = "    def _too_late(self, delivery: Delivery) -> NotSent | None:\n"
_NEVER_LATE: Final = _TOO_LATE + "        if delivery.key:\n            return None\n"
_DENIED: Final = "        rows.put_run(run)\n        rows.count_denial("

# a halt stands for a moment of a history, and a history may be spent on kills: one alone misses it now and then, six do not
_OF_THE_FLEET: Final = Trial(suite="linearizable-pg", volume=6, says="not linearizable")

OF_THE_SUITES: Final = (
    Mutant(
        name="halts-of-ones-own", bug="a gateway knows of the halts that were thrown at itself, and of others only after one of its own",
        file="gateway/adapters/store/postgres/hands.py", text=_SHARED, put=_ONCE,
        test=_OF_THE_FLEET,
    ),
    Mutant(
        name="ended-is-remembered", bug="what has ended is answered from memory under its key, until this gateway itself writes under it",
        file=_PG_STORE, text=_OF_KEY, put=_REMEMBERED, more=((_PG_STORE, _HANDED, _FORGOTTEN),),
        test=_OF_THE_FLEET,
    ),
    Mutant(
        name="sent-on-waking", bug="a gateway that was asleep past its lease sends when it wakes",
        file="gateway/adapters/hosts/http.py", text=_TOO_LATE, put=_NEVER_LATE,
        test=Trial(suite="pg-faults", volume=1, only="stopped-before-the-look", says="1 writes left"),
    ),
    Mutant(
        name="first-answer-for-good", bug="a key that was superseded is answered as it was the first time",
        file="gateway/domain/guards.py", text="return Twin(row.latest.id) if row.bound_to(", put="return Twin(row.generations[0].id) if row.bound_to(",
        test=Trial(suite="linearizability", volume=8, says="not linearizable"),
    ),
    Mutant(
        name="another-key-for-a-resend", bug="a re-send goes out under a key of its own, which the host cannot know",
        file="gateway/stages/forward.py", text="key=downstream_key(row.commit_id),\n",
        put="key=downstream_key(row.commit_id if attempt_id == row.attempt_id else attempt_id),\n",
        test=Trial(suite="simulation", volume=40, says="I2"),
    ),
    Mutant(
        name="denials-take-steps", bug="a write that is denied uses up a step of its run",
        file="gateway/domain/writes/commits.py", text=_DENIED, put=_DENIED.replace("(run)", "(replace(run, steps=run.steps + 1))", 1),
        test=Trial(suite="model", volume=1, only="memory/0", says="Failing test case"),
    ),
)  # fmt: skip
