"""What PostgreSQL's errors mean here. One table over the classes of SQLSTATE, one over the library's own exceptions; a test walks both.

1. Again: the server rolled the transaction back because of others. The same members, with the same ids, may try at once.
2. Gone: the connection is lost. Before COMMIT was sent nothing happened; after it, nobody knows yet.
3. Passing: this transaction did not happen, the next may. Also what nobody knows: the transaction is rolled back either way.
4. Ours: a statement or a value that cannot be right. An assertion.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final

import asyncpg

from gateway.domain.faults import StorageLow, StoreFault


class LinkLost(StoreFault):
    """The connection is gone."""


class TryAgain(StoreFault):
    """Rolled back by the server because of others: the same transaction may be tried at once."""


class Trouble(Enum):
    AGAIN = "again"
    GONE = "gone"
    PASSING = "passing"
    FULL = "full"
    OURS = "ours"


STATES: Final[dict[str, Trouble]] = {
    "40001": Trouble.AGAIN,  # serialization failure
    "40P01": Trouble.AGAIN,  # deadlock
    "40003": Trouble.GONE,  # statement completion unknown
    "53100": Trouble.FULL,  # disk full
    "25006": Trouble.GONE,  # read-only: the server has become a standby
    "25P03": Trouble.GONE,  # idle in transaction for too long: the session was ended
    "25P04": Trouble.GONE,  # transaction timeout: likewise
    "57P01": Trouble.GONE,  # the server is shut down
    "57P02": Trouble.GONE,  # … crashed
    "57P03": Trouble.GONE,  # … not ready yet
    "57P04": Trouble.GONE,  # the database was dropped
    "57P05": Trouble.GONE,  # idle for too long
    "42501": Trouble.PASSING,  # a privilege was taken away
}
CLASSES: Final[dict[str, Trouble]] = {
    "00": Trouble.OURS, "01": Trouble.OURS, "02": Trouble.OURS, "03": Trouble.OURS, "09": Trouble.OURS, "0A": Trouble.OURS, "0B": Trouble.OURS,
    "0F": Trouble.OURS, "0L": Trouble.OURS, "0P": Trouble.OURS, "0Z": Trouble.OURS, "10": Trouble.OURS,
    "20": Trouble.OURS, "21": Trouble.OURS, "22": Trouble.OURS,
    "23": Trouble.OURS, "24": Trouble.OURS, "25": Trouble.OURS, "26": Trouble.OURS, "27": Trouble.OURS, "2B": Trouble.OURS, "2D": Trouble.OURS,
    "2F": Trouble.OURS, "34": Trouble.OURS, "38": Trouble.OURS, "39": Trouble.OURS, "3B": Trouble.OURS, "42": Trouble.OURS, "44": Trouble.OURS,
    "08": Trouble.GONE,  # connection exceptions
    "28": Trouble.PASSING,  # authorization: the password was changed
    "3D": Trouble.PASSING, "3F": Trouble.PASSING,  # the database or schema is not there
    "40": Trouble.PASSING,  # rolled back
    "53": Trouble.PASSING,  # resources
    "54": Trouble.OURS,  # program limits
    "55": Trouble.PASSING,  # a lock that did not come in time
    "57": Trouble.PASSING,  # an operator intervened
    "58": Trouble.PASSING,  # the system around it
    "72": Trouble.PASSING, "F0": Trouble.PASSING, "HV": Trouble.PASSING, "P0": Trouble.PASSING, "XX": Trouble.PASSING,
}  # fmt: skip
OTHERS: Final[dict[type[Exception], Trouble]] = {
    asyncpg.exceptions.DataError: Trouble.OURS,
    asyncpg.InterfaceError: Trouble.GONE,  # what is done with a connection that is closed; our own misuse would show at once
    asyncpg.InternalClientError: Trouble.GONE,
    OSError: Trouble.GONE,
    TimeoutError: Trouble.GONE,
}


def meaning(error: Exception) -> Trouble:
    """Of any error of the library; what nobody knows is passing."""
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return STATES.get(state) or CLASSES.get(state[:2], Trouble.PASSING)
    return next((trouble for kind, trouble in OTHERS.items() if isinstance(error, kind)), Trouble.PASSING)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """The one place where the library's errors become ours."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        said = f"{doing}: PostgreSQL says {type(error).__name__}: {error}"
        match meaning(error):
            case Trouble.AGAIN:
                raise TryAgain(said) from error
            case Trouble.GONE:
                raise LinkLost(said) from error
            case Trouble.PASSING:
                raise StoreFault(said) from error
            case Trouble.FULL:
                raise StorageLow(said) from error
            case Trouble.OURS:
                raise AssertionError(said) from error
