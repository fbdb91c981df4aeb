"""The composition root: the only file that knows every room. It starts a gateway in order, serves, and takes it down in the opposite order.

1. Nothing is served before store, policies, boundary, engine and hosts are there; whatever is missing refuses to start, precisely.
2. Shutdown: new calls are refused, those under way end, kept work is drained, then engine and store close. What is left is found by its lease.
3. A store that has failed for good ends the process: it cannot admit anything, and only a restart may look at its files again.
"""

import asyncio
import gc
import signal
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from gateway.adapters import telemetry
from gateway.adapters.activation import standing_of
from gateway.adapters.agent_runner import AgentRunner
from gateway.adapters.opa.check import PreparedPolicies
from gateway.adapters.opa.engine import EngineTerms, OpaEngine
from gateway.adapters.store.trouble import StoreRefused
from gateway.adapters.system import SystemClock, SystemIds
from gateway.adapters.transcripts import FolderTranscripts
from gateway.app import parts
from gateway.app.engine_folder import engine_folder
from gateway.app.stores import open_store
from gateway.config import RefusedToStart, Settings
from gateway.domain.boundary import Activation
from gateway.domain.change import replace
from gateway.domain.faults import Fault, PolicyFault
from gateway.domain.writes.halts import Activate
from gateway.ports.store import Store
from gateway.service.ask_now import AskNow
from gateway.service.collect import Collector
from gateway.service.commit import Committer, Way
from gateway.service.decide import Decider
from gateway.service.doorkeeper import Doorkeeper
from gateway.service.halts import Halts
from gateway.service.keeper import Keeper
from gateway.service.lookup import Lookup
from gateway.service.reconcile import Reconciler
from gateway.service.runs import Runs
from gateway.service.turnstile import Turnstile
from gateway.transport.handler import Telling
from gateway.transport.listener import ListenerRefused
from gateway.transport.server import Servicers, Serving, start
from gateway.transport.servicers.gateway import GatewayServicer
from gateway.transport.servicers.operator import OperatorServicer

_NEVER_S: Final = float("inf")
_OBJECTS_BETWEEN_SEARCHES: Final = 20_000


async def serve(settings: Settings, *, announce: Callable[[str], None] = lambda _: None) -> None:
    """Serves until SIGTERM or SIGINT. Raises `RefusedToStart`. `announce` gets one line for each listener."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with running(settings, stop=stopping.set) as gateway:
        for one in gateway.serving:
            announce(f"listening: {one.listener.name} {one.listener.address} ({one.listener.caller.role} of {one.listener.caller.tenant})")
        _settle()
        telemetry.log().info("serving", version=version("countersign-gateway"), activation=gateway.activation.number, revision=gateway.activation.revision)
        await stopping.wait()
        telemetry.log().info("stopping", grace_s=settings.shutdown_grace_ms // 1000)


def _settle() -> None:
    """What the start has made is here to stay and not searched for garbage again; new cycles are looked for after as many objects as some thirty commits
    make, not after those of one."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_SEARCHES, 20, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway that is running: what tests and benchmarks look at."""

    store: Store
    engine: OpaEngine
    activation: Activation
    serving: list[Serving]
    reconciler: Reconciler
    diagnostics_port: int  # 0 without a diagnostics listener


@asynccontextmanager
async def running(settings: Settings, *, stop: Callable[[], None]) -> AsyncIterator[Gateway]:
    """Starts in order and takes down in the opposite order. `stop` is called when the gateway itself finds that it must end."""
    telemetry.configure(settings.telemetry.log_level)
    try:
        async with AsyncExitStack() as stack:
            yield await _start(settings, stack, stop)
    except (StoreRefused, ListenerRefused) as refused:
        raise RefusedToStart(str(refused), write="Nothing was served.") from refused
    except PolicyFault as fault:
        raise RefusedToStart(f"the policy engine does not serve: {fault.detail}", write="Run `countersign policy check`.") from fault


