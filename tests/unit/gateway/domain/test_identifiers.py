"""Names that say that a value picks somebody out."""

import pytest

from gateway.domain.identifiers import identifying


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("account", "account"),
        ("accountId", "account"),
        ("ACCOUNT_ID", "account"),
        ("account2", "account"),
        ("X-Tenant", "tenant"),
        ("for_userid", "userid"),
        ("orderIDs", "orderids"),
        ("uuid", "uuid"),
        ("e_mail", "mail"),
    ],
)
def test_a_word_says_so(name: str, word: str) -> None:
    """In any way of writing it."""
    assert identifying(name) == word


@pytest.mark.parametrize("name", ["q", "month", "valid", "accounting", "idle", "width", "period", "unit", "page", "userful", "_", ""])
def test_a_part_of_a_word_says_nothing(name: str) -> None:
    """Words, not letters."""
    assert identifying(name) == ""
