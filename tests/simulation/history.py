"""A whole history: what callers asked and were told, when, and what the store held in the end; and whether there is one order for it, by our own checker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.simulation.ledger_spec import FOREVER_S, Everything, Row, Spec, What, ends
from tests.simulation.wgl import PLACES_MAX, Op, linearizable


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    told: Sequence[Op[What]]  # claims, looks and switches; without an answer they end never
    rows: Mapping[str, Sequence[Row]]  # by key, oldest generation first
    limit: int

    def left(self, *, places_max: int = PLACES_MAX) -> Sequence[Op[What]]:
        """What fits into no order; empty when the history is linearizable. Raises `TooMany`."""
        spec = Spec(self.rows, self.limit)
        over_s = 1.0 + max((moment for op in self.told for moment in (op.begins_s, op.ends_s) if moment < FOREVER_S), default=0.0)
        everything: Op[What] = Op(what=Everything(), begins_s=over_s, ends_s=over_s)
        ops = [*self.told, *ends(self.rows, self.told), everything]
        found: Sequence[Op[What]] = linearizable(ops, spec.start(), spec.step, places_max=places_max)
        return found
