"""What Rego is asked about: one typed document per entrypoint, `input` in the bundle.

1. Built here and nowhere else; `policies/schemas/*.json` is generated from these very classes, so `input.amonut` is a compile error.
2. The payload (or context) is spliced in as the bytes that were scanned, never re-encoded: OPA and the host read one document.
3. No secrets, no headers, no free text of the caller outside payload and context.
4. Each class is written by a function made once from its fields, as `change` copies rows: walking them anew for every question cost more than all the
   rest of judging.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from json.encoder import encode_basestring
from types import UnionType
from typing import Any, Final, get_args, get_origin


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
    head = _WRITERS[type(document)](document).encode()
    return head[:-1] + b',"' + name + b'":' + spliced + b"}"


Writer = Callable[[Any], str]


def _writer(part: type[Any]) -> Writer:
    """Writes the writing function of a class, once, from its fields and their types: its members in their order, each put straight into one string."""
    members = ",".join([f'"{field.name}":{{{_written(field.type, f"one.{field.name}")}}}' for field in fields(part)])
    scope: dict[str, Any] = {"text": encode_basestring, "join": ",".join} | {f"write_{kind.__name__}": write for kind, write in _WRITERS.items()}
    exec(f"def write(one):\n    return f'{{{{{members}}}}}'\n", scope)  # noqa: S102 - from field names and types alone
    write: Writer = scope["write"]
    return write


def _written(kind: object, value: str) -> str:
    """The expression that writes `value`, which is of this type."""
    if kind is str:
        return f"text({value})"
    if kind is int:
        return f"int.__repr__({value})"
    if get_origin(kind) is list:
        return f'"[" + join([{_written(get_args(kind)[0], "it")} for it in {value}]) + "]"'
    if isinstance(kind, UnionType):
        return f'"null" if {value} is None else {_written(get_args(kind)[0], value)}'
    assert isinstance(kind, type), f"{kind} is not written"
    assert kind in _WRITERS, f"{kind.__name__} is not written, or not before what holds it"
    return f"write_{kind.__name__}({value})"


_WRITERS: Final[dict[type[Any], Writer]] = {}
for _part in (CostInput, BudgetInput, RunInput, DecisionInput, CommitInput, DecideInput):
    _WRITERS[_part] = _writer(_part)
