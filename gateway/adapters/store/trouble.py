"""What SQLite's errors mean here. One table over every exception class of the library; a test walks them.

1. Passing: this transaction did not happen, the next may. Rolled back, a StoreFault.
2. For good: what was written before may be lost or unreadable. Nothing is tried again, a failed sync least of all: the kernel drops the pages it
   could not write and reports the next sync as done.
3. Ours: a statement, a value or a call that cannot be right. An assertion.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final

import apsw

from gateway.domain.faults import Fault, StoreFault


class StoreRefused(Fault):
    """The store cannot be opened: what was seen, what was expected, what to do."""


class StoreDown(StoreFault):
    """The store has failed for good; only a restart, which recovers, may use it again."""


class Trouble(Enum):
    PASSING = "passing"
    FOR_GOOD = "for good"
    OURS = "ours"


TROUBLE: Final[dict[type[apsw.Error], Trouble]] = {
    apsw.BusyError: Trouble.PASSING,  # another process holds the write lock
    apsw.LockedError: Trouble.PASSING,
    apsw.InterruptError: Trouble.PASSING,
    apsw.FullError: Trouble.PASSING,  # except at COMMIT
    apsw.NoMemError: Trouble.PASSING,
    apsw.IOError: Trouble.FOR_GOOD,
    apsw.CorruptError: Trouble.FOR_GOOD,
    apsw.NotADBError: Trouble.FOR_GOOD,
    apsw.CantOpenError: Trouble.FOR_GOOD,
    apsw.ReadOnlyError: Trouble.FOR_GOOD,
    apsw.PermissionsError: Trouble.FOR_GOOD,
    apsw.ProtocolError: Trouble.FOR_GOOD,
    apsw.NoLFSError: Trouble.FOR_GOOD,
    apsw.FormatError: Trouble.FOR_GOOD,
    apsw.EmptyError: Trouble.FOR_GOOD,
    apsw.InternalError: Trouble.FOR_GOOD,
    apsw.AuthError: Trouble.FOR_GOOD,
    apsw.SchemaChangeError: Trouble.FOR_GOOD,  # somebody altered the tables under us
    apsw.SQLError: Trouble.OURS,
    apsw.ConstraintError: Trouble.OURS,
    apsw.MismatchError: Trouble.OURS,
    apsw.MisuseError: Trouble.OURS,
    apsw.RangeError: Trouble.OURS,
    apsw.TooBigError: Trouble.OURS,
    apsw.NotFoundError: Trouble.OURS,
    apsw.AbortError: Trouble.OURS,
    apsw.BindingsError: Trouble.OURS,
    apsw.ExecTraceAbort: Trouble.OURS,
    apsw.ExecutionCompleteError: Trouble.OURS,
    apsw.IncompleteExecutionError: Trouble.OURS,
    apsw.ExtensionLoadingError: Trouble.OURS,
    apsw.ConnectionClosedError: Trouble.OURS,
    apsw.ConnectionNotClosedError: Trouble.OURS,
    apsw.CursorClosedError: Trouble.OURS,
    apsw.ThreadingViolationError: Trouble.OURS,
    apsw.ForkingViolationError: Trouble.OURS,
    apsw.InvalidContextError: Trouble.OURS,
    apsw.NoFTS5Error: Trouble.OURS,
    apsw.VFSFileClosedError: Trouble.OURS,
    apsw.VFSNotImplementedError: Trouble.OURS,
}

# What a member that is wrong raises while it decides or is written. Spelled out: anything else ends the writer, and with it the store.
BUGS: Final = (AssertionError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """The one place where the library's errors become ours."""
    try:
        yield
    except apsw.Error as error:
        said = f"{doing}: SQLite says {type(error).__name__}: {error}"
        match TROUBLE.get(type(error), Trouble.FOR_GOOD):
            case Trouble.PASSING:
                raise StoreFault(said) from error
            case Trouble.FOR_GOOD:
                raise StoreDown(said) from error
            case Trouble.OURS:
                raise AssertionError(said) from error
