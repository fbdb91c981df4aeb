"""Whatever the HTTP library raises becomes a fault of ours."""

import aiohttp
import pytest
from aiohttp import http_exceptions
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from gateway.adapters.opa.client import ConnectionLost, translated
from gateway.domain.faults import PolicyFault


def every_kind_of(base: type[Exception]) -> list[type[Exception]]:
    found = [base]
    for kind in base.__subclasses__():
        found += every_kind_of(kind)
    return [kind for kind in found if kind.__module__.startswith("aiohttp.")]


def bare(kind: type[Exception]) -> Exception:
    """An instance without running its constructor: only its class matters here."""
    return kind.__new__(kind)


@pytest.mark.parametrize("kind", every_kind_of(aiohttp.ClientError) + every_kind_of(http_exceptions.HttpProcessingError), ids=lambda kind: kind.__name__)
def test_every_error_of_the_library_is_a_policy_fault(kind: type[Exception]) -> None:
    """The classes are walked, so that a new one in the library cannot slip through."""
    with pytest.raises(PolicyFault), translated():
        raise bare(kind)


@pytest.mark.parametrize("kind", [aiohttp.ServerDisconnectedError, aiohttp.ClientConnectorError, aiohttp.ClientOSError, aiohttp.ClientPayloadError])
def test_a_failed_connection_is_known_as_one(kind: type[Exception]) -> None:
    """Only these are worth asking again."""
    with pytest.raises(ConnectionLost), translated():
        raise bare(kind)


def test_what_the_library_does_not_raise_passes_through() -> None:
    """A bug stays a bug."""
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError


def test_a_fault_says_nothing_of_what_was_sent() -> None:
    """The detail names the class of the error alone."""
    request = aiohttp.RequestInfo(URL("http://opa/s3cr3t"), "POST", CIMultiDictProxy(CIMultiDict({"x": "s3cr3t"})), URL("http://opa/s3cr3t"))

    with pytest.raises(PolicyFault) as caught, translated():
        raise aiohttp.ClientResponseError(request, (), message="s3cr3t")

    assert "s3cr3t" not in caught.value.detail
