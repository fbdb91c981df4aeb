"""The connections to one gRPC target: made, kept, closed. A line is a channel that is connected, and will never connect again for us.

1. Connecting is a phase of its own, with its own time: a channel that is not ready within it is closed, and nothing was sent.
2. The library resolves no name. We resolve it, check every address against the declared networks, and give it those addresses.
3. The library sends nothing again (`enable_retries` 0), takes no proxy and no service config, and shares no connection with another channel.
4. A target of mode `none` gets a fresh line for every call; others share one, while it is ready, has not idled too long and answers: a host that is
   parted from us leaves it ready for minutes, and each call on it would be one more that nobody knows about.
5. A line that is done with is closed when its last call has ended.
"""

import asyncio
import ssl
from pathlib import Path
from typing import Final

import grpc
import grpc.aio

from gateway.adapters.hosts.addresses import is_allowed, parse_networks
from gateway.adapters.hosts.grpc_spec import GrpcHostSpec, grpc_origin_of
from gateway.adapters.hosts.links import resolve
from gateway.domain.host_answer import NotSent, NotSentWhy

RECEIVED_BYTES_MAX: Final = 16 * 1024 * 1024  # of one answer: far over what is kept, and one host cannot fill the memory that all share
_DETAIL_CHARS_MAX: Final = 200
_READY: Final = grpc.ChannelConnectivity.READY
_FAILED: Final = frozenset({grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN})
_OPTIONS: Final = (
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", RECEIVED_BYTES_MAX),  # unpacked: beyond it the library says RESOURCE_EXHAUSTED, which says nothing of the effect
    ("grpc.max_send_message_length", -1),
    ("grpc.primary_user_agent", "countersign"),
)


class Line:
    """A channel that was connected when it was taken."""

    __slots__ = ("calls", "channel", "kept", "timer")

    def __init__(self, channel: grpc.aio.Channel, *, kept: bool) -> None:
        self.channel = channel
        self.calls = 0
        self.kept = kept
        self.timer: asyncio.TimerHandle | None = None

    def is_ready(self) -> bool:
        return self.channel.get_state() is _READY


class Lines:
    """At most `calls_max` calls at once. `take` a line, `give` it back, always."""

    def __init__(self, spec: GrpcHostSpec) -> None:
        """Reads the CA file. Raises ValueError when it cannot be used."""
        self._spec = spec
        self._origin = grpc_origin_of(spec)
        self._networks = parse_networks(spec.networks)
        self._credentials = _credentials(spec) if self._origin is not None and self._origin.tls else None
        self._connect_timeout_s = spec.connect_timeout_ms / 1000
        self._slots = asyncio.Semaphore(spec.calls_max)
        self._connecting = asyncio.Lock()
        self._shared: Line | None = None
        self._live: set[Line] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def take(self) -> Line | NotSent:
        """A line that is ready now; nothing is awaited after that was looked at."""
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await self._slots.acquire()
                try:
                    line = self._fit() or await self._connected()
                except BaseException:
                    self._slots.release()
                    raise
        except TimeoutError:
            return _not_reached(f"no connection within {self._connect_timeout_s} s")
        except OSError as broken:
            return _not_reached(f"no connection: {broken}")
        if isinstance(line, NotSent):
            self._slots.release()
            return line
        line.calls += 1
        if line.timer is not None:
            line.timer.cancel()
            line.timer = None
        return line

    def give(self, line: Line) -> None:
        self._slots.release()
        line.calls -= 1
        if line.calls:
            return
        if line is self._shared and line.is_ready() and not self._closed:
            line.timer = asyncio.get_running_loop().call_later(self._spec.idle_ms_max / 1000, self._retire, line)
        else:
            self._retire(line)

    def doubt(self, line: Line) -> None:
        """A call on it had no answer in time: the next one connects, and is known not to be sent where that fails."""
        if line is self._shared:
            self._shared = None

    async def close(self) -> None:
        """Ends every line, also those in use."""
        self._closed = True
        for line in tuple(self._live):
            self._retire(line)
        while self._closing:
            await asyncio.wait(self._closing)

    def _fit(self) -> Line | None:
        return self._shared if self._shared is not None and not self._closed and self._shared.is_ready() else None

    async def _connected(self) -> Line | NotSent:
        if self._spec.mode == "none":
            return await self._connect()
        async with self._connecting:  # one connects, and the others take what it made
            if (line := self._fit()) is not None:
                return line
            if (before := self._shared) is not None:
                self._shared = None
                if not before.calls:
                    self._retire(before)
            made = await self._connect()
            if isinstance(made, Line):
                self._shared = made
            return made

    async def _connect(self) -> Line | NotSent:
        if self._closed:
            return _not_reached("this client is closed")
        place = await self._place()
        if isinstance(place, NotSent):
            return place
        line = Line(self._open(place), kept=self._spec.mode != "none")
        self._live.add(line)
        ready = False
        try:
            ready = await _until_ready(line.channel) and line in self._live  # closed meanwhile: it is gone
        finally:
            if not ready:
                self._retire(line)
        return line if ready else _not_reached("no connection: the host is not there, or is not one this target trusts")

    async def _place(self) -> str | NotSent:
        """What the library calls a target. Raises OSError."""
        if self._origin is None:
            return self._spec.base_url
        found = await resolve(self._origin.host, self._origin.port)
        allowed = [address for address in found if is_allowed(address, self._networks)]
        if not allowed:
            return _not_reached(f"{self._origin.host} resolves to no address inside the target's networks")
        family = "ipv6" if ":" in allowed[0] else "ipv4"
        same = [address for address in allowed if (":" in address) is (family == "ipv6")]
        return f"{family}:" + ",".join(f"[{address}]:{self._origin.port}" if family == "ipv6" else f"{address}:{self._origin.port}" for address in same)

    def _open(self, place: str) -> grpc.aio.Channel:
        authority = "localhost" if self._origin is None else self._origin.authority
        options = [*_OPTIONS, ("grpc.default_authority", authority)]
        if self._credentials is None or self._origin is None:
            return grpc.aio.insecure_channel(place, options=options)
        return grpc.aio.secure_channel(place, self._credentials, options=[*options, ("grpc.ssl_target_name_override", self._origin.host)])

    def _retire(self, line: Line) -> None:
        if line is self._shared:
            self._shared = None
        if line.timer is not None:
            line.timer.cancel()
            line.timer = None
        if line in self._live:
            self._live.discard(line)
            closing = asyncio.get_running_loop().create_task(line.channel.close(None))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


async def _until_ready(channel: grpc.aio.Channel) -> bool:
    """False when every address refused."""
    state = channel.get_state(try_to_connect=True)
    while state is not _READY:
        if state in _FAILED:
            return False
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)
    return True


def _credentials(spec: GrpcHostSpec) -> grpc.ChannelCredentials:
    system = ssl.get_default_verify_paths().cafile
    file = spec.ca_file or system
    try:
        trusted = Path(file).read_bytes() if file else None
        if spec.ca_file:
            ssl.create_default_context(cafile=spec.ca_file)  # says at once whether it holds a certificate
    except (OSError, ValueError) as broken:
        raise ValueError(f"target {spec.name}: ca_file {spec.ca_file!r} cannot be used: {broken}") from broken
    return grpc.ssl_channel_credentials(root_certificates=trusted)


def _not_reached(detail: str) -> NotSent:
    return NotSent(NotSentWhy.NOT_REACHED, detail[:_DETAIL_CHARS_MAX])
