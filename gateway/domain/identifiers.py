"""Names that say that a value picks out somebody or something of somebody's: what stands under them never comes from a model.

1. A name is read word by word: `accountId`, `account_id` and `ACCOUNT-ID` are "account" and "id".
2. This is the second line. The first is that a slot declared an identifier is filled from the context; this one finds those that
   nobody declared. It is a list of words, so it finds what people commonly write and not everything one could.
"""

import re
from typing import Final

IDENTIFYING: Final = frozenset({
    "account", "accounts", "applicant", "borrower", "buyer", "card", "client", "company", "contact", "customer", "customers", "email", "employee",
    "guid", "handle", "holder", "household", "iban", "id", "identifier", "identity", "ids", "key", "keys", "login", "mail", "member", "msisdn",
    "org", "organisation", "organization", "owner", "passport", "patient", "payer", "person", "phone", "principal", "profile", "project",
    "seller", "session", "ssn", "student", "subject", "subscriber", "team", "telephone", "tenant", "tenants", "token", "url", "urn", "user",
    "username", "users", "uri", "uuid", "vat", "workspace",
})  # fmt: skip
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_GLUED: Final = re.compile(r"(?:uu|gu|account|customer|member|order|org|owner|subject|tenant|user)ids?|(?:user|login|account)name")


def identifying(name: str) -> str:
    """The word of `name` that says so; "" when none does."""
    words = [*(word.lower() for word in _WORD.findall(name)), *re.split(r"[^a-z]+", name.lower())]
    return next((word for word in words if word in IDENTIFYING or _GLUED.fullmatch(word)), "")
