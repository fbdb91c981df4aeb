"""A name that one declaration takes from another: where it stands, and of what kind it is. Whoever has the other says whether it is known there."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """`kind` is tenant, workflow, step, action or option. `within` is what it stands under, by kind: a step under its workflow."""

    kind: str
    name: str
    within: Mapping[str, str]
    place: str  # where in the file, for a person: /calendar/activate_plan
    file: str  # the author's path
    line: int  # counts from 1; 0 where there is no one line
