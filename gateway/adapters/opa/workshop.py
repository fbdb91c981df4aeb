"""The folder a check works in: the author's snapshot, our bundle, schemas and capabilities, side by side under short names.

1. OPA is run in this folder and names files relative to it; `finding` turns such a name back into the author's own path.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.adapters.opa.command import OpaCommand
from gateway.adapters.opa.findings import Finding
from gateway.adapters.opa.snapshot import Snapshot

AUTHORS: Final = "bundle"
OWN: Final = "own"
SCHEMAS: Final = "schemas"
CAPABILITIES: Final = "capabilities.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    snapshot: Snapshot
    command: OpaCommand
    folder: Path

    def finding(self, rule: str, file: str, line: int, message: str, remedy: str) -> Finding:
        """`file` as OPA names it: relative to the workshop, or absolute."""
        name = file.removeprefix(f"{self.folder}/").removeprefix(f"{AUTHORS}/")
        known = self.snapshot.find(name)
        return Finding(rule=rule, file=str(known.source) if known else name, line=line, message=message, remedy=remedy)
