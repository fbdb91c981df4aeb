"""What the library's errors mean: every class of them has its row."""

import apsw
import pytest

from gateway.adapters.store.trouble import BUGS, TROUBLE, StoreDown, Trouble, translated
from gateway.domain.faults import StoreFault


def test_every_exception_class_of_the_library_has_its_meaning() -> None:
    """A new version that brings a new one is seen here."""
    known = {one for one in vars(apsw).values() if isinstance(one, type) and issubclass(one, apsw.Error) and one is not apsw.Error}

    assert set(TROUBLE) == known


@pytest.mark.parametrize(("raised", "trouble"), TROUBLE.items())
def test_an_error_comes_out_as_what_it_means(raised: type[apsw.Error], trouble: Trouble) -> None:
    """A fault that passes, a fault for good, or a bug; the cause stays with it."""
    expected = {Trouble.PASSING: StoreFault, Trouble.FOR_GOOD: StoreDown, Trouble.OURS: AssertionError}[trouble]

    with pytest.raises((StoreFault, AssertionError)) as caught, translated("commit"):
        raise raised("what SQLite said")

    assert type(caught.value) is expected
    assert isinstance(caught.value.__cause__, raised)
    assert "what SQLite said" in str(caught.value)


def test_a_class_nobody_knows_is_for_good() -> None:
    """Fail closed."""

    class Newcomer(apsw.Error):
        """From a version to come."""

    with pytest.raises(StoreDown), translated("commit"):
        raise Newcomer


def test_a_fault_is_not_taken_for_a_bug() -> None:
    """The writer tells them apart by class."""
    assert not any(issubclass(StoreFault, bug) for bug in BUGS)
