"""Misbehaviour on demand, for demonstrations and tests. All switches are off when billing starts.

1. A switch says how many of the next writes it strikes (`times`), or strikes until it is turned off.
2. Only a write with a new key is struck; a replay of an ended key and every read are answered as always.
3. `slow` holds a write for at most `ms`, or until the switch is changed or cleared: a test need not wait it out.
"""

import asyncio
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from examples.subscription.billing.orders import Problem, read_object

SLOW_MS_MAX: Final = 600_000


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Switch(_Strict):
    """On. Absent `times` means until turned off."""

    times: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class Slow(Switch):
    ms: Annotated[int, Field(ge=1, le=SLOW_MS_MAX)]


class Fail(Switch):
    status: Annotated[int, Field(ge=400, le=599)]


AnySwitch = TypeVar("AnySwitch", bound=Switch)


class Setting(_Strict):
    """The body of `POST /switches`: each member named is set, `null` turns it off, the others stay."""

    slow: Slow | None = None
    fail: Fail | None = None
    refuse_before_writing: Switch | None = None
    vanish_after_writing: Switch | None = None


class Switches:
    """The present setting, counted down as it strikes."""

    def __init__(self) -> None:
        self._setting = Setting()
        self._changed = asyncio.Event()

    def change(self, body: bytes) -> Problem | None:
        """Set what `body` names; nothing changes when it cannot be read."""
        document = read_object(body)
        if isinstance(document, Problem):
            return document
        try:
            wanted = Setting.model_validate(document)
        except ValidationError as problem:
            places = sorted({".".join(map(str, error["loc"])) for error in problem.errors(include_input=False)})
            return Problem(400, "NOT_A_SETTING", f"wrong at {', '.join(places)}; the switches are {', '.join(Setting.model_fields)}")
        self._replace(self._setting.model_copy(update={name: getattr(wanted, name) for name in wanted.model_fields_set}))
        return None

    def clear(self) -> None:
        self._replace(Setting())

    def shown(self) -> dict[str, object]:
        """What is on, with the strikes left."""
        return self._setting.model_dump(exclude_none=True)

    async def hold(self) -> None:
        """Return at once; where `slow` strikes, when its time is over or the switches change."""
        changed, slow = self._changed, self._setting.slow
        if slow is None:
            return
        self._setting.slow = _after_one_strike(slow)
        try:
            await asyncio.wait_for(changed.wait(), slow.ms / 1000)
        except TimeoutError:
            return

    def fails_with(self) -> int | None:
        """The status to answer without writing, when `fail` strikes."""
        fail = self._setting.fail
        if fail is None:
            return None
        self._setting.fail = _after_one_strike(fail)
        return fail.status

    def refuses(self) -> bool:
        on = self._setting.refuse_before_writing
        if on is not None:
            self._setting.refuse_before_writing = _after_one_strike(on)
        return on is not None

    def vanishes(self) -> bool:
        on = self._setting.vanish_after_writing
        if on is not None:
            self._setting.vanish_after_writing = _after_one_strike(on)
        return on is not None

    def _replace(self, setting: Setting) -> None:
        self._setting = setting
        self._changed.set()
        self._changed = asyncio.Event()


def _after_one_strike(switch: AnySwitch) -> AnySwitch | None:
    if switch.times is None:
        return switch
    return switch.model_copy(update={"times": switch.times - 1}) if switch.times > 1 else None
