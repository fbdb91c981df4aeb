"""The kinds of value that declared files are made of, each with its bounds, its way of being written, and an example.

1. Durations are written with a unit (`10m`, `20s`, `250ms`) and kept as integer milliseconds. Money is integer micros.
2. Names are what budgets, halts, policies and metrics refer to: short, lower case, without surprises.
3. `Declared` is the base of every model: frozen, closed, strict. Nothing is coerced, nothing unknown is ignored.
"""

import re
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway.declared.findings import seen
from gateway.domain.limits import NAME_CHARS_MAX

NAME: Final = re.compile(rf"[a-z0-9][a-z0-9_.-]{{0,{NAME_CHARS_MAX - 1}}}")
_DURATION: Final = re.compile(r"([0-9]{1,9}|[0-9]{1,3}(?:_[0-9]{3}){1,2})(ms|s|m|h|d)")
_UNIT_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
DAY_MS: Final = 86_400_000


class Declared(BaseModel):
    """A part of a declared file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=False)


def wrong(message: str, *, write: str, at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """What a validator raises: a sentence, what to write instead, and the part below the model that it is about."""
    return PydanticCustomError("declared", "{message}", {"message": message, "write": write, "at": list(at)})


def duration_ms(value: object) -> int:
    """`10m` to 600000. Raises PydanticCustomError."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise wrong(f"a duration is a whole number and its unit, seen {seen(value)}", write="Write it like 250ms, 20s, 10m, 24h or 30d.")
    return int(found[1]) * _UNIT_MS[found[2]]


def name(value: object) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise wrong(
            "a name has lower-case letters, digits and _ . - and begins with a letter or digit", write=f"Write at most {NAME_CHARS_MAX} of them, like team_pro."
        )
    return value


_DURATION_SCHEMA: Final = WithJsonSchema({"type": "string", "pattern": "^[0-9][0-9_]*(ms|s|m|h|d)$", "examples": ["250ms", "20s", "10m"]})
_NAME_SCHEMA: Final = WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"})

DurationMs = Annotated[int, BeforeValidator(duration_ms), _DURATION_SCHEMA]
Name = Annotated[str, BeforeValidator(name), _NAME_SCHEMA]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(description="ISO 4217 code", examples=["USD"])]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=500)]
