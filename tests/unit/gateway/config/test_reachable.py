"""Targets and models: what they are, and what is refused before anything is sent."""

from datetime import date
from pathlib import Path

import pytest

from gateway.domain.host_answer import HostClass
from gateway.domain.targets import HostMode
from tests.unit.gateway.config.conftest import Load, Refused

QUERY = 'mode: query\n    query: {path: "/operations/{key}", enforces_not_after: true}'


def test_a_target_carries_what_the_host_client_needs(loaded: Load, folder: Path) -> None:
    """Times in milliseconds, overrides by number, the credential from its file."""
    (folder / "cred").write_text("Bearer abc\n")
    (folder / "cred").chmod(0o600)
    target = loaded(
        (
            "networks: [127.0.0.1/32]\ntools",
            "networks: [127.0.0.1/32]\n    authorization_file: cred\n    read_timeout: 750ms\n    overrides: {409: FAILED}\ntools",
        )
    ).targets["billing"]

    assert target.mode is HostMode.QUERY
    assert target.query is not None
    assert target.query.enforces_not_after is True
    assert (target.connect_timeout_ms, target.read_timeout_ms) == (2_000, 750)
    assert dict(target.overrides) == {409: HostClass.FAILED}
    assert target.authorization is not None
    assert target.authorization.value == "Bearer abc"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (QUERY, "mode: query", "mode query without query:"),
        (QUERY, "mode: dedupe", "mode dedupe without dedupe:"),
        (QUERY, "mode: none\n    dedupe: {retention: 24h}", "dedupe: belongs to mode dedupe"),
        (QUERY, "mode: maybe", "expected 'dedupe', 'query' or 'none'"),
        (QUERY, "mode: dedupe\n    dedupe: {retention: 1s}", "expected at least 60000, seen 1000"),
        ('"/operations/{key}"', "/operations", "expected a path with {key} once"),
        ('"/operations/{key}"', '"/operations/{key}/{key}"', "expected a path with {key} once"),
        ("http://127.0.0.1:9100\n", "ftp://127.0.0.1\n", "expected scheme, host and port alone"),
        ("http://127.0.0.1:9100\n", "http://127.0.0.1:9100/api\n", "expected scheme, host and port alone"),
        ("http://127.0.0.1:9100\n", "http://[::1\n", "expected scheme, host and port alone"),
        ("http://127.0.0.1:9100\n", "http://billing:0\n", "expected scheme, host and port alone"),
        ("[127.0.0.1/32]\ntools", "[]\ntools", "no network is named"),
        ("[127.0.0.1/32]\ntools", "[127.0.0.1/8]\ntools", "127.0.0.1/8 has host bits set"),
        ("[127.0.0.1/32]\ntools", "[127.0.0.1/32]\n    overrides: {99: FAILED}\ntools", "no HTTP status"),
        ("[127.0.0.1/32]\ntools", "[127.0.0.1/32]\n    read_timeout: 3m\ntools", "expected at most 120000, seen"),
        ("model: small", "model: small, price: {in_micros_per_million: 1}", '"out_micros_per_million" is missing in models.local.price'),
        ('base_url: "http://127.0.0.1:8080/v1"', 'base_url: "http://127.0.0.1:8080/v1?x=1"', "the address of an API has no query"),
        ("http://127.0.0.1:9100\n", "http://bil_ling\n", "expected scheme, host and port alone"),
        ('"/operations/{key}"', '"/operations/../{key}"', "expected a path with {key} once"),
        ('"/operations/{key}"', '"/operations/%zz/{key}"', "expected a path with {key} once"),
        ('base_url: "http://127.0.0.1:8080/v1"', 'base_url: "http://u:secret@127.0.0.1/v1"', "expected an http or https address without credentials"),
    ],
)
def test_what_cannot_be_meant_is_refused(refused: Refused, old: str, new: str, expected: str) -> None:
    """Before anything is sent; and a credential in an address is not repeated."""
    findings = refused((old, new))

    assert expected in findings[0]
    assert "secret" not in findings[0]


