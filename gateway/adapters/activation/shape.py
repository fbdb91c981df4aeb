"""boundary.yaml as it is written. The JSON Schema for editors, `boundary.schema.json`, is drawn from these models.

1. What one part says by itself is checked here; what two parts must agree on, in `crosschecks`.
2. A deterministic step says only which actions it may commit. An agentic step says what is asked, what may be answered, and every limit.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from gateway.declared.kinds import DAY_MS, Currency, Declared, DurationMs, Name, wrong
from gateway.domain.boundary import Mode, Rationale, Risk
from gateway.domain.budget import MONEY, Ledger, Window
from gateway.domain.limits import (
    AMOUNT_MAX,
    DECIDE_DEADLINE_S_MAX,
    DECISION_TTL_MS_DEFAULT,
    DECISION_TTL_MS_MAX,
    NAME_CHARS_MAX,
    OPTIONS_MAX,
    TOOLS_MAX,
    VOTES_MAX,
)
from gateway.domain.pointer import well_formed

_MEMBERS_MAX: Final = 1_000
_STEPS_MAX: Final = 10_000
_TOKENS_MAX: Final = 100_000_000
_FILE: Final = re.compile(r"schemas/(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}/)*[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}\.json")
_PATH: Final = re.compile(r"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+|/\{[a-z][a-z0-9_]{0,63}\})+")
_HOLE: Final = re.compile(r"\{([^{}]*)\}")


def pointer(value: object) -> str:
    if not isinstance(value, str) or not well_formed(value):
        raise wrong("no JSON Pointer", write="Write it like /account, with ~1 for a slash inside a name.")
    return value


def schema_file(value: object) -> str:
    if not isinstance(value, str) or not _FILE.fullmatch(value):
        raise wrong("a schema is a .json file under schemas/", write="Write it like schemas/activate_plan.json.")
    return value


def short_slot(value: object) -> object:
    """`account: /account` is short for `account: {pointer: /account}`."""
    return {"pointer": value} if isinstance(value, str) else value


Amount = Annotated[int, Field(ge=0, le=AMOUNT_MAX)]
Pointer = Annotated[str, BeforeValidator(pointer), WithJsonSchema({"type": "string", "pattern": "^/"})]
SchemaFile = Annotated[str, BeforeValidator(schema_file), WithJsonSchema({"type": "string", "pattern": "^schemas/.+\\.json$"})]
Option = Annotated[str, StringConstraints(pattern=rf"^[A-Za-z0-9][A-Za-z0-9_.-]{{0,{NAME_CHARS_MAX - 1}}}$")]
Meaning = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Budget(Declared):
    ledger: Ledger = Field(description="tokens, spend, value or writes", examples=["writes"])
    currency: Currency | None = Field(default=None, description="with spend and value: ISO 4217", examples=["USD"])
    window: Window = Field(default=Window.TOTAL, description="total, minute, hour, day or month (UTC)", examples=["day"])
    limit: Amount | None = Field(default=None, description="with tokens and writes: how many", examples=[600])
    limit_micros: Amount | None = Field(default=None, description="with spend and value: micros of the currency", examples=[20_000_000])

    @property
    def amount(self) -> int:
        amount = self.limit_micros if self.ledger in MONEY else self.limit
        assert amount is not None, "checked when it was read"
        return amount

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.ledger is Ledger.STEPS:
            raise wrong("steps are limited for a run alone", write="Write run: {steps_max: …}.", at=("ledger",))
        if self.ledger in MONEY and (self.currency is None or self.limit_micros is None or self.limit is not None):
            raise wrong(f"{self.ledger} is money", write="Write currency: and limit_micros:, and no limit:.", at=("ledger",))
        if self.ledger not in MONEY and (self.currency is not None or self.limit is None or self.limit_micros is not None):
            raise wrong(f"{self.ledger} is counted", write="Write limit:, and no currency: or limit_micros:.", at=("ledger",))
        return self


Budgets = Annotated[tuple[Budget, ...], Field(max_length=32)]


class Tenant(Declared):
    budgets: Budgets = Field(default=(), description="what all runs of the tenant may use together")


class Run(Declared):
    steps_max: int = Field(ge=1, le=_STEPS_MAX, description="Decide, Commit and RecordStep together", examples=[12])
    wall_ms_max: Annotated[DurationMs, Field(ge=1_000, le=366 * DAY_MS)] = Field(alias="wall_max", description="from its first call", examples=["10m"])
    stops_run: tuple[Literal["POLICY_DENIAL", "BUDGET_LIMIT", "MAX_STEPS", "TIMEOUT"], ...] = Field(
        default=(), description="which of a step's stops also stop the run", examples=[["POLICY_DENIAL", "BUDGET_LIMIT"]]
    )
    budgets: Budgets = Field(default=(), description="what one run may use; without windows")


class Limits(Declared):
    steps_max: int = Field(ge=1, le=100, description="model calls", examples=[4])
    tool_calls_max: int = Field(ge=0, le=100, description="tool calls the model may make", examples=[4])
    tokens_max: int = Field(ge=1, le=_TOKENS_MAX, description="prompt and completion tokens of all calls together", examples=[4_000])
    spend_micros_max: int = Field(ge=0, le=AMOUNT_MAX, description="money, in micros of spend_currency", examples=[2_000])
    spend_currency: Currency = Field(default="USD", description="currency of the models' prices", examples=["USD"])
    wall_ms_max: Annotated[DurationMs, Field(ge=1, le=DECIDE_DEADLINE_S_MAX * 1_000)] = Field(alias="wall_max", description="wall clock", examples=["20s"])


class Step(Declared):
    mode: Mode = Field(description="deterministic: the workflow decides; agentic: the bounded agent does", examples=["deterministic"])
    goal: str = Field(default="", max_length=4_000, description="what the agent is asked", examples=["Pick the cheapest plan that fits the team."])
    context_schema: SchemaFile | None = Field(default=None, description="JSON Schema of the context", examples=["schemas/select_plan.context.json"])
    options: Mapping[Option, Meaning] = Field(
        default={}, max_length=OPTIONS_MAX, description="what may be answered, and what each means", examples=[{"team_pro": "up to 25 seats"}]
    )
    reads: tuple[str, ...] = Field(default=(), max_length=TOOLS_MAX, description="tools fetched before the first model call", examples=[["billing.list_plans"]])
    tools: tuple[str, ...] = Field(default=(), max_length=TOOLS_MAX, description="tools the model may call", examples=[["billing.seat_usage"]])
    models: tuple[str, ...] = Field(default=(), max_length=16, description="in order of preference; none: every model of the settings", examples=[["local"]])
    rationale: Rationale = Field(default=Rationale.AFTER, description="before or after the option, or none", examples=["after"])
    limits: Limits | None = Field(
        default=None,
        description="bounds on thinking",
        examples=[{"steps_max": 4, "tool_calls_max": 4, "tokens_max": 4000, "spend_micros_max": 2000, "wall_max": "20s"}],
    )
    commits: tuple[str, ...] = Field(default=(), max_length=64, description="actions this step may commit", examples=[["activate_plan"]])
    fallback: str = Field(default="", description="the option taken when the agent has none; only where written", examples=["team_basic"])
    decision_ttl_ms: Annotated[DurationMs, Field(ge=1_000, le=DECISION_TTL_MS_MAX)] = Field(
        default=DECISION_TTL_MS_DEFAULT, alias="decision_ttl", description="how long a decision can be used", examples=["15m"]
    )
    votes: int = Field(default=1, ge=1, le=VOTES_MAX, description="ballots over permuted option orders, inside the same limits", examples=[3])
    agreement_min: int | None = Field(
        default=None, ge=1, le=VOTES_MAX, description="ballots that one option needs, else it abstains; more than half of them unless written", examples=[3]
    )
    earlier: tuple[str, ...] = Field(
        default=(), max_length=16, description="steps whose decisions in the same run the agent is told, by name", examples=[["triage"]]
    )
    transcript: Literal["digest", "text"] = Field(
        default="digest", description="text: also kept word for word, redacted, in the folder of the settings", examples=["digest"]
    )
    redact: tuple[Pointer, ...] = Field(
        default=(), max_length=32, description="with transcript: text, values of the context that are hidden in it", examples=[["/customer/name"]]
    )

    @model_validator(mode="after")
    def _fits_its_mode(self) -> Self:
        if self.mode is Mode.DETERMINISTIC:
            extra = sorted(type(self).model_fields[name].alias or name for name in self.model_fields_set - {"mode", "commits"})
            if extra:
                raise wrong("a deterministic step has only mode and commits", write=f"Take {', '.join(extra)} out, or write mode: agentic.", at=(extra[0],))
            return self
        for name, part in (("goal", self.goal), ("options", self.options), ("limits", self.limits)):
            if not part:
                raise wrong(f"an agentic step without {name}", write=f"Write {name}:, or mode: deterministic.", at=("mode",))
        if self.fallback and self.fallback not in self.options:
            raise wrong(f'the fallback "{self.fallback[:64]}" is none of the options', write=f"Write one of {', '.join(self.options)}.", at=("fallback",))
        self._votes_fit()
        if self.redact and self.transcript == "digest":
            raise wrong("nothing is kept that could be redacted", write="Write transcript: text, or take redact out.", at=("redact",))
        return self

    @property
    def agreeing_min(self) -> int:
        """Ballots that one option needs."""
        return self.agreement_min or self.votes // 2 + 1

    def _votes_fit(self) -> None:
        if self.limits and self.votes > self.limits.steps_max:
            message = f"{self.votes} ballots need as many model calls, and steps_max is {self.limits.steps_max}"
            raise wrong(message, write=f"Write limits: {{steps_max: {self.votes}, …}} or more.", at=("votes",))
        if self.agreement_min is not None and self.agreement_min > self.votes:
            raise wrong("more agreement than there are ballots", write=f"Write agreement_min: {self.votes} or less, or more votes.", at=("agreement_min",))


class Workflow(Declared):
    run: Run = Field(description="what one execution may use", examples=[{"steps_max": 12, "wall_max": "10m"}])
    budgets: Budgets = Field(default=(), description="what all its runs may use together")
    steps: Annotated[Mapping[Name, Step], Field(min_length=1, max_length=_MEMBERS_MAX)] = Field(
        description="every step, by name", examples=[{"read_account": {"mode": "deterministic"}}]
    )


class Slot(Declared):
    pointer: Pointer = Field(description="where in the payload", examples=["/account"])
    type: Literal["string", "integer"] = Field(default="string", description="what is there", examples=["string"])


_SLOT_SCHEMA: Final = WithJsonSchema({"anyOf": [Slot.model_json_schema(), {"type": "string", "pattern": "^/"}]})


class Request(Declared):
    method: Literal["POST", "PUT", "PATCH", "DELETE"] = Field(description="of the write", examples=["POST"])
    path: str = Field(max_length=2_000, description="with {slots} as whole segments", examples=["/accounts/{account}/subscriptions"])
    slots: Mapping[str, Annotated[Slot, BeforeValidator(short_slot), _SLOT_SCHEMA]] = Field(
        default={}, max_length=16, description="what fills the holes of the path"
    )

    @model_validator(mode="after")
    def _slots_fit(self) -> Self:
        if not _PATH.fullmatch(self.path) or {".", ".."} & set(self.path.split("/")):
            raise wrong(
                "no path of plain segments and {slots}", write="Write it like /accounts/{account}/subscriptions, each slot a whole segment.", at=("path",)
            )
        holes = _HOLE.findall(self.path)
        for hole in holes:
            if hole not in self.slots or holes.count(hole) > 1:
                raise wrong(f"the path has {{{hole}}}, and slots do not fill it once", write=f"Write slots: {{{hole}: /{hole}}}.", at=("path",))
        for slot in self.slots:
            if slot not in holes:
                raise wrong(f'the slot "{slot[:64]}" is not in the path', write=f"Write {{{slot[:64]}}} in the path, or take the slot out.", at=("slots", slot))
        return self


class Value(Declared):
    currency: Currency = Field(description="ISO 4217", examples=["USD"])
    pointer: Pointer | None = Field(default=None, description="where in the payload the amount stands, in micros", examples=["/amount_micros"])
    amount_micros: Amount | None = Field(default=None, description="or the amount itself, when it is always the same", examples=[99_000_000])

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        if (self.pointer is None) == (self.amount_micros is None):
            raise wrong("a value is read at a pointer, or is one amount", write="Write pointer: /amount_micros, or amount_micros:.", at=("currency",))
        return self


class Cost(Declared):
    value: Value | None = Field(default=None, description="what a write is worth", examples=[{"currency": "USD", "pointer": "/amount_micros"}])
    writes: Annotated[int, Field(ge=1, le=1_000_000)] = Field(default=1, description="how many writes it counts as", examples=[1])


class Action(Declared):
    target: str = Field(description="a target of the settings", examples=["billing"])
    request: Request = Field(description="what is sent", examples=[{"method": "POST", "path": "/subscriptions"}])
    risk: Risk = Field(description="low, medium or high: policy judges by it", examples=["medium"])
    bind: Mapping[Pointer, Literal["option"]] = Field(
        default={}, max_length=16, description="what in the payload must be the decided option", examples=[{"/plan": "option"}]
    )
    cost: Cost = Field(default=Cost(), description="what a write takes from the budgets", examples=[{"writes": 1}])
    payload_schema: SchemaFile | None = Field(default=None, description="JSON Schema of the payload, closed", examples=["schemas/activate_plan.json"])


class Boundary(Declared):
    """What is deterministic, what an agent may decide, and which writes exist at all. Whatever is not declared is refused."""

    version: Literal[1] = Field(description="of this format", examples=[1])
    revision: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$")] = Field(
        default="", description="the author's name for this activation; else taken from its digest", examples=["2026-11-01.1"]
    )
    tenants: Annotated[Mapping[Name, Tenant], Field(min_length=1, max_length=100_000)] = Field(
        description="who is served, and what each may use", examples=[{"acme": {"budgets": []}}]
    )
    workflows: Annotated[Mapping[Name, Workflow], Field(min_length=1, max_length=_MEMBERS_MAX)] = Field(
        description="every workflow and its steps", examples=[{"activate_subscription": {}}]
    )
    actions: Mapping[Name, Action] = Field(default={}, max_length=_MEMBERS_MAX, description="every kind of write", examples=[{"activate_plan": {}}])
