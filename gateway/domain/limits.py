"""Limits on everything. Settings may tighten a limit; this table is the ceiling, and `docs/generated/limits.md` is drawn from it."""

from dataclasses import dataclass
from typing import Final

PAYLOAD_BYTES_MAX: Final = 256 * 1024
CONTEXT_BYTES_MAX: Final = 64 * 1024
WIRE_BYTES_MAX: Final = 1024 * 1024  # documented; our MALFORMED
WIRE_BYTES_CUT: Final = 4 * 1024 * 1024  # the library cuts here, with its own error
KEY_BYTES_MAX: Final = 255
RUN_ID_BYTES_MAX: Final = 128
NAME_CHARS_MAX: Final = 64  # workflow, step, action, option, target, tool, tenant
OPTIONS_MAX: Final = 64
RESPONSE_BYTES_MAX: Final = 64 * 1024
RATIONALE_CHARS_MAX: Final = 500
CALL_DETAIL_CHARS_MAX: Final = 200
VOTES_MAX: Final = 9
TRANSCRIPT_BYTES_MAX: Final = 256 * 1024  # kept of one decision
NOTE_CHARS_MAX: Final = 500
EVIDENCE_CHARS_MAX: Final = 2_000
STEP_RESULT_BYTES_MAX: Final = 16 * 1024
TOOL_RESULT_BYTES_MAX: Final = 32 * 1024
TOOLS_MAX: Final = 32
EXPIRE_MS_MAX: Final = 24 * 3600 * 1000
EXPIRE_MS_DEFAULT: Final = 10 * 60 * 1000
COMMIT_DEADLINE_S_MAX: Final = 120
DECIDE_DEADLINE_S_MAX: Final = 300
READ_DEADLINE_S_MAX: Final = 120
COMMITS_IN_FLIGHT_MAX: Final = 1_000
WAITERS_MAX: Final = 1_000
OPEN_RUNS_MAX: Final = 100_000
DENIALS_PER_S_MAX: Final = 50
BATCH_MAX: Final = 32
AMOUNT_MAX: Final = 10**15
JSON_DEPTH_MAX: Final = 32
JSON_INTEGER_MAX: Final = 2**53
DECISION_TTL_MS_DEFAULT: Final = 15 * 60 * 1000
DECISION_TTL_MS_MAX: Final = 24 * 3600 * 1000
PAGE_SIZE_DEFAULT: Final = 100
PAGE_SIZE_MAX: Final = 500
LEAF_BYTES_MAX: Final = 65_535
VERDICT_AGE_MS_MAX: Final = 1_000
REJUDGE_MAX: Final = 2
CLOCK_SKEW_MS: Final = 5_000  # between our wall clock and a host's
DEADLINE_MARGIN_S_MIN: Final = 0.05
DEADLINE_MARGIN_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Limit:
    """One row of the documented table."""

    what: str
    value: str


TABLE: Final = (
    Limit("payload", f"{PAYLOAD_BYTES_MAX // 1024} KiB"),
    Limit("context", f"{CONTEXT_BYTES_MAX // 1024} KiB"),
    Limit("wire message", f"{WIRE_BYTES_MAX // 1024} KiB documented, {WIRE_BYTES_CUT // 1024} KiB accepted before the library cuts"),
    Limit("idempotency key", f"1 to {KEY_BYTES_MAX} bytes of UTF-8 without control characters"),
    Limit("run id", f"1 to {RUN_ID_BYTES_MAX} bytes of UTF-8 without control characters"),
    Limit("options of a step", f"{OPTIONS_MAX}, of {NAME_CHARS_MAX} characters each"),
    Limit("stored host response", f"{RESPONSE_BYTES_MAX // 1024} KiB"),
    Limit("rationale", f"{RATIONALE_CHARS_MAX} characters"),
    Limit("note of FinishRun, reason of a halt", f"{NOTE_CHARS_MAX} characters"),
    Limit("evidence of ResolveCommit", f"{EVIDENCE_CHARS_MAX} characters"),
    Limit("result of RecordStep", f"{STEP_RESULT_BYTES_MAX // 1024} KiB"),
    Limit("ballots of a step", str(VOTES_MAX)),
    Limit("kept transcript", f"{TRANSCRIPT_BYTES_MAX // 1024} KiB a decision, cut beyond"),
    Limit("tool result", f"{TOOL_RESULT_BYTES_MAX // 1024} KiB"),
    Limit("tools of a step", str(TOOLS_MAX)),
    Limit("expire time", f"{EXPIRE_MS_MAX // 3_600_000} h ahead, default {EXPIRE_MS_DEFAULT // 60_000} min"),
    Limit("deadline (required)", f"Commit {COMMIT_DEADLINE_S_MAX} s, Decide {DECIDE_DEADLINE_S_MAX} s, others {READ_DEADLINE_S_MAX} s; longer is clamped"),
    Limit("commits in flight", f"{COMMITS_IN_FLIGHT_MAX} a gateway, half of that a tenant"),
    Limit("waiters", f"{WAITERS_MAX}, half of that a tenant"),
    Limit("open runs", f"{OPEN_RUNS_MAX} a tenant"),
    Limit("recorded denials", f"{DENIALS_PER_S_MAX} a second a tenant, beyond that TOO_MANY_DENIALS"),
    Limit("members of a store batch", str(BATCH_MAX)),
    Limit("amounts", f"0 to {AMOUNT_MAX}"),
    Limit("JSON depth", str(JSON_DEPTH_MAX)),
    Limit("JSON numbers", f"magnitude at most {JSON_INTEGER_MAX}"),
    Limit("decision lifetime", f"default {DECISION_TTL_MS_DEFAULT // 60_000} min, at most {DECISION_TTL_MS_MAX // 3_600_000} h"),
    Limit("audit leaf", f"{LEAF_BYTES_MAX} bytes"),
    Limit("age of a verdict at T1", f"{VERDICT_AGE_MS_MAX} ms"),
)
