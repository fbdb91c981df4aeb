"""Reads what a subscriber sends: bytes in, an `Order` or a `Problem` out.

1. The body is one strict JSON object: exactly the known members, none twice, no floats, nothing after it.
2. An order must make sense to the price list: the plan exists, seats fit it, the amount is its price.
3. Nothing here writes or waits, and a problem never repeats what was sent.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from examples.subscription.billing.catalogue import CURRENCY, PLANS

KEY_FORM: Final = re.compile(r"[\x21-\x7e]{1,255}")


class Order(BaseModel):
    """Exactly these members, exactly these types: `true` is no number and `"12"` is none either."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    account: str
    plan: str
    seats: int
    amount_micros: int
    currency: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request cannot be taken: an HTTP status of 4xx, a code for programs, a sentence for people."""

    status: int
    code: str
    detail: str


def read_object(body: bytes) -> dict[str, object] | Problem:
    """One JSON object with integers only and no member twice."""
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_no_member_twice, parse_constant=_only_integers, parse_float=_only_integers)
    except (ValueError, RecursionError):
        return Problem(400, "NOT_STRICT_JSON", "the body must be one JSON object in UTF-8, with integers only and no member twice")
    if not isinstance(document, dict):
        return Problem(400, "NOT_AN_OBJECT", "the body must be a JSON object")
    return document


def read_order(body: bytes, *, account: str) -> Order | Problem:
    """The order in `body`, which must be for `account`, the one the path names."""
    document = read_object(body)
    if isinstance(document, Problem):
        return document
    try:
        order = Order.model_validate(document)
    except ValidationError:
        members = ", ".join(sorted(Order.model_fields))
        return Problem(400, "NOT_AN_ORDER", f"an order has exactly {members}; seats and amount_micros are integers, the others strings")
    return _makes_sense(order, account=account) or order


def _makes_sense(order: Order, *, account: str) -> Problem | None:
    if order.account != account:
        return Problem(400, "OTHER_ACCOUNT", "the body names another account than the path")
    plan = PLANS.get(order.plan)
    if plan is None:
        return Problem(400, "UNKNOWN_PLAN", f"the plans are {', '.join(PLANS)}")
    if not 1 <= order.seats <= plan.seats_max:
        return Problem(400, "SEATS_DO_NOT_FIT", f"the plan has 1 to {plan.seats_max} seats")
    if order.currency != CURRENCY:
        return Problem(400, "WRONG_CURRENCY", f"the currency must be {CURRENCY}")
    if order.amount_micros != plan.monthly_price_micros:
        return Problem(400, "NOT_THE_PRICE", f"the price is {plan.monthly_price_micros} micros")
    return None


def read_key(values: Iterable[str]) -> str | Problem:
    """The one `Idempotency-Key`: 1 to 255 visible ASCII characters."""
    keys = list(values)
    if len(keys) != 1 or not KEY_FORM.fullmatch(keys[0]):
        return Problem(400, "IDEMPOTENCY_KEY_NEEDED", "send exactly one Idempotency-Key of 1 to 255 visible ASCII characters")
    return keys[0]


def read_not_after(values: Iterable[str]) -> int | Problem | None:
    """`Not-After` in Unix milliseconds; None when absent. RFC 3339 with an offset, or an HTTP-date (RFC 9110, 5.6.7)."""
    times = list(values)
    if not times:
        return None
    moment = _moment(times[0]) if len(times) == 1 else None
    if moment is None:
        return Problem(400, "NOT_AFTER_UNREADABLE", "send at most one Not-After, as RFC 3339 with an offset or as an HTTP-date")
    return int(moment.timestamp() * 1000)


def _moment(text: str) -> datetime | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
        except ValueError:
            continue
        if moment.tzinfo is not None:
            return moment
    return None


def _no_member_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a member came twice")
    return document


def _only_integers(number: str) -> NoReturn:
    raise ValueError(f"only integers are numbers here, not {number}")
