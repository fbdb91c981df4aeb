"""The task every test of the agent varies: the plan for a team of twelve."""

from collections.abc import Mapping
from typing import Final

from agent.task import Limits, ModelCard, Price, RationaleOrder, Task, ToolCard
from agent.tools.spec import SlotSpec, SlotType, Source, ToolSpec

OPTIONS: Final = {"team_pro": "up to 25 seats", "enterprise": "up to 500 seats"}
FREE: Final = Price(micros_per_million_in=0, micros_per_million_out=0, as_of="2026-11-01")
DEAR: Final = Price(micros_per_million_in=1_000_000, micros_per_million_out=2_000_000, as_of="2026-11-01")  # a micro a token in, two out
SEATS: Final = ToolCard(name="billing.seat_usage", description="seats in use", slots={})
CITY: Final = SlotSpec(source=Source.MODEL, type=SlotType.STRING, enum=("Oslo", "Lima"))
COUNT: Final = SlotSpec(source=Source.MODEL, type=SlotType.INTEGER)
WEATHER: Final = ToolCard(name="weather", description="a forecast", slots={"city": CITY, "days": COUNT})
ACCOUNT: Final = SlotSpec(source=Source.CONTEXT, type=SlotType.STRING, pointer="/account")


def card(name: str = "local", *, price: Price | None = FREE, strict: bool = False) -> ModelCard:
    return ModelCard(name=name, price=price, completion_tokens_max=200, strict_schema=strict)


def limits(*, steps_max: int = 4, tool_calls_max: int = 4, tokens_max: int = 8_000, spend_micros_max: int | None = None, wall_ms_max: int = 20_000) -> Limits:
    return Limits(steps_max=steps_max, tool_calls_max=tool_calls_max, tokens_max=tokens_max, spend_micros_max=spend_micros_max, wall_ms_max=wall_ms_max)


LIMITS: Final = limits()


def task(
    *,
    options: Mapping[str, str] = OPTIONS,
    context: Mapping[str, object] | None = None,
    reads: tuple[str, ...] = (),
    tools: tuple[ToolCard, ...] = (),
    models: tuple[ModelCard, ...] | None = None,
    rationale: RationaleOrder = RationaleOrder.AFTER,
    within: Limits = LIMITS,
    deadline_s: float = 1e12,
) -> Task:
    return Task(
        decision_id="d-1",
        goal="Pick the cheapest plan that fits the team.",
        options=options,
        context={"account": "harbour", "team_size": 12} if context is None else context,
        reads=reads,
        tools=tools,
        models=(card(),) if models is None else models,
        rationale=rationale,
        limits=within,
        deadline_s=deadline_s,
        traceparent="",
    )


def tool_spec(
    url_template: str,
    *,
    slots: Mapping[str, SlotSpec] | None = None,
    name: str = "billing.seat_usage",
    method: str = "GET",
    networks: tuple[str, ...] = ("127.0.0.0/8",),
    timeout_ms: int = 2_000,
    result_bytes_max: int = 1_000,
    authorization: str | None = None,
) -> ToolSpec:
    return ToolSpec(
        name=name,
        description="seats in use",
        method=method,
        url_template=url_template,
        slots=slots or {},
        networks=networks,
        timeout_ms=timeout_ms,
        result_bytes_max=result_bytes_max,
        authorization=authorization,
    )
