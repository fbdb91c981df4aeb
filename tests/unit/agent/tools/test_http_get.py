"""One GET against a real server: bounded, checked, never led on."""

import asyncio
import gzip
import ssl
from dataclasses import replace

from aiohttp import web

from agent.tools.http_get import HttpTool, Result
from agent.tools.spec import ToolSpec
from tests.fakes.tool_host import ToolHost
from tests.fakes.wire import AUTHORITY_PEM, HOST_PEM
from tests.unit.agent.made import ACCOUNT, tool_spec


async def got(spec: ToolSpec) -> Result:
    return await HttpTool(spec).call(args={}, context={"account": "har/bour"}, traceparent="")


async def test_a_page_is_read_as_it_is() -> None:
    """Its bytes, its path encoded once, nothing of ours beside the declared headers."""
    async with ToolHost({"/accounts/har%2Fbour/seats?x=1": b'{"seats": 12}'}) as host:
        spec = tool_spec(f"{host.origin}/accounts/{{account}}/seats?x=1", slots={"account": ACCOUNT}, authorization="Bearer reader")
        result = await got(spec)

    assert result == Result(arguments={"account": "har/bour"}, body=b'{"seats": 12}', note="", ok=True)
    assert host.paths == ["GET /accounts/har%2Fbour/seats?x=1"]
    assert host.headers[0]["Authorization"] == "Bearer reader"
    assert set(host.headers[0]) == {"Host", "Accept", "Accept-Encoding", "User-Agent", "Authorization", "Connection"}


async def test_another_status_says_so_and_shows_nothing() -> None:
    """An error page is not a result."""
    async with ToolHost({}) as host:
        result = await got(tool_spec(f"{host.origin}/missing"))

    assert result == Result(arguments={}, body=b"", note="it answered HTTP 404", ok=False)


async def test_a_redirect_is_not_followed() -> None:
    """Wherever it leads."""

    async def elsewhere(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/other"})

    async with ToolHost({"/plans": elsewhere, "/other": b"secret"}) as host:
        result = await got(tool_spec(f"{host.origin}/plans"))

    assert result.note == "it answered HTTP 302"
    assert host.paths == ["GET /plans"]


async def test_an_endless_page_is_read_to_its_cap() -> None:
    """The rest is never taken in, and the result says that it is cut."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)

    async with ToolHost({"/plans": endless}) as host:
        result = await got(tool_spec(f"{host.origin}/plans"))

    assert result == Result(arguments={}, body=b"x" * 1_000, note="cut off at 1000 bytes", ok=False)


async def test_a_page_of_exactly_the_cap_is_whole() -> None:
    """The other side of the bound."""
    async with ToolHost({"/plans": b"x" * 1_000}) as host:
        result = await got(tool_spec(f"{host.origin}/plans"))

    assert (len(result.body), result.ok) == (1_000, True)


async def test_a_silent_server_ends_at_the_tools_own_timeout() -> None:
    """As a result, not as an error."""

    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with ToolHost({"/plans": silent}) as host:
        result = await got(tool_spec(f"{host.origin}/plans", timeout_ms=50))

    assert result == Result(arguments={}, body=b"", note="no answer within 50 ms", ok=False)


async def test_a_compressed_page_is_refused() -> None:
    """A small body could be a large one."""

    async def zipped(_: web.Request) -> web.StreamResponse:
        return web.Response(body=gzip.compress(b"x" * 10_000_000), headers={"Content-Encoding": "gzip"})

    async with ToolHost({"/plans": zipped}) as host:
        result = await got(tool_spec(f"{host.origin}/plans"))

    assert (result.body, result.ok) == (b"", False)
    assert "compressed" in result.note


async def test_half_a_page_is_no_page() -> None:
    """A broken body is told, not shown."""

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"x" * 50)
        assert request.transport is not None
        request.transport.close()
        return response

    async with ToolHost({"/plans": half}) as host:
        result = await got(tool_spec(f"{host.origin}/plans"))

    assert result == Result(arguments={}, body=b"", note="no whole answer came (ClientPayloadError)", ok=False)


async def test_a_head_is_answered_by_its_status() -> None:
    """There is no body to show."""
    async with ToolHost({"/plans": b"body"}) as host:
        result = await got(tool_spec(f"{host.origin}/plans", method="HEAD"))

    assert result == Result(arguments={}, body=b"", note="it answered HTTP 200", ok=True)
    assert host.paths == ["HEAD /plans"]


async def test_an_address_outside_the_networks_is_never_connected_to() -> None:
    """Checked before the first packet."""
    async with ToolHost({"/plans": b"secret"}) as host:
        by_address = await got(tool_spec(f"{host.origin}/plans", networks=("10.0.0.0/8",)))
        by_name = await got(tool_spec(f"http://localhost:{host.port}/plans", networks=("10.0.0.0/8",)))

    assert "outside the tool's networks" in by_address.note
    assert "outside the tool's networks" in by_name.note
    assert host.paths == []


async def test_a_name_is_connected_to_where_it_was_checked() -> None:
    """Its host header stays the name."""
    async with ToolHost({"/plans": b"[]"}) as host:
        result = await got(tool_spec(f"http://localhost:{host.port}/plans", networks=("127.0.0.0/8", "::1/128")))

    assert result.ok
    assert host.headers[0]["Host"] == f"localhost:{host.port}"


async def test_a_certificate_is_checked_against_the_name_and_the_declared_ca() -> None:
    """Though the connection goes to an address: another CA or another name ends it before anything is asked."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(HOST_PEM)

    async with ToolHost({"/plans": b"[]"}, tls) as host:
        spec = tool_spec(f"{host.origin}/plans", networks=("127.0.0.0/8", "::1/128"))
        right = await got(replace(spec, ca_file=str(AUTHORITY_PEM)))
        no_ca = await got(spec)
        another = await got(replace(spec, ca_file=str(AUTHORITY_PEM), url_template=f"https://localhost:{host.port}/plans"))

    assert (right.ok, no_ca.ok, another.ok) == (True, False, False)
    assert host.paths == ["GET /plans"]


async def test_nobody_listens() -> None:
    """A refused connection is a result."""
    async with ToolHost({}) as host:
        gone = tool_spec(f"{host.origin}/plans")

    result = await got(gone)

    assert result == Result(arguments={}, body=b"", note="no whole answer came (ClientConnectorError)", ok=False)


async def test_a_context_that_lacks_the_argument_calls_nothing() -> None:
    """Said by the pointer."""
    async with ToolHost({}) as host:
        result = await HttpTool(tool_spec(f"{host.origin}/{{account}}", slots={"account": ACCOUNT})).call(args={}, context={}, traceparent="")

    assert result.note == "it was not called: context /account must be a string of 1 to 128 characters"
    assert host.paths == []


async def test_a_broken_connection_is_not_tried_again() -> None:
    """One call, one request."""

    async def broken(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with ToolHost({"/plans": broken}) as host:
        result = await got(tool_spec(f"{host.origin}/plans"))

    assert not result.ok
    assert host.paths == ["GET /plans"]
