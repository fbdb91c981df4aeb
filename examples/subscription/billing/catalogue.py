"""What billing sells and whom it knows.

1. The price list is sorted by price, cheapest first: a small model reads lists from the top.
2. A price is per plan and month, in micros of one US dollar, not per seat.
3. Accounts are fixed; which plan an account has now is told by its newest subscription, never stored twice.
"""

from dataclasses import dataclass
from typing import Final

CURRENCY: Final = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    seats_max: int
    monthly_price_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    team_size: int
    plan: str  # the plan it came with, before any subscription made here


PLANS: Final = {
    "team_basic": Plan(seats_max=5, monthly_price_micros=25_000_000),
    "team_pro": Plan(seats_max=25, monthly_price_micros=99_000_000),
    "enterprise": Plan(seats_max=500, monthly_price_micros=1_200_000_000),
}

ACCOUNTS: Final = {
    "harbour": Account(team_size=12, plan="team_basic"),
    "foundry": Account(team_size=12, plan="team_basic"),
    "lighthouse": Account(team_size=12, plan="team_basic"),
    "meadow": Account(team_size=12, plan="team_basic"),
    "observatory": Account(team_size=12, plan="team_basic"),
    "orchard": Account(team_size=12, plan="team_basic"),
    "printworks": Account(team_size=12, plan="team_basic"),
    "lantern": Account(team_size=4, plan="team_basic"),
    "quarry": Account(team_size=140, plan="team_pro"),
}
