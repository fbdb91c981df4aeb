"""See how well a real model is kept inside its limits: `python -m examples.decisions [--count 210] [--base-url URL]`.

1. Every decision goes through the stages, limits and agent of a real Decide, one after the other; nothing is recorded anywhere.
2. Without `--base-url` the bundled model is started beside it and ended with it. It is tiny: where it errs says nothing about the machinery.
3. Exit code 1 when a single decision was outside one of its limits.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from examples.decisions.cases import TENANT, WORKFLOW, questions
from examples.decisions.tally import Tally
from gateway.adapters.activation import load_activation
from gateway.adapters.agent_runner import AgentRunner
from gateway.adapters.system import SystemClock, SystemIds
from gateway.app.parts import model_spec
from gateway.config import Settings, load
from gateway.domain.boundary import Activation
from gateway.domain.refusal import Refusal
from gateway.service.rehearse import Rehearsal

HERE: Final = Path(__file__).resolve().parent
_READY_S_MAX: Final = 60


@contextmanager
def bundled_model() -> Iterator[str]:
    """The URL of the bundled model, a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        command = [sys.executable, "-m", "examples.local_model", "--port", "0", "--ready-file", str(ready)]
        process = subprocess.Popen(command, cwd=HERE.parents[1], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("ready "):
                sys.exit("the bundled model did not start: is the extra `model` installed?")
            yield line.removeprefix("ready ").strip()
        finally:
            process.terminate()
            process.wait(timeout=_READY_S_MAX)


async def decided(settings: Settings, law: Activation, base_url: str, count: int) -> Tally:
    specs = {name: replace(model_spec(name, one), base_url=base_url) for name, one in settings.models.items()}
    runner, tally = AgentRunner(specs, {}), Tally()
    rehearsal = Rehearsal(activation=law, thinker=runner, clock=SystemClock(), ids=SystemIds())
    for number, question in enumerate(questions(count), 1):
        concluded = await rehearsal.play(question.scene)
        if isinstance(concluded, Refusal):
            sys.exit(f"{question.scene.step}: {concluded.message}")
        tally.add(law.boundary.workflows[WORKFLOW].steps[question.scene.step], concluded, question.label)
        if number % 10 == 0 or number == count:
            print(f"{number} of {count}", file=sys.stderr, flush=True)
    await runner.close()
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description="How well a real model is kept inside its limits.")
    parser.add_argument("--count", type=int, default=210, help="decisions, of the three steps in turn")
    parser.add_argument("--base-url", default="", help="a model server instead of the bundled model")
    options = parser.parse_args()
    settings = load(HERE / "settings.yaml", {})
    law = load_activation(
        HERE / "activation", targets=settings.targets, tools=[], models=[*settings.models], policy_codes=frozenset(), prefetchable=[], tenants=[TENANT]
    )
    if options.base_url:
        tally = asyncio.run(decided(settings, law, options.base_url, options.count))
    else:
        with bundled_model() as base_url:
            tally = asyncio.run(decided(settings, law, base_url, options.count))
    print("\n".join(tally.told()))
    sys.exit(1 if tally.outside else 0)


if __name__ == "__main__":
    main()
