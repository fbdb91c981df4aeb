"""Who may call what: every RPC of the contract, on the listener of every role."""

from pathlib import Path

import grpc
import pytest

from countersign.v1 import audit_pb2, gateway_pb2, operator_pb2
from gateway.domain.identity import ALLOWED, Role, may
from gateway.domain.reasons import Reason
from gateway.transport.server import gateway_methods, operator_methods
from tests.fakes.gateway import gateway
from tests.fakes.served import AUDIT, GATEWAY, OPERATOR, every_role, served, servicers

RPCS = {
    GATEWAY: [method.name for method in gateway_pb2.DESCRIPTOR.services_by_name["GatewayService"].methods],
    OPERATOR: [method.name for method in operator_pb2.DESCRIPTOR.services_by_name["OperatorService"].methods],
    AUDIT: [method.name for method in audit_pb2.DESCRIPTOR.services_by_name["AuditService"].methods],
}
# Written out from the design: a workflow never reaches an operator's method, only a resolver resolves, and who only looks makes nobody send.
ONLY = {
    "Halt": {Role.OPERATOR}, "Resume": {Role.OPERATOR}, "ResolveCommit": {Role.RESOLVER}, "ReconcileCommit": {Role.OPERATOR, Role.RESOLVER},
}  # fmt: skip


def test_every_rpc_of_the_contract_has_a_row_for_every_role() -> None:
    """Descriptors and the table of roles name the same RPCs; names are unique across services."""
    named = [rpc for rpcs in RPCS.values() for rpc in rpcs]

    assert len(named) == len(set(named))
    assert set().union(*ALLOWED.values()) == set(named)
    assert ALLOWED[Role.WORKFLOW] == set(RPCS[GATEWAY])


@pytest.mark.parametrize("rpc", [*RPCS[OPERATOR], *RPCS[AUDIT]])
def test_an_operators_rpc_is_for_the_roles_the_design_names(rpc: str) -> None:
    """Absent means no."""
    expected = ONLY.get(rpc, {Role.VIEWER, Role.OPERATOR, Role.RESOLVER})

    assert {role for role in Role if may(role, rpc)} == expected


async def test_every_rpc_of_the_contract_has_its_method() -> None:
    """A descriptor without a method would be the library's UNIMPLEMENTED."""
    async with gateway() as of:
        parts = servicers(of)

        assert set(gateway_methods(parts.gateway)) == set(RPCS[GATEWAY])
        assert set(operator_methods(parts.operator)) == set(RPCS[OPERATOR])


@pytest.mark.parametrize("role", Role)
async def test_each_listener_answers_exactly_what_its_role_may_call(tmp_path: Path, role: Role) -> None:
    """NOT_ALLOWED for the rest of its services; a service of another role's is not even there."""
    async with gateway() as of, served(of, every_role(tmp_path)) as one:
        seen = {}
        for service, rpcs in RPCS.items():
            for rpc in rpcs:
                refused = await one.refused(role, f"{service}/{rpc}", b"\xff\xff\xff\xff")
                seen[service, rpc] = refused.info.reason if refused.info else refused.code

        served_here = {GATEWAY} if role is Role.WORKFLOW else {OPERATOR, AUDIT}
        for (service, rpc), answered in seen.items():
            if service not in served_here:
                assert answered is grpc.StatusCode.UNIMPLEMENTED
            elif not may(role, rpc):
                assert answered == Reason.NOT_ALLOWED
            else:
                assert answered == (Reason.NOT_BUILT if service == AUDIT else Reason.MALFORMED)
