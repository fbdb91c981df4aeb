"""The durable record of billing: one SQLite file, one connection, one process.

1. A key reaches its end once, in one transaction with what it did: APPLIED with its subscription, or NOT_APPLIED without.
2. What ended a key never changes; asking again yields the stored answer.
3. A transaction is on disk before its answer exists (`synchronous=FULL`).

Calls block for one disk write. Nothing else runs meanwhile, which is what makes look-up and write one step here.
"""

import json
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from examples.subscription.billing.catalogue import ACCOUNTS, PLANS
from examples.subscription.billing.orders import Order, Problem

SCHEMA: Final = Path(__file__).with_name("schema.sql")

BEGIN: Final = "BEGIN IMMEDIATE"
FIND: Final = "SELECT key, fingerprint, status, http_status, response FROM operations WHERE key = ?"
END: Final = "INSERT INTO operations (key, fingerprint, status, http_status, response) VALUES (?, ?, ?, ?, ?)"
NEXT: Final = "SELECT coalesce(max(number), 0) + 1 FROM subscriptions"
SUBSCRIBE: Final = "INSERT INTO subscriptions (number, key, account, plan, seats, amount_micros, currency) VALUES (?, ?, ?, ?, ?, ?, ?)"
LIST: Final = "SELECT number, account, plan, seats, amount_micros, currency FROM subscriptions WHERE account = ? ORDER BY number"
NEWEST: Final = "SELECT plan, seats FROM subscriptions WHERE account = ? ORDER BY number DESC LIMIT 1"


class Status(StrEnum):
    APPLIED = "APPLIED"
    NOT_APPLIED = "NOT_APPLIED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """How a key ended, with the answer it has forever."""

    key: str
    fingerprint: bytes
    status: Status
    http_status: int
    response: str  # JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    plan: str
    seats_paid: int


class Book:
    """Open until `close`. Raises `sqlite3.Error` where the disk or the file fails; then nothing was written."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        # A rollback journal, not WAL: a person may look into the file with another SQLite while billing runs.
        self._db.execute("PRAGMA journal_mode = TRUNCATE")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.executescript(SCHEMA.read_text(encoding="utf-8"))

    def close(self) -> None:
        self._db.close()

    def find(self, key: str) -> Operation | None:
        row = self._db.execute(FIND, (key,)).fetchone()
        if row is None:
            return None
        return Operation(key=row[0], fingerprint=row[1], status=Status(row[2]), http_status=row[3], response=row[4])

    def apply(self, order: Order, *, key: str, fingerprint: bytes) -> Operation:
        """Write the subscription and end the key, both or neither. The key must not have ended before."""
        with self._db:  # commits, or rolls back what an error left
            self._db.execute(BEGIN)
            number = self._db.execute(NEXT).fetchone()[0]
            answer = _subscription(number, order.account, order.plan, order.seats, order.amount_micros, order.currency)
            done = Operation(key=key, fingerprint=fingerprint, status=Status.APPLIED, http_status=201, response=json.dumps(answer))
            self._end(done)
            self._db.execute(SUBSCRIBE, (number, key, order.account, order.plan, order.seats, order.amount_micros, order.currency))
        return done

    def refuse(self, problem: Problem, *, key: str, fingerprint: bytes) -> Operation:
        """End the key without an effect, for good. The key must not have ended before."""
        answer = {"error": {"code": problem.code, "detail": problem.detail}}
        closed = Operation(key=key, fingerprint=fingerprint, status=Status.NOT_APPLIED, http_status=problem.status, response=json.dumps(answer))
        with self._db:  # commits, or rolls back what an error left
            self._db.execute(BEGIN)
            self._end(closed)
        return closed

    def subscriptions(self, account: str) -> list[dict[str, object]]:
        return [_subscription(*row) for row in self._db.execute(LIST, (account,))]

    def seats(self, account: str) -> Seats:
        """What `account`, one of the catalogue's, has paid for."""
        row = self._db.execute(NEWEST, (account,)).fetchone()
        if row is not None:
            return Seats(plan=row[0], seats_paid=row[1])
        plan = ACCOUNTS[account].plan
        return Seats(plan=plan, seats_paid=PLANS[plan].seats_max)

    def _end(self, operation: Operation) -> None:
        self._db.execute(END, (operation.key, operation.fingerprint, operation.status.value, operation.http_status, operation.response))


def _subscription(number: int, account: str, plan: str, seats: int, amount_micros: int, currency: str) -> dict[str, object]:
    return {"subscription": f"sub_{number:06d}", "account": account, "plan": plan, "seats": seats, "amount_micros": amount_micros, "currency": currency}
