"""Usage as one JSON array: seven numbers and names, then the calls as canonical JSON, then the agreement. What older versions wrote ends earlier."""

import json
from dataclasses import asdict
from typing import Final

from gateway.domain.records import Usage
from gateway.domain.thinking import Agreement, calls_json, calls_of

_PLAIN: Final = ("steps", "tool_calls", "tokens_in", "tokens_out", "spend_micros", "wall_ms", "model")


def usage_text(usage: Usage) -> str:
    plain: list[object] = [getattr(usage, name) for name in _PLAIN]
    if usage.calls or usage.agreement:
        plain += [calls_json(usage.calls).decode(), asdict(usage.agreement) if usage.agreement else None]
    return json.dumps(plain, separators=(",", ":"))


def usage_of(text: str) -> Usage:
    plain = json.loads(text)
    named = dict(zip(_PLAIN, plain, strict=False))
    if len(plain) == len(_PLAIN):
        return Usage(**named)
    calls, agreement = plain[len(_PLAIN) :]
    return Usage(**named, calls=calls_of(json.loads(calls)) if calls else (), agreement=Agreement(**agreement) if agreement else None)
