"""What may be declared of a gRPC target."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.adapters.hosts.grpc_spec import grpc_origin_of
from gateway.adapters.hosts.spec import Origin
from tests.fakes.wire import GRPC_TARGET, grpc_target


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("grpc://127.0.0.1:9000", Origin(tls=False, host="127.0.0.1", port=9000, authority="127.0.0.1:9000")),
        ("grpcs://billing.internal:8443", Origin(tls=True, host="billing.internal", port=8443, authority="billing.internal:8443")),
        ("grpcs://[::1]:8443", Origin(tls=True, host="::1", port=8443, authority="[::1]:8443")),
        ("unix:/run/billing/host.sock", None),
    ],
)
def test_three_kinds_of_address(url: str, origin: Origin | None) -> None:
    """In the clear, with TLS, on this machine."""
    assert grpc_origin_of(grpc_target(url)) == origin


@pytest.mark.parametrize(
    "url",
    [
        "billing:9000", "http://billing:9000", "grpc://billing", "grpc://billing:0", "grpc://billing:99999", "grpc://u:p@billing:9000", "grpc://billing:9000/x",
        "grpc://billing:9000?x=1", "grpc://billing:9000#x", "grpc://bil ling:9000", "grpc://[::1:9000", "grpc://:9000", "unix:run/host.sock", "unix:/",
        "unix:/run/../etc/host.sock", "unix:///run/a b", f"unix:/{'x' * 120}",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_advice(url: str) -> None:
    """The sentence says what to write."""
    with pytest.raises(ValueError, match="write grpcs://host:port"):
        grpc_target(url)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"connect_timeout_ms": 0}, "connect_timeout_ms"),
        ({"call_timeout_ms": 0}, "call_timeout_ms"),
        ({"calls_max": 0}, "calls_max"),
        ({"networks": ()}, "networks is empty"),
        ({"networks": ("10.0.0.1/8",)}, "networks"),
        ({"base_url": "unix:/run/h.sock"}, "a unix socket has none"),
        ({"authorization": "Bearer \n"}, "authorization must be"),
        ({"name": "a\nb"}, "target name"),
    ],
)
def test_a_declaration_that_makes_no_sense(change: dict[str, Any], says: str) -> None:
    """Refused before anything is sent."""
    with pytest.raises(ValueError, match=says):
        replace(GRPC_TARGET, **change)


def test_the_credential_is_not_shown() -> None:
    """Neither by repr nor by an error."""
    assert "s3cret" not in repr(replace(GRPC_TARGET, authorization="Bearer s3cret"))
