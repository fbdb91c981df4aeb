"""A settings folder that loads, to be broken one part at a time."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import Settings, SettingsRefused, load

GOOD = """\
listeners:
  - {name: workflow, address: "unix:run/workflow/gateway.sock", tenant: acme, caller: orders, role: workflow}
  - {name: ops, address: "127.0.0.1:7443", tenant: "*", caller: ops, role: operator, auth: token_file, token_file: token}
store: {sqlite: {path: var/store.db}}
activation: {path: activation}
targets:
  billing:
    base_url: http://127.0.0.1:9100
    mode: query
    query: {path: "/operations/{key}", enforces_not_after: true}
    networks: [127.0.0.1/32]
tools:
  billing.seats:
    description: Seats in use.
    url: "http://127.0.0.1:9100/accounts/{account}/seats?unit={unit}"
    slots: {account: {from: context, pointer: /account}, unit: {from: model, enum: [month, year]}}
    networks: [127.0.0.1/32]
models:
  local: {base_url: "http://127.0.0.1:8080/v1", model: small}
  large: {base_url: "http://127.0.0.1:8081/v1", model: large}
"""
TOKEN = "0123456789abcdef0123456789abcdef"

Load = Callable[..., Settings]
Refused = Callable[..., list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "activation").mkdir()
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    token.chmod(0o600)
    return tmp_path


@pytest.fixture
def loaded(folder: Path) -> Load:
    """Loads the good settings with replacements of their text, and an environment."""

    def load_with(*replacements: tuple[str, str], environment: dict[str, str] | None = None) -> Settings:
        text = GOOD
        for old, new in replacements:
            assert old in text, f"nothing to replace: {old}"
            text = text.replace(old, new)
        file = folder / "settings.yaml"
        file.write_text(text)
        return load(file, environment or {})

    return load_with


@pytest.fixture
def refused(loaded: Load) -> Refused:
    """The findings about them, without the folder's name."""

    def findings(*replacements: tuple[str, str], environment: dict[str, str] | None = None) -> list[str]:
        with pytest.raises(SettingsRefused) as raised:
            loaded(*replacements, environment=environment)
        return [str(one).split("settings.yaml:")[-1] for one in raised.value.findings]

    return findings