async def _start(settings: Settings, stack: AsyncExitStack, stop: Callable[[], None]) -> Gateway:
    binary = parts.find_opa(settings)
    loaded, prepared = await asyncio.to_thread(parts.load, settings, binary)
    clock, ids = SystemClock(), SystemIds()
    store = await open_store(settings, clock, ids, stack)
    row = await store.write(Activate(revision=loaded.revision, digest=loaded.digest, standing=standing_of(loaded.boundary)), hand_over_by_s=_NEVER_S)
    activation = replace(loaded, number=row.number)
    engine = await _engine(settings, binary, prepared, activation.number, stack)
    ways = _ways(settings, clock, stack)
    runner = AgentRunner({name: parts.model_spec(name, one) for name, one in settings.models.items()}, parts.tool_specs(settings), told=_tool_stands)
    stack.push_async_callback(runner.close)
    _look(runner, stack)
    keeper = Keeper(told=_broke)
    door = Doorkeeper(in_flight_max=settings.limits.commits_in_flight_max)
    study = Doorkeeper(in_flight_max=settings.limits.commits_in_flight_max)  # thinking has a door of its own: it never crowds out a write
    committer = Committer(
        store=store, policy=engine, ways=ways, clock=clock, ids=ids, keeper=keeper, doorkeeper=door, activation=lambda: activation,
        unrecorded=lambda commit_id: telemetry.log().error("outcome_not_recorded", commit_id=commit_id),
    )  # fmt: skip
    decider = Decider(
        store=store, policy=engine, thinker=runner, clock=clock, ids=ids, keeper=keeper, doorkeeper=study, activation=lambda: activation,
        transcripts=_transcripts(settings),
    )  # fmt: skip
    lookup, runs = Lookup(store=store), Runs(store=store, ids=ids, activation=lambda: activation)
    halts = Halts(store=store, ids=ids, decider=decider)
    reconciler = Reconciler(store=store, ways=ways, clock=clock, ids=ids, pace=parts.pace(settings))
    await _watch(asyncio.get_running_loop().create_task(reconciler.run(), name="reconciler"), stack, stop)
    collector = Collector(store=store, clock=clock, retention=parts.retention(settings), pace=parts.collector_pace(settings))
    await _watch(asyncio.get_running_loop().create_task(collector.run(), name="collector"), stack, stop)
    servicers = Servicers(
        gateway=GatewayServicer(committer=committer, decider=decider, runs=runs, lookup=lookup, turnstile=Turnstile(), clock=clock),
        operator=OperatorServicer(
            halts=halts,
            ask_now=AskNow(reconciler=reconciler, lookup=lookup, keeper=keeper),
            lookup=lookup,
            runs=runs,
            store=store,
            activation=lambda: activation,
        ),
    )
    grace_s = settings.shutdown_grace_ms / 1000
    stack.push_async_callback(_drain, keeper, grace_s)
    serving = await start([parts.listener(one) for one in settings.listeners], servicers, telling=_Told(store, stop), reflect=False)
    for one in serving:
        stack.push_async_callback(one.stop, grace_s=grace_s)
    diagnostics_port = await _diagnose(settings, stack, store, engine, runner)
    for doorkeeper in (door, study):
        stack.callback(doorkeeper.close, "the gateway is stopping")
    return Gateway(store=store, engine=engine, activation=activation, serving=serving, reconciler=reconciler, diagnostics_port=diagnostics_port)


async def _engine(settings: Settings, binary: Path, prepared: PreparedPolicies, number: int, stack: AsyncExitStack) -> OpaEngine:
    terms = EngineTerms(binary=binary, runtime_folder=engine_folder(settings))
    engine = OpaEngine(terms, log=lambda line: telemetry.log().warning("engine", detail=line))
    stack.push_async_callback(engine.close)
    await engine.open()
    await engine.start(number, prepared)
    engine.enforce(number)
    return engine


def _transcripts(settings: Settings) -> FolderTranscripts | None:
    if settings.transcripts is None:
        return None
    try:
        return FolderTranscripts(settings.transcripts.folder, log=lambda line: telemetry.log().error("transcript_lost", detail=line))
    except OSError as wrong:
        raise RefusedToStart(
            f"the folder of transcripts {settings.transcripts.folder} cannot be made: {wrong.strerror}", write="Name a folder this user can write."
        ) from wrong


