"""What the settings become: one part of each room, from one section. Values in, values out; nothing is started here."""

from pathlib import Path
from typing import Final

from gateway.adapters.activation import load_activation
from gateway.adapters.agent_runner import McpServerSpec, McpToolSpec, ModelSpec, Price, SlotSpec, SlotType, Source, ToolSpec
from gateway.adapters.hosts.grpc import GrpcHost
from gateway.adapters.hosts.grpc_spec import GrpcHostSpec
from gateway.adapters.hosts.http import HttpHost
from gateway.adapters.hosts.spec import HttpHostSpec
from gateway.adapters.opa.check import PreparedPolicies, prepare
from gateway.adapters.opa.command import OpaBroken
from gateway.adapters.opa.findings import PoliciesRefused
from gateway.adapters.opa.install import OpaNotFound, Places, find
from gateway.config import RefusedToStart, Settings, surroundings
from gateway.config.listeners import Auth
from gateway.config.listeners import Listener as DeclaredListener
from gateway.config.reachable import Model
from gateway.config.targets import Target
from gateway.config.tools import McpServer, Tool, ToolSlot
from gateway.declared.findings import DeclarationRefused
from gateway.domain.boundary import Activation
from gateway.domain.targets import HostMode, TargetTerms
from gateway.domain.writes.collecting import Retention
from gateway.ports.host import Host
from gateway.ports.system import Clock
from gateway.service.collect import CollectorPace
from gateway.service.reconcile import Pace
from gateway.transport.listener import Listener, Tls

_STRETCHES_MAX: Final = 2_000  # of one shelf in one sweep
SHIPPED_POLICIES: Final = Path(__file__).resolve().parents[2] / "policies"  # beside the sources; an installed gateway names its own


def find_opa(settings: Settings) -> Path:
    """The OPA to run. Raises `RefusedToStart`."""
    around = surroundings()
    places = Places(explicit=settings.opa.binary, search_path=around.search_path, folder=settings.opa.folder or around.cache_folder)
    try:
        return find(places).binary
    except OpaNotFound as missing:
        raise RefusedToStart(f"no OPA to run: {missing}", write="Run `countersign opa install`.") from missing


def policy_layers(settings: Settings) -> list[Path]:
    """Folders of policies, lowest first: those the settings name, or the shipped ones; then the activation's own. Raises `RefusedToStart`."""
    own = settings.activation.path / "policies"
    if not settings.activation.policies and not SHIPPED_POLICIES.is_dir():
        raise RefusedToStart("no policies are named, and none lie beside this installation", write="Name the default bundle under activation.policies.")
    return [*(settings.activation.policies or (SHIPPED_POLICIES,)), *([own] if own.is_dir() else [])]


def load(settings: Settings, opa: Path) -> tuple[Activation, PreparedPolicies]:
    """Policies and boundary as one revision, checked. Blocks for some tenths of a second. Raises `RefusedToStart`."""
    folder = settings.activation.path
    try:
        prepared = prepare(policy_layers(settings), opa=opa)
        activation = load_activation(
            folder, targets=settings.targets, tools=[*settings.readable], models=[*settings.models], policy_codes=prepared.codes,
            policies_digest=prepared.digest, prefetchable=settings.prefetchable,
            tenants=settings.tenants, named=prepared.named,
        )  # fmt: skip
    except OpaBroken as broken:
        raise RefusedToStart(f"the policies of {folder} could not be checked: {broken}", write="Nothing was served.") from broken
    except (PoliciesRefused, DeclarationRefused) as refused:
        raise RefusedToStart(f"the activation {folder} is not taken:\n{refused}", write="`countersign boundary check` says the same.") from refused
    _one_currency(settings, activation)
    _room_for_transcripts(settings, activation)
    return activation, prepared


def _one_currency(settings: Settings, activation: Activation) -> None:
    """A step's money is counted in one currency: a model priced in another would be counted wrong. Raises `RefusedToStart`."""
    for workflow in activation.boundary.workflows.values():
        for step in workflow.steps.values():
            for name in step.models:
                price = settings.models[name].price
                if step.limits and price and price.currency != step.limits.spend_currency:
                    what = f"step {workflow.name}/{step.name} counts {step.limits.spend_currency}, and model {name} is priced in {price.currency}"
                    raise RefusedToStart(what, write="Write limits.spend_currency of the step, or the price, in the same currency.")


def _room_for_transcripts(settings: Settings, activation: Activation) -> None:
    """A step that asks to keep its words needs a place for them. Raises `RefusedToStart`."""
    for workflow in activation.boundary.workflows.values():
        for step in workflow.steps.values():
            if step.transcript_kept and settings.transcripts is None:
                what = f"step {workflow.name}/{step.name} keeps its transcripts, and the settings name no folder for them"
                raise RefusedToStart(what, write="Write transcripts: {folder: var/transcripts}, or take transcript: text out of the step.")


def host(name: str, target: Target, clock: Clock) -> Host:
    """Reads its CA file. Raises `RefusedToStart`."""
    try:
        match target.kind:
            case "http":
                return HttpHost(host_spec(name, target), clock)
            case "grpc":
                return GrpcHost(grpc_host_spec(name, target), clock)
    except ValueError as flaw:
        raise RefusedToStart(f"the target is not taken: {flaw}", write="Put it right under targets.") from flaw


def grpc_host_spec(name: str, target: Target) -> GrpcHostSpec:
    return GrpcHostSpec(
        name=name, base_url=target.base_url, mode=target.mode.value, connect_timeout_ms=target.connect_timeout_ms,
        call_timeout_ms=target.send_timeout_ms + target.read_timeout_ms, idle_ms_max=target.idle_ms_max, calls_max=target.pool_max,
        networks=target.networks, ca_file=str(target.ca_file) if target.ca_file else None,
        authorization=target.authorization.value if target.authorization else None,
    )  # fmt: skip


