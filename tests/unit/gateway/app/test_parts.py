"""What settings become: everything that can be declared of a model or a tool arrives at the part that was made for it."""

from dataclasses import fields
from pathlib import Path

import pytest

from gateway.adapters.agent_runner import ModelSpec, Price, SlotSpec, SlotType, Source, ToolSpec
from gateway.app import parts
from gateway.config import Settings, SettingsRefused, load

SETTINGS = """\
listeners: [{name: workflow, address: "unix:run/gateway.sock", tenant: acme, caller: orders, role: workflow}]
store: {sqlite: {path: var/store.db}}
activation: {path: activation}
tools:
  billing.seats:
    description: Seats in use.
    method: HEAD
    url: "https://billing.internal/accounts/{account}/seats"
    slots: {account: {from: context, pointer: /account}}
    networks: [10.20.0.0/16]
    timeout: 7s
    result_bytes_max: 99
    fresh_for: 60s
    ca_file: ca.crt
    authorization_file: secret
models:
  large:
    base_url: https://models.internal/v1
    model: large-2
    api_key_file: secret
    price: {in_micros_per_million: 3, out_micros_per_million: 5, currency: USD, as_of: 2026-11-01}
    concurrency_max: 2
    queue_max: 3
    answer_timeout: 9s
    put_aside: 11s
    completion_tokens_max: 4000
    greedy: false
    strict_schema: true
    ca_file: ca.crt
  small: {base_url: "http://127.0.0.1:8080/v1", model: small}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "activation").mkdir()
    (tmp_path / "ca.crt").write_text("PEM")
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    secret.chmod(0o600)
    (tmp_path / "settings.yaml").write_text(SETTINGS)
    return load(tmp_path / "settings.yaml", {})


def test_everything_declared_of_a_model_arrives(settings: Settings, tmp_path: Path) -> None:
    """Each field of the agent's own word for a model can be set, and what is not said keeps its default."""
    large, small = (parts.model_spec(name, settings.models[name]) for name in ("large", "small"))

    assert large == ModelSpec(
        name="large", base_url="https://models.internal/v1", model="large-2", api_key="s3cret", concurrency_max=2, queue_max=3, answer_ms_max=9_000,
        price=Price(micros_per_million_in=3, micros_per_million_out=5, as_of="2026-11-01"), aside_ms=11_000, completion_tokens_max=4_000, greedy=False,
        strict_schema=True, ca_file=str(tmp_path / "ca.crt"),
    )  # fmt: skip
    assert small == ModelSpec(name="small", base_url="http://127.0.0.1:8080/v1", model="small", api_key=None, price=None, concurrency_max=4)
    assert [one.name for one in fields(ModelSpec) if getattr(large, one.name) == getattr(small, one.name)] == []


def test_everything_declared_of_a_tool_arrives(settings: Settings, tmp_path: Path) -> None:
    """The certificate authority and the credential too."""
    slot = SlotSpec(source=Source.CONTEXT, type=SlotType.STRING, pointer="/account")

    assert parts.tool_specs(settings) == {
        "billing.seats": ToolSpec(
            name="billing.seats", description="Seats in use.", method="HEAD", url_template="https://billing.internal/accounts/{account}/seats",
            slots={"account": slot}, networks=("10.20.0.0/16",), timeout_ms=7_000, result_bytes_max=99, fresh_ms=60_000, ca_file=str(tmp_path / "ca.crt"),
            authorization="s3cret",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("wrong", ["completion_tokens_max: 0", "completion_tokens_max: 100001", "greedy: 1", "strict_schema: maybe", "ca_file: gone.crt"])
def test_what_a_model_cannot_be_is_refused_at_its_line(settings: Settings, tmp_path: Path, wrong: str) -> None:
    """Before anything starts."""
    del settings
    key = wrong.split(":", maxsplit=1)[0]
    (tmp_path / "settings.yaml").write_text(SETTINGS.replace("model: small}", f"model: small, {wrong}}}"))

    with pytest.raises(SettingsRefused, match=rf"settings.yaml:30:\d+: models.small.{key}"):
        load(tmp_path / "settings.yaml", {})