def _ways(settings: Settings, clock: SystemClock, stack: AsyncExitStack) -> dict[str, Way]:
    ways = {}
    for name, target in settings.targets.items():
        host = parts.host(name, target, clock)
        stack.push_async_callback(host.close)
        ways[name] = Way(host=host, terms=parts.target_terms(name, target))
    return ways


async def _watch(endless: "asyncio.Task[None]", stack: AsyncExitStack, stop: Callable[[], None]) -> None:
    """Work without an end that ends by itself has met a bug or a store that is gone: the gateway must not serve on as if nothing were."""

    def ended(task: "asyncio.Task[None]") -> None:
        if not task.cancelled():
            telemetry.log().error(f"{task.get_name()}_ended", detail=repr(task.exception())[:300])
            stop()

    async def cancel() -> None:
        endless.cancel()
        await asyncio.wait({endless})

    endless.add_done_callback(ended)
    stack.push_async_callback(cancel)


async def _drain(keeper: Keeper, grace_s: float) -> None:
    left = await keeper.drain(grace_s=grace_s)
    telemetry.log().info("stopped", left=left)


async def _diagnose(settings: Settings, stack: AsyncExitStack, store: Store, engine: OpaEngine, runner: AgentRunner) -> int:
    if settings.diagnostics is None:
        return 0
    from gateway.transport.diagnostics import Diagnostics  # noqa: PLC0415 - a web server, loaded where the settings name its address

    def why_not_ready() -> str:
        return "the store takes no writes" if not store.ready() else "no healthy policy engine" if not engine.ready() else ""

    diagnostics = Diagnostics(ready=why_not_ready, hints=lambda: _hints(runner))
    port = await diagnostics.start(settings.diagnostics.address)
    stack.push_async_callback(diagnostics.stop)
    return port


def _hints(runner: AgentRunner) -> list[str]:
    """What an operator should know of, and what keeps nobody from being served."""
    disabled = [f"tool {name} is disabled: {why}" for name, why in sorted(runner.disabled.items())]
    return disabled + [f"model {name} has been put aside: its last answer was a fault" for name in runner.aside]


def _look(runner: AgentRunner, stack: AsyncExitStack) -> None:
    """In the background: a server that is down at start is no reason not to serve."""

    async def look() -> None:
        for name, why in (await runner.look()).items():
            telemetry.log().warning("tool_unseen", tool=name, detail=why)

    looking = asyncio.get_running_loop().create_task(look(), name="look")

    async def cancel() -> None:
        looking.cancel()
        await asyncio.wait({looking})

    stack.push_async_callback(cancel)


def _tool_stands(name: str, why: str) -> None:
    """A tool that is no longer what was pinned is not called: somebody has to look at it."""
    if why:
        telemetry.log().error("tool_disabled", tool=name, detail=why)
    else:
        telemetry.log().info("tool_enabled", tool=name)


def _broke(bug: BaseException) -> None:
    telemetry.log().error("kept_work_broke", detail=type(bug).__name__, trace=_trace(bug))


class _Told(Telling):
    """Faults and bugs go to the log; a store that has failed for good ends the gateway."""

    def __init__(self, store: Store, stop: Callable[[], None]) -> None:
        self._store = store
        self._stop = stop

    def fault(self, method: str, fault: Fault) -> None:
        telemetry.log().warning("fault", method=method, reason=type(fault).__name__, detail=fault.detail[:300])
        if not self._store.ready():
            telemetry.log().error("store_failed", method=method)
            self._stop()

    def bug(self, method: str, bug: BaseException) -> None:
        telemetry.log().error("bug", method=method, detail=type(bug).__name__, trace=_trace(bug))


def _trace(bug: BaseException) -> str:
    """Where it broke, as files, lines and functions: no values."""
    frames = traceback.extract_tb(bug.__traceback__)[-8:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
