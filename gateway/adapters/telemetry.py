"""structlog as JSON lines on stdout. Event names are a closed list; no payload, no prompt, no secret ever becomes a field.

1. `EVENTS` is the list: logging another name is a bug.
2. Only fields of `FIELDS` are written; anything else is dropped and said so, so that a careless call cannot leak.
"""

import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

EVENTS: Final = frozenset({
    "starting", "serving", "stopping", "stopped", "refused_to_start", "recovered", "activated", "fault", "bug", "engine", "kept_work_broke",
    "reconciler_ended", "collector_ended", "store_failed", "call", "tool_disabled", "tool_enabled", "tool_unseen", "transcript_lost",
    "outcome_not_recorded",
})  # fmt: skip
FIELDS: Final = frozenset({
    "event", "level", "timestamp", "version", "listener", "address", "role", "tenant", "method", "detail", "reason", "activation", "revision",
    "commits", "decisions", "path", "grace_s", "left", "trace", "message", "boot_id", "where", "tool", "commit_id",
})  # fmt: skip
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(level: str) -> None:
    """Once, at the start of the process. `level` is one of debug, info, warning, error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_declared,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )


def log() -> structlog.typing.FilteringBoundLogger:
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


def _only_declared(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    del logger, name
    assert event["event"] in EVENTS, f"{event['event']!r} is not on the list of events"
    dropped = event.keys() - FIELDS
    for field in dropped:
        del event[field]
    if dropped:
        event["message"] = f"{len(dropped)} undeclared fields dropped"
    return event
