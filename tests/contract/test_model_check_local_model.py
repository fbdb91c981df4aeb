"""`model check` against a real server: what llama.cpp enforces and what it does not, as the docs say."""

import pytest

from agent.models.check import Rely
from gateway.adapters.agent_runner import probed
from tests.fakes.processes import served
from tests.fakes.thinking import model_spec


@pytest.mark.timeout(300)
async def test_the_bundled_model_keeps_what_matters_and_checks_no_key() -> None:
    """Schema, usage and bounds are real; anybody on the loopback may ask it."""
    with served("examples.local_model", "--port", "0") as url:
        found = {probe.name: probe async for probe in probed(model_spec(url, model="smollm2"))}

    assert len(found) == 8
    assert {name: found[name].rely for name in ("answers", "schema", "usage", "length", "parallel", "repeats itself")} == dict.fromkeys(
        ("answers", "schema", "usage", "length", "parallel", "repeats itself"), Rely.YES
    )
    assert found["wrong key"].rely is Rely.NO
    assert not any(probe.matters and probe.rely is Rely.NO for probe in found.values())
