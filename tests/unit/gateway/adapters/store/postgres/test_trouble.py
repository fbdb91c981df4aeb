"""What the library's errors mean: every class of them has its row, by its SQLSTATE or by itself."""

from collections.abc import Iterator

import asyncpg
import pytest

from gateway.adapters.store.postgres.trouble import CLASSES, OTHERS, LinkLost, Trouble, TryAgain, meaning, translated
from gateway.adapters.store.trouble import BUGS
from gateway.domain.faults import StorageLow, StoreFault


def every(kind: type[Exception]) -> Iterator[type[Exception]]:
    for below in kind.__subclasses__():
        yield below
        yield from every(below)


def test_every_exception_class_of_the_library_has_its_meaning() -> None:
    """A new version that brings a new class of states, or a new kind of error, is seen here."""
    of_server = {state for kind in every(asyncpg.PostgresError) if isinstance(state := getattr(kind, "sqlstate", None), str)}
    of_client = [kind for kind in every(asyncpg.InterfaceError) if not issubclass(kind, asyncpg.PostgresError)]

    assert {state[:2] for state in of_server} <= {*CLASSES}
    assert all(any(issubclass(kind, known) for known in OTHERS) for kind in (*of_client, *every(asyncpg.InternalClientError)))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (asyncpg.SerializationError("x"), TryAgain),
        (asyncpg.DeadlockDetectedError("x"), TryAgain),
        (asyncpg.StatementCompletionUnknownError("x"), LinkLost),
        (asyncpg.AdminShutdownError("x"), LinkLost),
        (asyncpg.CannotConnectNowError("x"), LinkLost),
        (asyncpg.ConnectionDoesNotExistError("x"), LinkLost),
        (asyncpg.ReadOnlySQLTransactionError("x"), LinkLost),
        (asyncpg.InterfaceError("x"), LinkLost),
        (ConnectionRefusedError("x"), LinkLost),
        (TimeoutError(), LinkLost),
        (asyncpg.LockNotAvailableError("x"), StoreFault),
        (asyncpg.TooManyConnectionsError("x"), StoreFault),
        (asyncpg.InvalidPasswordError("x"), StoreFault),
        (asyncpg.DataCorruptedError("x"), StoreFault),
        (asyncpg.DiskFullError("x"), StorageLow),
        (asyncpg.UniqueViolationError("x"), AssertionError),
        (asyncpg.CheckViolationError("x"), AssertionError),
        (asyncpg.UndefinedTableError("x"), AssertionError),
        (asyncpg.exceptions.DataError("x"), AssertionError),
    ],
)
def test_an_error_comes_out_as_what_it_means(error: Exception, expected: type[BaseException]) -> None:
    """The cause stays with it."""
    with pytest.raises((StoreFault, AssertionError)) as caught, translated("commit"):
        raise error

    assert type(caught.value) is expected
    assert caught.value.__cause__ is error


def test_a_state_nobody_knows_is_passing() -> None:
    """The transaction is rolled back either way."""

    class Newcomer(asyncpg.PostgresError):
        """From a version to come."""

        sqlstate = "ZZ999"

    assert meaning(Newcomer("x")) is Trouble.PASSING


def test_a_fault_is_not_taken_for_a_bug() -> None:
    """The writer tells them apart by class."""
    assert not any(issubclass(StoreFault, bug) for bug in BUGS)
