"""The client's lists are the contract's, and what it does not know it does not guess."""

from enum import StrEnum

import pytest
from google.protobuf.descriptor import EnumDescriptor

from countersign import DecideStop, DecisionSource, DecisionStatus, EntryKind, Outcome, Reason, Retry, RunStop
from countersign.codes import code_of, wire_prefix
from countersign.v1 import reason_pb2, types_pb2

LISTS: dict[type[StrEnum], EnumDescriptor] = {
    Outcome: types_pb2.Outcome.DESCRIPTOR,
    Retry: types_pb2.Retry.DESCRIPTOR,
    Reason: reason_pb2.Reason.DESCRIPTOR,
    DecisionStatus: types_pb2.DecisionStatus.DESCRIPTOR,
    DecisionSource: types_pb2.DecisionSource.DESCRIPTOR,
    DecideStop: types_pb2.DecideStop.DESCRIPTOR,
    RunStop: types_pb2.RunStop.DESCRIPTOR,
    EntryKind: types_pb2.EntryKind.DESCRIPTOR,
}


@pytest.mark.parametrize("codes", LISTS, ids=lambda codes: str(codes.__name__))
def test_the_lists_agree(codes: type[StrEnum]) -> None:
    """Name for name, in the order of the contract."""
    wire = LISTS[codes]

    assert [str(code) for code in codes] == [value.name.removeprefix(wire_prefix(wire)) for value in wire.values]
    assert [code_of(codes, wire, value.number) for value in wire.values] == list(codes)


def test_a_number_this_client_does_not_know_is_unspecified() -> None:
    """A newer code is never taken for one of ours."""
    assert code_of(Outcome, types_pb2.Outcome.DESCRIPTOR, 999) is Outcome.UNSPECIFIED
