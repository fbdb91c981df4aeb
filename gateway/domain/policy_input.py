"""What Rego is asked about: one typed document per entrypoint, `input` in the bundle.

1. Built here and nowhere else; `policies/schemas/*.json` is generated from these very classes, so `input.amonut` is a compile error.
2. The payload (or context) is spliced in as the bytes that were scanned, never re-encoded: OPA and the host read one document.
3. No secrets, no headers, no free text of the caller outside payload and context.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final

from gateway.domain.plain_json import written


@dataclass(frozen=True, slots=True, kw_only=True)
class CostInput:
    ledger: str  # value | writes | spend | tokens | steps
    currency: str  # ISO 4217, "" for ledgers that count
    amount: int  # micros of the currency, or a count


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetInput:
    level: str  # run | workflow | tenant
    ledger: str
    currency: str
    window: str  # total | minute | hour | day | month
    limit: int
    left: int  # may be negative after an overage


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInput:
    id: str
    steps: int  # taken before this call
    elapsed_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionInput:
    id: str
    step: str
    option: str
    source: str  # AGENT | FALLBACK
    made_at_ms: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInput:
    """`data.countersign.commit.verdict`; `payload` (any JSON value) is spliced in beside these."""

    tenant: str
    caller: str
    workflow: str
    step: str
    mode: str  # deterministic | agentic
    action: str
    risk: str  # low | medium | high
    target: str
    method: str
    path: str  # the final path, slots filled and percent-encoded
    option: str  # what was decided, "" without a decision
    decision: DecisionInput | None
    costs: list[CostInput]
    run: RunInput
    budgets: list[BudgetInput]
    time_ms: int  # Unix milliseconds, UTC
    activation_number: int
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideInput:
    """`data.countersign.decide.verdict`; `context` (a JSON object) is spliced in beside these."""

    tenant: str
    caller: str
    workflow: str
    step: str
    mode: str
    options: list[str]
    models: list[str]
    tools: list[str]
    costs: list[CostInput]  # what the whole step reserves: steps, tokens, spend
    run: RunInput
    budgets: list[BudgetInput]
    time_ms: int
    activation_number: int
    revision: str


def encode(document: CommitInput | DecideInput, *, spliced: bytes) -> bytes:
    """UTF-8 JSON with the scanned bytes under `payload` or `context`. `spliced` must have passed `strict_json.scan`."""
    name = b"payload" if isinstance(document, CommitInput) else b"context"
    head = _written(document).encode()
    return head[:-1] + b',"' + name + b'":' + spliced + b"}"


def _written(part: object) -> str:
    """One part's members in the order of its class, and not copied first: `asdict` copies all the way down, at three times the price of the writing."""
    return "{" + ",".join([head + _value(read(part)) for head, read in _MEMBERS[type(part)]]) + "}"


def _value(value: object) -> str:
    if isinstance(value, str | int):
        return written(value)
    if isinstance(value, list):
        return f"[{','.join([_value(one) for one in value])}]"
    return _written(value) if type(value) in _MEMBERS else written(value)


_PARTS: Final = (CostInput, BudgetInput, RunInput, DecisionInput, CommitInput, DecideInput)
_MEMBERS: Final[dict[type[object], tuple[tuple[str, Callable[[object], object]], ...]]] = {
    part: tuple((f'"{field.name}":', attrgetter(field.name)) for field in fields(part)) for part in _PARTS
}
