"""The engine with the real OPA: who can reach it, what it leaves behind, and a swap that nobody notices."""

import asyncio
import fcntl
import os
import select
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from gateway.adapters.opa.check import PreparedPolicies, prepare
from gateway.adapters.opa.engine import EngineTerms, OpaEngine
from gateway.domain.faults import PolicyFault
from gateway.domain.policy_input import CommitInput, CostInput, RunInput, encode
from gateway.domain.verdict import PolicyCode, Verdict, read_verdict
from gateway.ports.policy import Document, Entrypoint, Erred, Question
from tests.unit.gateway.adapters.opa.default_bundle import DEFAULT, TENANT
from tests.unit.gateway.adapters.opa.opa_binary import opa_binary

SECRET = "s3cr3t-of-the-caller"
LEAKY = """package countersign.commit

verdict := {"allow": false, "reasons": [{"code": "NO", "detail": input.say}]} if {
	print(input)
	input.want == "deny"
}

verdict := to_number(input.say) if input.want == "builtin"

verdict := {"of": 1} if input.want == "whose"
"""


def policies(rego: str) -> PreparedPolicies:
    files = (("countersign/commit/verdict.rego", rego.encode()), ("countersign/decide/verdict.rego", b"package countersign.decide\n"))
    return PreparedPolicies(files=files, digest=b"\x02" * 32, codes=frozenset({"NO"}))


@asynccontextmanager
async def engine_in(folder: Path, lines: list[str] | None = None) -> AsyncIterator[OpaEngine]:
    engine = OpaEngine(EngineTerms(binary=opa_binary(), runtime_folder=folder, cpus=1), log=(lines if lines is not None else []).append)
    await engine.open()
    try:
        yield engine
    finally:
        await engine.close()


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path leaves room for a socket's name."""
    return tmp_path_factory.mktemp("e")


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def socket_in(folder: Path) -> Path:
    """The one socket of the one engine in the runtime folder."""
    found = [path for path in entries(entries(folder)[0]) if path.is_socket()]
    assert len(found) == 1
    return found[0]


def question(want: str, *, number: int = 1, say: str = SECRET) -> Question:
    deadline_s = asyncio.get_running_loop().time() + 10
    document = f'{{"want":"{want}","say":"{say}"}}'.encode()
    return Question(entrypoint=Entrypoint.COMMIT, activation_number=number, tenant="acme", input_json=document, deadline_s=deadline_s, traceparent="")


def write(amount: int) -> bytes:
    asked = CommitInput(
        tenant="acme", caller="workflow-engine", workflow="activate_subscription", step="activate", mode="deterministic", action="activate_plan",
        risk="medium", target="billing", method="POST", path="/accounts/A-7/subscriptions", option="team_pro", decision=None,
        costs=[CostInput(ledger="value", currency="USD", amount=amount)], run=RunInput(id="r", steps=1, elapsed_ms=1), budgets=[],
        time_ms=1_793_620_800_000, activation_number=1, revision="r",
    )  # fmt: skip
    return encode(asked, spliced=b'{"plan":"team_pro"}')


async def test_the_default_bundle_allows_and_denies(short: Path, tmp_path: Path) -> None:
    """From the author's folders to a verdict the domain reads."""
    (tmp_path / "countersign/tenants/acme").mkdir(parents=True)
    (tmp_path / "countersign/tenants/acme/data.yaml").write_text(TENANT)
    prepared = await asyncio.to_thread(prepare, [DEFAULT, tmp_path], opa=opa_binary())
    verdicts = []

    async with engine_in(short) as engine:
        await engine.start(1, prepared)
        for amount in (1_000_000_000, 1_000_000_001):
            deadline_s = asyncio.get_running_loop().time() + 10
            asked = Question(entrypoint=Entrypoint.COMMIT, activation_number=1, tenant="acme", input_json=write(amount), deadline_s=deadline_s, traceparent="")
            answer = await engine.ask(asked)
            assert isinstance(answer, Document)
            verdicts.append(read_verdict(answer.value, declared=prepared.codes))

    over = PolicyCode(code="AMOUNT_OVER_LIMIT", detail="1000000001 > 1000000000 micros USD")
    assert verdicts == [Verdict(allow=True, codes=()), Verdict(allow=False, codes=(over,))]


async def test_only_this_user_can_reach_the_socket(short: Path) -> None:
    """Its folder is closed to everybody else."""
    async with engine_in(short) as engine:
        await engine.start(1, policies(LEAKY))
        home = socket_in(short).parent

        assert entries(short) == [home]
        assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/policies"),
        ("PUT", "/v1/policies/evil"),
        ("GET", "/v1/data"),
        ("POST", "/v1/data/countersign/commit/verdict"),
        ("POST", "/v1/data/countersign_gateway"),
        ("GET", "/v1/data/countersign_gateway/commit"),
        ("PUT", "/v1/data/countersign/tenants"),
        ("POST", "/v1/query"),
        ("POST", "/v1/compile"),
        ("POST", "/"),
        ("GET", "/metrics"),
        ("GET", "/v1/config"),
        ("GET", "/debug/pprof/"),
    ],
)
async def test_the_api_is_closed_but_for_the_questions(short: Path, method: str, path: str) -> None:
    """Nothing can be read or changed over the socket."""
    async with engine_in(short) as engine:
        await engine.start(1, policies(LEAKY))
        connector = aiohttp.UnixConnector(str(socket_in(short)))

        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, f"http://opa{path}", data=b"{}") as reply,
        ):
            status = reply.status

    assert status == 401


