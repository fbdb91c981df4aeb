"""What is wrong with a folder of policies, said so that its author can put it right.

1. A finding names the rule it breaks, the file and line where it was seen, what was seen, and what to write instead.
2. `PoliciesRefused` carries every finding at once: one round of repairs, not one per mistake.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`file` is the author's path, `line` counts from 1 (0: the file as a whole, or no one line)."""

    rule: str  # "policy/compile", …: stable, for SARIF and for grepping
    file: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message} [{self.rule}]. {self.remedy}"


class PoliciesRefused(Exception):
    """These policies are not handed to an engine."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = tuple(findings)