def host_spec(name: str, target: Target) -> HttpHostSpec:
    return HttpHostSpec(
        name=name, base_url=target.base_url, mode=target.mode.value, connect_timeout_ms=target.connect_timeout_ms,
        send_timeout_ms=target.send_timeout_ms, read_timeout_ms=target.read_timeout_ms, idle_ms_max=target.idle_ms_max, pool_max=target.pool_max,
        networks=target.networks, ca_file=str(target.ca_file) if target.ca_file else None,
        authorization=target.authorization.value if target.authorization else None, query_path=target.query.path if target.query else None,
        enforces_not_after=bool(target.query and target.query.enforces_not_after), trusts_status_codes=target.trusts_status_codes,
        replays_refusals=target.replays_refusals, overrides=target.overrides,
    )  # fmt: skip


def target_terms(name: str, target: Target) -> TargetTerms:
    return TargetTerms(
        name=name, mode=HostMode(target.mode), retention_ms=target.dedupe.retention_ms if target.dedupe else 0,
        enforces_not_after=bool(target.query and target.query.enforces_not_after), trusts_status_codes=target.trusts_status_codes,
        replays_refusals=target.replays_refusals, overrides=target.overrides,
        wire_ms_max=target.connect_timeout_ms + target.send_timeout_ms + target.read_timeout_ms,
        send_margin_ms=target.send_timeout_ms + target.read_timeout_ms,
    )  # fmt: skip


def model_spec(name: str, model: Model) -> ModelSpec:
    price = model.price
    return ModelSpec(
        name=name, base_url=model.base_url, model=model.model, api_key=model.api_key.value if model.api_key else None,
        concurrency_max=model.concurrency_max, queue_max=model.queue_max, answer_ms_max=model.answer_timeout_ms, aside_ms=model.put_aside_ms,
        completion_tokens_max=model.completion_tokens_max, greedy=model.greedy, strict_schema=model.strict_schema,
        ca_file=str(model.ca_file) if model.ca_file else None,
        price=Price(
            micros_per_million_in=price.in_micros_per_million, micros_per_million_out=price.out_micros_per_million, as_of=price.as_of.isoformat()
        ) if price else None,
    )  # fmt: skip


def tool_spec(name: str, tool: Tool) -> ToolSpec:
    return ToolSpec(
        name=name, description=tool.description, method=tool.method, url_template=tool.url,
        slots={slot: _slot(declared) for slot, declared in tool.slots.items()}, networks=tool.networks, timeout_ms=tool.timeout_ms,
        result_bytes_max=tool.result_bytes_max, authorization=tool.authorization.value if tool.authorization else None,
        ca_file=str(tool.ca_file) if tool.ca_file else None, fresh_ms=tool.fresh_ms,
    )  # fmt: skip


def tool_specs(settings: Settings) -> dict[str, ToolSpec | McpToolSpec]:
    """Everything agents may read, by the names a boundary uses."""
    specs: dict[str, ToolSpec | McpToolSpec] = {name: tool_spec(name, tool) for name, tool in settings.tools.items()}
    for server_name, server in settings.mcp.items():
        spec = mcp_server_spec(server_name, server)
        for name, tool in server.tools.items():
            specs[f"{server_name}.{name}"] = McpToolSpec(
                name=f"{server_name}.{name}", description=tool.description, server=spec, tool=tool.tool or name, pin=bytes.fromhex(tool.pin),
                read_only=tool.read_only, slots={argument: _slot(declared) for argument, declared in tool.arguments.items()}, fixed=tool.fixed,
                result_bytes_max=tool.result_bytes_max, fresh_ms=tool.fresh_ms,
            )  # fmt: skip
    return specs


def mcp_server_spec(name: str, server: McpServer) -> McpServerSpec:
    return McpServerSpec(
        name=name, url=server.url, networks=server.networks, timeout_ms=server.timeout_ms,
        authorization=server.authorization.value if server.authorization else None, ca_file=str(server.ca_file) if server.ca_file else None,
    )  # fmt: skip


def _slot(slot: ToolSlot) -> SlotSpec:
    return SlotSpec(
        source=Source(slot.source), type=SlotType(slot.type), pointer=slot.pointer or "", pattern=slot.pattern, enum=slot.enum,
        **({"integer_max": slot.max} if slot.type == "integer" else {"max_len": slot.max}),
    )  # fmt: skip


def listener(declared: DeclaredListener) -> Listener:
    """Reads its certificates. Raises `OSError` where a file is gone since the settings were checked."""
    tls = declared.tls
    return Listener(
        name=declared.name, address=declared.address, caller=declared.identity, token=declared.token.value.encode() if declared.token else None,
        tls=Tls(
            certificate=tls.cert_file.read_bytes(), key=tls.key_file.value.encode(),
            client_ca=tls.client_ca_file.read_bytes() if tls.client_ca_file and declared.auth is Auth.MTLS else None,
        ) if tls else None,
    )  # fmt: skip


def retention(settings: Settings) -> Retention:
    return Retention(keep_ms=settings.retention.keep_ms, tombstone_ms=settings.retention.tombstones_ms)


def collector_pace(settings: Settings) -> CollectorPace:
    declared = settings.retention
    return CollectorPace(interval_ms=declared.interval_ms, at_once=declared.at_once, rest_ms=declared.rest_ms, stretches_max=_STRETCHES_MAX)


def pace(settings: Settings) -> Pace:
    declared = settings.reconcile
    return Pace(interval_ms=declared.interval_ms, backoff_ms=declared.interval_ms, backoff_ms_max=declared.backoff_ms_max, looks_max=declared.attempts_max)