async def test_no_input_reaches_a_log(short: Path) -> None:
    """Denied, erring, undefined, printed: what the caller sent is in no line, nor in an error's message."""
    lines: list[str] = []

    async with engine_in(short, lines) as engine:
        await engine.start(1, policies(LEAKY))
        answers = await asyncio.gather(*(engine.ask(question(want)) for want in ("deny", "builtin", "nothing", "builtin")))

    assert [SECRET in line for line in lines if SECRET in line] == []
    assert isinstance(answers[1], Erred)
    assert SECRET not in answers[1].message


async def test_a_bundle_that_does_not_load_is_a_fault_and_leaves_nothing(short: Path) -> None:
    """The fault has the engine's own words; the last good activation is not touched."""
    async with engine_in(short) as engine:
        await engine.start(1, policies(LEAKY))
        engine.enforce(1)
        with pytest.raises(PolicyFault, match="rego_parse_error"):
            await engine.start(2, policies("package countersign.commit\n\nverdict := {"))
        left = [path.name for path in entries(entries(short)[0])]
        answer = await engine.ask(question("whose"))

        assert left == ["1", "1.sock", "lock"]
        assert answer == Document({"of": 1})
        assert engine.ready()


async def test_a_swap_under_load_yields_no_fault_and_no_mixture(short: Path) -> None:
    """Every question is answered by its own activation, before, during and after."""
    async with engine_in(short) as engine:
        await engine.start(1, policies(LEAKY))
        engine.enforce(1)
        current = 1
        answers: list[tuple[int, object]] = []
        done = asyncio.Event()

        async def caller() -> None:
            while not done.is_set():
                number = current
                answers.append((number, await engine.ask(question("whose", number=number))))
                if sum(asked == 2 for asked, _ in answers) == 50:
                    done.set()

        callers = [asyncio.create_task(caller()) for _ in range(8)]
        await engine.start(2, policies(LEAKY.replace('{"of": 1}', '{"of": 2}')))
        engine.enforce(2)
        current = 2
        await engine.retire(1)
        await asyncio.gather(*callers)

        assert {number for number, _ in answers} == {1, 2}
        assert all(answer == Document({"of": number}) for number, answer in answers)
        assert engine.child_pid(1) is None


async def test_nothing_is_ready_before_an_activation_is_enforced(short: Path) -> None:
    """Started is not in force."""
    async with engine_in(short) as engine:
        before = engine.ready()
        await engine.start(1, policies(LEAKY))
        started = engine.ready()
        engine.enforce(1)

        assert (before, started, engine.ready()) == (False, False, True)


async def test_closing_removes_everything(short: Path) -> None:
    """No process, no folder."""
    async with engine_in(short) as engine:
        await engine.start(1, policies(LEAKY))
        pid = engine.child_pid(1)
        assert pid is not None

    assert entries(short) == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_what_a_killed_gateway_left_is_swept_and_a_living_ones_is_not(short: Path) -> None:
    """The lock tells them apart."""
    for name in ("opa-dead", "opa-living", "opa-not-ours"):
        (short / name).mkdir()
    (short / "opa-dead" / "lock").touch()
    with (short / "opa-living" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        async with engine_in(short):
            left = {path.name for path in entries(short)} & {"opa-dead", "opa-living", "opa-not-ours"}

    assert left == {"opa-living", "opa-not-ours"}


async def test_two_engines_share_a_runtime_folder(short: Path) -> None:
    """An engine holds its own lock as long as it lives."""
    async with engine_in(short) as first:
        await first.start(1, policies(LEAKY))
        async with engine_in(short):
            answer = await first.ask(question("whose"))
            homes = entries(short)

    assert len(homes) == 2
    assert answer == Document({"of": 1})


async def test_a_path_too_long_for_a_socket_is_told_at_once(short: Path) -> None:
    """The kernel would say it later, and worse."""
    long = short / ("x" * 100)
    long.mkdir()

    with pytest.raises(PolicyFault, match="shorter runtime folder"):
        await OpaEngine(EngineTerms(binary=opa_binary(), runtime_folder=long), log=lambda _line: None).open()

    assert entries(long) == []


GATEWAY = """
import asyncio, pathlib, sys
from gateway.adapters.opa.check import PreparedPolicies
from gateway.adapters.opa.engine import EngineTerms, OpaEngine
async def main():
    engine = OpaEngine(EngineTerms(binary=pathlib.Path(sys.argv[1]), runtime_folder=pathlib.Path(sys.argv[2])), log=lambda line: None)
    await engine.open()
    files = (("countersign/commit/verdict.rego", b"package countersign.commit"), ("countersign/decide/verdict.rego", b"package countersign.decide"))
    await engine.start(1, PreparedPolicies(files=files, digest=b"", codes=frozenset()))
    print(engine.child_pid(1), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
async def test_a_killed_gateway_takes_its_engine_along(short: Path) -> None:
    """SIGKILL of the gateway: no OPA is left running."""
    gateway = await asyncio.create_subprocess_exec(sys.executable, "-c", GATEWAY, str(opa_binary()), str(short), stdout=asyncio.subprocess.PIPE)
    assert gateway.stdout is not None
    async with asyncio.timeout(30):
        handle = os.pidfd_open(int(await gateway.stdout.readline()))

    gateway.kill()
    await gateway.wait()
    ended, _, _ = select.select([handle], [], [], 10)
    os.close(handle)

    assert ended
