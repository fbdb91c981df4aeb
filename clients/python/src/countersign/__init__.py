"""Countersign for Python: the agent proposes, the workflow disposes, the gateway countersigns.

`connect` gives a `Client`; `Client.run` (a `HybridRun`) walks one execution of a workflow through it.
"""

from countersign.answers import (
    BudgetMovement,
    Commit,
    DecideUsage,
    Decision,
    Evidence,
    Preview,
    ReasonDetail,
    Run,
    RunTrace,
    StepRecorded,
    TraceEntry,
)
from countersign.client import Client, connect
from countersign.codes import DecideStop, DecisionSource, DecisionStatus, EntryKind, Outcome, Reason, Retry, RunStop
from countersign.encoding import DecideLimits
from countersign.errors import CountersignError, FieldViolation, NotOffered, Refused, StepNotCounted, Unclear
from countersign.patience import Clock
from countersign.run import HybridRun

__all__ = [
    "BudgetMovement",
    "Client",
    "Clock",
    "Commit",
    "CountersignError",
    "DecideLimits",
    "DecideStop",
    "DecideUsage",
    "Decision",
    "DecisionSource",
    "DecisionStatus",
    "EntryKind",
    "Evidence",
    "FieldViolation",
    "HybridRun",
    "NotOffered",
    "Outcome",
    "Preview",
    "Reason",
    "ReasonDetail",
    "Refused",
    "Retry",
    "Run",
    "RunStop",
    "RunTrace",
    "StepNotCounted",
    "StepRecorded",
    "TraceEntry",
    "Unclear",
    "connect",
]
