"""Every stage has its mirror test, and every reason its row everywhere it must stand."""

import re
from enum import StrEnum
from pathlib import Path

import pytest
from google.protobuf.descriptor import EnumDescriptor

from countersign.v1 import reason_pb2, types_pb2
from gateway.domain.audit import EntryKind
from gateway.domain.reasons import TABLE, DecideStop, Kind, Reason, RunStop
from gateway.domain.thinking import CallOutcome
from gateway.transport.status import CODES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("stage", sorted(path.stem for path in (ROOT / "gateway/stages").glob("*.py") if path.stem != "__init__"))
def test_every_stage_has_its_mirror(stage: str) -> None:
    """A stage without a test of its own is a stage nobody broke on purpose."""
    mirror = ROOT / f"tests/unit/gateway/stages/test_{stage}.py"

    assert mirror.exists(), f"write {mirror.relative_to(ROOT)}"


def test_reasons_agree_with_the_wire() -> None:
    """One vocabulary: the domain's and the proto's."""
    wire = {name.removeprefix("REASON_") for name in reason_pb2.Reason.DESCRIPTOR.values_by_name} - {"UNSPECIFIED"}

    assert wire == {reason.value for reason in Reason}


@pytest.mark.parametrize(
    ("enum", "prefix", "ours"),
    [
        (types_pb2.DecideStop.DESCRIPTOR, "DECIDE_STOP_", DecideStop),
        (types_pb2.RunStop.DESCRIPTOR, "RUN_STOP_", RunStop),
        (types_pb2.EntryKind.DESCRIPTOR, "ENTRY_KIND_", EntryKind),
        (types_pb2.CallOutcome.DESCRIPTOR, "CALL_OUTCOME_", CallOutcome),
    ],
)
def test_closed_lists_agree_with_the_wire(enum: EnumDescriptor, prefix: str, ours: type[StrEnum]) -> None:
    """Every closed list stands once on the wire, under the same names."""
    names = {name.removeprefix(prefix) for name in enum.values_by_name} - {"UNSPECIFIED"}

    assert names == {member.value for member in ours}


def test_every_reason_has_its_row() -> None:
    """The table is complete, and a refusal, and only a refusal, has a status."""
    refusals = {reason for reason, row in TABLE.items() if row.kind is Kind.REFUSAL}

    assert set(TABLE) == set(Reason)
    assert set(CODES) == refusals
    assert {reason for reason, row in TABLE.items() if row.status != "OK"} == refusals


def test_every_reason_has_a_case() -> None:
    """A reason that no test provokes may be unreachable, or wrong."""
    reserved = {Reason.APPROVAL_REJECTED, Reason.APPROVAL_EXPIRED, Reason.KEY_RETIRED}
    texts = "\n".join(path.read_text() for pattern in ("*.py", "*.yaml") for path in (ROOT / "tests").rglob(pattern) if path != Path(__file__))
    without = [reason for reason in Reason if reason not in reserved and not re.search(rf"\b{reason}\b", texts)]

    assert without == []