def test_a_key_is_one_word(refused: Refused, folder: Path) -> None:
    """Somebody wrote the whole header into it."""
    (folder / "key").write_text("Bearer abc\n")
    (folder / "key").chmod(0o600)

    (finding,) = refused(("model: small", "model: small, api_key_file: key"))

    assert finding.endswith("key has a space inside. Write the key alone, without a scheme in front of it.")


def test_a_price_has_a_day(loaded: Load) -> None:
    """Money is bounded by what was looked up, when."""
    price = "price: {in_micros_per_million: 150_000, out_micros_per_million: 600_000, currency: USD, as_of: 2026-11-01}"
    models = loaded(("model: small", f"model: small, {price}")).models

    assert models["local"].price is not None
    assert models["local"].price.as_of == date(2026, 11, 1)
    assert models["large"].price is None


GRPC = "mode: query\n    kind: grpc\n    query: {enforces_not_after: true}"


@pytest.mark.parametrize("address", ["grpc://127.0.0.1:9100", "grpcs://billing.internal:8443", "grpcs://[::1]:8443"])
def test_a_grpc_target(loaded: Load, address: str) -> None:
    """Its scheme says whether it is spoken to in the clear; a query has no path."""
    target = loaded((QUERY, GRPC), ("http://127.0.0.1:9100\n", f"{address}\n")).targets["billing"]

    assert (target.kind, target.base_url) == ("grpc", address)
    assert target.query is not None
    assert target.query.path is None


def test_a_grpc_target_on_a_unix_socket(loaded: Load) -> None:
    """No networks: the folder is what guards it."""
    target = loaded((QUERY, GRPC), ("http://127.0.0.1:9100\n", "unix:/run/billing/host.sock\n"), ("    networks: [127.0.0.1/32]\ntools", "tools")).targets[
        "billing"
    ]

    assert (target.base_url, target.networks) == ("unix:/run/billing/host.sock", ())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([(QUERY, GRPC)], "a target of kind grpc is not spoken to at http:"),
        ([("http://127.0.0.1:9100\n", "grpc://127.0.0.1:9100\n")], "a target of kind http is not spoken to at grpc:"),
        ([(QUERY, GRPC), ("http://127.0.0.1:9100\n", "unix:/run/h.sock\n")], "a unix socket has no networks"),
        ([(QUERY, GRPC), ("http://127.0.0.1:9100\n", "unix:run/h.sock\n")], "expected the path of a socket"),
        ([(QUERY, GRPC), ("http://127.0.0.1:9100\n", "grpc://127.0.0.1\n")], "expected scheme, host and port alone"),
        ([(QUERY, GRPC), ("http://127.0.0.1:9100\n", "grpc://u:secret@billing:1\n")], "expected scheme, host and port alone"),
        ([(QUERY, GRPC), ("http://127.0.0.1:9100\n", "grpc://billing:70000\n")], "expected scheme, host and port alone"),
        ([(QUERY, QUERY + "\n    kind: grpc"), ("http://127.0.0.1:9100\n", "grpc://127.0.0.1:1\n")], "a gRPC target is asked by its Query"),
        ([(QUERY, GRPC + "\n    overrides: {409: FAILED}"), ("http://127.0.0.1:9100\n", "grpc://127.0.0.1:1\n")], "overrides are by HTTP status"),
        ([(QUERY, "mode: query\n    query: {enforces_not_after: true}")], "a query over HTTP has a path"),
        ([("    networks: [127.0.0.1/32]\ntools", "tools")], "no network is named"),
    ],
)
def test_what_a_kind_cannot_be(refused: Refused, changes: list[tuple[str, str]], expected: str) -> None:
    """Address, networks, query and overrides are of the target's kind; a credential in an address is not repeated."""
    findings = refused(*changes)

    assert expected in findings[0]
    assert "secret" not in "".join(findings)


def test_a_models_door_is_bounded_and_has_defaults(loaded: Load, refused: Refused) -> None:
    """How many ask at once and wait, how long one may take, how long a failed one is left alone."""
    model = loaded().models["large"]
    (finding,) = refused(("model: small", "model: small, answer_timeout: 6m"))

    assert (model.concurrency_max, model.queue_max, model.answer_timeout_ms, model.put_aside_ms) == (4, 64, 60_000, 30_000)
    assert "models.local.answer_timeout: expected at most 300000" in finding
