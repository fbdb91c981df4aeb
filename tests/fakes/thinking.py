"""Specs of models and tools on the loopback, for whoever runs the real agent in a test."""

from collections.abc import Mapping
from typing import Final

from gateway.adapters.agent_runner import ModelSpec, Price, SlotSpec, SlotType, Source, ToolSpec

FREE: Final = Price(micros_per_million_in=0, micros_per_million_out=0, as_of="2026-11-01")
ACCOUNT: Final = SlotSpec(source=Source.CONTEXT, type=SlotType.STRING, pointer="/account")


def model_spec(base_url: str, *, name: str = "local", price: Price | None = FREE, model: str = "fake") -> ModelSpec:
    return ModelSpec(name=name, base_url=base_url, model=model, api_key=None, price=price, concurrency_max=4)


def tool_spec(name: str, url_template: str, *, description: str = "a read", slots: Mapping[str, SlotSpec] | None = None) -> ToolSpec:
    return ToolSpec(
        name=name,
        description=description,
        method="GET",
        url_template=url_template,
        slots=slots or {},
        networks=("127.0.0.0/8",),
        timeout_ms=2_000,
        result_bytes_max=32 * 1024,
    )


def billing_tools(origin: str) -> Mapping[str, ToolSpec]:
    """The two reads of the subscription example; the account comes from the context only."""
    return {
        "billing.list_plans": tool_spec("billing.list_plans", f"{origin}/plans", description="the price list"),
        "billing.seat_usage": tool_spec("billing.seat_usage", f"{origin}/accounts/{{account}}/seats", description="seats in use", slots={"account": ACCOUNT}),
    }
