"""The declaration of a target: what is taken, and what is refused before anything is sent."""

from dataclasses import replace
from typing import Any, Final

import pytest

from gateway.adapters.hosts.spec import Origin, is_path, origin_of
from gateway.domain.host_answer import HostClass
from tests.fakes.wire import TARGET


@pytest.mark.parametrize(
    ("url", "tls", "host", "port", "authority"),
    [
        ("http://billing", False, "billing", 80, "billing"),
        ("http://billing:8080/", False, "billing", 8080, "billing:8080"),
        ("https://pay.example.com:443", True, "pay.example.com", 443, "pay.example.com"),
        ("https://[::1]:8443", True, "::1", 8443, "[::1]:8443"),
        ("http://my_billing.", False, "my_billing.", 80, "my_billing."),
        ("http://127.0.0.1:80", False, "127.0.0.1", 80, "127.0.0.1"),
    ],
)
def test_origins(url: str, tls: bool, host: str, port: int, authority: str) -> None:  # noqa: FBT001 - parametrised
    """Scheme and authority; the port is left out of Host where it is the scheme's own."""
    assert Origin(tls=tls, host=host, port=port, authority=authority) == origin_of(replace(TARGET, base_url=url))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "billing:8080",
        "ftp://billing",
        "http://",
        "http://billing/api",
        "http://billing?x",
        "http://billing#x",
        "http://user:secret@billing",
        "http://billing:0",
        "http://billing:99999",
        "http://bill ing",
        "http://billing\r\nX: y",
        "http://-billing",
        "http://bürge",
        "http://[::1",
        "http://billing:eighty",
        "http://" + "a" * 64,
        "http://" + "a" * 254,
    ],
)
def test_base_urls_that_are_refused(url: str) -> None:
    """A path would be one that no policy saw."""
    with pytest.raises(ValueError, match="billing: base_url"):
        replace(TARGET, base_url=url)


BAD: Final[dict[str, dict[str, Any]]] = {
    "connect_timeout_ms": {"connect_timeout_ms": 0},
    "send_timeout_ms": {"send_timeout_ms": -1},
    "read_timeout_ms": {"read_timeout_ms": 0},
    "idle_ms_max": {"idle_ms_max": 0},
    "pool_max": {"pool_max": 0},
    "networks is empty": {"networks": ()},
    "networks: 10.0.0.1/8": {"networks": ("10.0.0.1/8",)},
    "target name": {"name": ""},
    "authorization": {"authorization": "Bearer a\r\nX: y"},
    "query_path belongs": {"mode": "query", "query_path": None},
    "and mode query needs": {"mode": "dedupe", "query_path": "/operations/{key}"},
    "write a path with one": {"mode": "query", "query_path": "/operations"},
    "like /operations": {"mode": "query", "query_path": "/{key}/{key}"},
    "overrides": {"overrides": {99: HostClass.FAILED}},
}


@pytest.mark.parametrize("says", BAD)
def test_declarations_that_are_refused(says: str) -> None:
    """The error names the field."""
    with pytest.raises(ValueError, match=says):
        replace(TARGET, **BAD[says])


def test_the_credential_is_shown_nowhere() -> None:
    """Neither by repr nor by the error that refuses it."""
    with pytest.raises(ValueError, match="authorization") as refused:
        replace(TARGET, authorization="s3cret\n")

    assert "s3cret" not in str(refused.value)
    assert "s3cret" not in repr(replace(TARGET, authorization="Bearer s3cret"))


def test_paths() -> None:
    """Absolute, percent-encoded, no fragment, no dot segment."""
    good = ("/", "/a/b", "/a%20b", "/a?x=1&y=..", "/a.b/.well-known", "/a/...", "/~a:b@c;d=e,f")
    bad = ("", "a", "/a b", "/a#b", "/a%2", "/a%zz", "/a/../b", "/a/.", "/./a", "/ä", "/a\n", "/a\x00", '/"', "/" + "a" * 9_000)

    assert ([True] * len(good), [False] * len(bad)) == ([is_path(path) for path in good], [is_path(path) for path in bad])
