"""A listener proves something, or the gateway does not start."""

from pathlib import Path

import pytest

from gateway.domain.identity import Caller, Role
from tests.unit.gateway.config.conftest import Load, Refused

UNIX = 'address: "unix:run/workflow/gateway.sock"'
OPS = 'address: "127.0.0.1:7443", tenant: "*", caller: ops, role: operator, auth: token_file, token_file: token'


def test_a_listener_is_an_identity(loaded: Load) -> None:
    """Tenant, caller and role, whatever a message says."""
    workflow, ops = loaded().listeners

    assert workflow.identity == Caller(tenant="acme", name="orders", role=Role.WORKFLOW)
    assert ops.identity == Caller(tenant="*", name="ops", role=Role.OPERATOR)
    assert ops.socket is None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (UNIX, 'address: "0.0.0.0:7000"', "listeners.0.address: host:port proves nothing about who calls"),
        (UNIX, 'address: "127.0.0.1:7443", auth: token_file, token_file: token', "two listeners share 127.0.0.1:7443"),
        (UNIX, 'address: "127.0.0.1"', "neither a unix socket nor host:port"),
        (UNIX, 'address: "127.0.0.1:70000"', "neither a unix socket nor host:port"),
        (UNIX, 'address: ":7000"', "neither a unix socket nor host:port"),
        (UNIX, f'address: "unix:/{"x" * 120}"', "the path of a socket has at most 107 bytes"),
        (UNIX, f"{UNIX}, auth: mtls", "TLS belongs to host:port"),
        (UNIX, f"{UNIX}, auth: token_file", "auth: token_file and token_file go together"),
        (UNIX, f"{UNIX}, token_file: token", "auth: token_file and token_file go together"),
        ("tenant: acme", 'tenant: "*"', "a workflow belongs to one tenant"),
        ("tenant: acme", "tenant: Acme", "a name has lower-case letters"),
        ("role: workflow", "role: admin", "expected 'workflow', 'viewer', 'operator' or 'resolver', seen \"admin\""),
        ("auth: token_file, token_file: token", "auth: mtls", "auth: mtls needs to know the clients' CA"),
        ("127.0.0.1:7443", "10.1.2.3:7443", "a token would cross the network unencrypted"),
        ("name: ops", "name: workflow", 'two listeners are called "workflow"'),
        (OPS, 'address: "unix:run/workflow/ops.sock", tenant: "*", caller: ops, role: operator', 'listener "workflow" has it already'),
        ("store:", 'diagnostics: {address: "127.0.0.1:7443"}\nstore:', "diagnostics shares the address of a listener"),
        ("store:", 'diagnostics: {address: "unix:/run/d.sock"}\nstore:', "probes cannot reach a unix socket"),
    ],
)
def test_what_proves_nothing_is_refused(refused: Refused, old: str, new: str, expected: str) -> None:
    """Each with the way out."""
    (finding,) = refused((old, new))

    assert expected in finding


def test_two_spellings_of_one_socket_are_one_address(refused: Refused) -> None:
    """Dots in the path are resolved before addresses are compared."""
    (finding,) = refused((OPS, 'address: "unix:run/x/../workflow/gateway.sock", tenant: "*", caller: ops, role: operator'))

    assert "two listeners share unix:" in finding


def test_mtls_names_certificate_key_and_ca(loaded: Load, refused: Refused, folder: Path) -> None:
    """The key is a secret; certificates are not."""
    for name in ("server.crt", "server.key", "ca.crt"):
        (folder / name).write_text("-----BEGIN X-----\nAA\n-----END X-----\n")
    (folder / "server.key").chmod(0o600)
    tls = "tls: {cert_file: server.crt, key_file: server.key, client_ca_file: ca.crt}"
    mtls = (OPS, f'address: "10.1.2.3:7443", tenant: "*", caller: ops, role: operator, auth: mtls, {tls}')

    read = loaded(mtls).listeners[1].tls
    (folder / "server.key").chmod(0o644)
    (finding,) = refused(mtls)

    assert read is not None
    assert read.key_file.value.startswith("-----BEGIN X-----\nAA")
    assert "server.key is open to every user" in finding
