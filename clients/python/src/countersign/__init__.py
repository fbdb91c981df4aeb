"""Countersign for Python: the agent proposes, the workflow disposes, the gateway countersigns.

`connect` gives a `Client`; `Client.run` (a `HybridRun`) walks one execution of a workflow through it.
"""

from countersign.answers import (
    Agreement,
    BudgetMovement,
    Commit,
    DecideUsage,
    Decision,
    Evidence,
    ModelCall,
    Preview,
    ReasonDetail,
    Run,
    RunTrace,
    StepRecorded,
    TraceEntry,
)
from countersign.client import Client, connect
from countersign.codes import CallOutcome, DecideStop, DecisionSource, DecisionStatus, EntryKind, Outcome, Reason, Retry, RunStop
from countersign.encoding import DecideLimits
from countersign.errors import CountersignError, FieldViolation, NotOffered, Refused, StepNotCounted, Unclear
from countersign.patience import Clock
from countersign.run import HybridRun

__all__ = [
    "Agreement",
    "BudgetMovement",
    "CallOutcome",
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
    "ModelCall",
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
