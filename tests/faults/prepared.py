"""What every gateway of a suite would find out about the same policies again is found out once, by the gateway's own code.

1. A nursery learns the policies its settings name; the gateways it forks take what it knows. Others they prepare themselves. No suite changes a policy.
   So with the SDK of a model: a gateway loads it where its settings name one.
2. `spared_s` is what a gateway would have spent on it, and on loading its modules, in seconds of CPU: whoever times a start adds it.
"""

import resource
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from gateway.adapters.opa.check import PreparedPolicies, prepare
from gateway.app import parts
from gateway.config import load


class Prepared:
    def __init__(self) -> None:
        self._loading_s = self.spared_s = _cpu_s()
        self._known: dict[tuple[tuple[Path, ...], Path], PreparedPolicies] = {}
        self._learned: set[Path] = set()

    def learn(self, settings_file: Path) -> None:
        if settings_file in self._learned:
            return
        settings = load(settings_file)
        if settings.models:
            self._load_sdk()
        layers, opa = tuple(parts.policy_layers(settings)), parts.find_opa(settings)
        if (layers, opa) not in self._known:
            before_s = _cpu_s()
            self._known[layers, opa] = prepare(layers, opa=opa)
            self.spared_s = self._loading_s + _cpu_s() - before_s
        self._learned.add(settings_file)

    def _load_sdk(self) -> None:
        before_s = _cpu_s()
        import_module("agent.models.openai_chat")
        self._loading_s += _cpu_s() - before_s

    def prepare(self, layers: Sequence[Path], *, opa: Path) -> PreparedPolicies:
        """Stands in for the gateway's own."""
        known = self._known.get((tuple(layers), opa))
        return prepare(layers, opa=opa) if known is None else known


def _cpu_s() -> float:
    """Of this process and of those it has seen end."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
