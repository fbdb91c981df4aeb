"""The exam of the policy port: every engine, the fake included, answers these questions alike."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from gateway.adapters.opa.check import PreparedPolicies
from gateway.adapters.opa.engine import EngineTerms, OpaEngine
from gateway.adapters.opa.install import Places, find
from gateway.adapters.opa.supervisor import Pacing
from gateway.domain.faults import PolicyFault
from gateway.ports.policy import Document, Entrypoint, Erred, PolicyAnswer, PolicyEngine, Question, Undefined
from tests.fakes.policy import ALLOW, FakePolicyEngine, deny

RULES = """package countersign.{home}

verdict := {{"allow": true, "reasons": []}} if input.want == "allow"

verdict := {{"allow": false, "reasons": [{{"code": "{code}", "detail": input.say}}]}} if input.want == "deny"

verdict := {{"alow": true, "reasons": []}} if input.want == "typo"

verdict := true if input.want == "bare"

verdict := input.this if input.want == "conflict"

verdict := input.that if input.want == "conflict"

verdict := to_number(input.say) if input.want == "builtin"
"""


def fake_script(entrypoint: Entrypoint, asked: dict[str, object]) -> PolicyAnswer:
    code = "WRITE_REFUSED" if entrypoint is Entrypoint.COMMIT else "STEP_REFUSED"
    match asked["want"]:
        case "allow":
            return ALLOW
        case "deny":
            return deny(code, str(asked["say"]))
        case "typo":
            return Document({"alow": True, "reasons": []})
        case "bare":
            return Document(True)  # noqa: FBT003 -- the bare boolean is the answer under test
        case "conflict" | "builtin":
            return Erred("eval_error: scripted")
        case _:
            return Undefined()


class Examined(Protocol):
    """An engine serving activations 1 and 2, 1 in force, and what a test may do to it."""

    engine: PolicyEngine

    async def kill(self) -> None: ...
    async def revive(self) -> None: ...
    async def stall(self) -> None: ...
    async def flow(self) -> None: ...
    async def retire(self, number: int) -> None: ...


class ExaminedFake:
    def __init__(self) -> None:
        self.fake = FakePolicyEngine(fake_script)
        self.engine: PolicyEngine = self.fake

    async def kill(self) -> None:
        self.fake.kill()

    async def revive(self) -> None:
        self.fake.revive()

    async def stall(self) -> None:
        self.fake.stall()

    async def flow(self) -> None:
        self.fake.flow()

    async def retire(self, number: int) -> None:
        self.fake.retire(number)


class ExaminedOpa:
    def __init__(self, opa: OpaEngine) -> None:
        self.opa = opa
        self.engine: PolicyEngine = opa

    async def kill(self) -> None:
        self._signal(signal.SIGKILL)
        await self.opa.until(1, healthy=False)

    async def revive(self) -> None:
        await self.opa.until(1, healthy=True)

    async def stall(self) -> None:
        """Returns once every thread of the child has stopped: the signal is only asked for by then."""
        self._signal(signal.SIGSTOP)
        async with asyncio.timeout(10):
            while not _stopped(self.opa.child_pid(1)):  # noqa: ASYNC110 - the kernel has no event for it
                await asyncio.sleep(0)

    async def flow(self) -> None:
        self._signal(signal.SIGCONT)

    async def retire(self, number: int) -> None:
        await self.opa.retire(number)

    def _signal(self, number: signal.Signals) -> None:
        pid = self.opa.child_pid(1)
        assert pid is not None
        os.kill(pid, number)


def _stopped(pid: int | None) -> bool:
    tasks = [*Path(f"/proc/{pid}/task").iterdir()]
    return all((task / "stat").read_text().rsplit(")", 1)[1].split()[0] == "T" for task in tasks)


def prepared() -> PreparedPolicies:
    rules = (("countersign/commit/verdict.rego", "commit", "WRITE_REFUSED"), ("countersign/decide/verdict.rego", "decide", "STEP_REFUSED"))
    files = tuple((name, RULES.format(home=home, code=code).encode()) for name, home, code in rules)
    return PreparedPolicies(files=files, digest=b"\x01" * 32, codes=frozenset({"WRITE_REFUSED", "STEP_REFUSED"}))


@asynccontextmanager
async def examined_opa() -> AsyncIterator[ExaminedOpa]:
    binary = find(Places(explicit=None, search_path=os.environ["PATH"], folder=Path(".tools/bin"))).binary
    with tempfile.TemporaryDirectory(prefix="cs-") as folder:
        terms = EngineTerms(binary=binary, runtime_folder=Path(folder), cpus=1, pacing=Pacing(health_every_s=30.0))
        engine = OpaEngine(terms, log=lambda _line: None)
        await engine.open()
        try:
            await engine.start(1, prepared())
            await engine.start(2, prepared())
            engine.enforce(1)
            yield ExaminedOpa(engine)
        finally:
            await engine.close()


@pytest.fixture(params=["fake", "opa"])
async def examined(request: pytest.FixtureRequest) -> AsyncIterator[Examined]:
    if request.param == "fake":
        yield ExaminedFake()
        return
    async with examined_opa() as opa:
        yield opa


def question(
    want: str,
    *,
    say: str = "",
    tenant: str = "acme",
    entrypoint: Entrypoint = Entrypoint.COMMIT,
    number: int = 1,
    seconds: float = 10.0,
) -> Question:
    return Question(
        entrypoint=entrypoint,
        activation_number=number,
        tenant=tenant,
        input_json=f'{{"want":"{want}","say":"{say}","this":1,"that":2}}'.encode(),
        deadline_s=asyncio.get_running_loop().time() + seconds,
        traceparent="",
    )


async def test_an_allowing_verdict_comes_back_as_it_is(examined: Examined) -> None:
    """What the bundle answers is the document, unjudged."""
    answer = await examined.engine.ask(question("allow"))

    assert answer == Document({"allow": True, "reasons": []})


async def test_a_denying_verdict_keeps_code_and_detail(examined: Examined) -> None:
    """Reasons travel whole."""
    answer = await examined.engine.ask(question("deny", say="120 > 100"))

    assert answer == Document({"allow": False, "reasons": [{"code": "WRITE_REFUSED", "detail": "120 > 100"}]})


async def test_each_entrypoint_answers_for_itself(examined: Examined) -> None:
    """A question to decide is not answered by commit's rules."""
    answer = await examined.engine.ask(question("deny", entrypoint=Entrypoint.DECIDE))

    assert answer == Document({"allow": False, "reasons": [{"code": "STEP_REFUSED", "detail": ""}]})


async def test_no_verdict_is_undefined(examined: Examined) -> None:
    """No rule fits: undefined, neither an allow nor a fault."""
    answer = await examined.engine.ask(question("nothing the rules know"))

    assert answer == Undefined()


@pytest.mark.parametrize(("want", "document"), [("typo", {"alow": True, "reasons": []}), ("bare", True)])
async def test_a_misshapen_verdict_passes_through_for_the_domain_to_judge(examined: Examined, want: str, document: object) -> None:
    """The engine never decides what a document means."""
    answer = await examined.engine.ask(question(want))

    assert answer == Document(document)


@pytest.mark.parametrize("want", ["conflict", "builtin"])
async def test_a_question_that_makes_the_engine_err_is_told_so(examined: Examined, want: str) -> None:
    """Conflicting rules and refusing builtins are errors, not undefined; what was said of it is bounded."""
    answer = await examined.engine.ask(question(want, say="no-number"))

    assert isinstance(answer, Erred)
    assert 0 < len(answer.message) <= 500
    assert "no-number" not in answer.message


async def test_one_erring_question_spoils_none_of_its_neighbours(examined: Examined) -> None:
    """Twenty at once, one of them guilty and one undefined: each gets its own answer."""
    wants = ["deny"] * 20
    wants[7], wants[13] = "conflict", "nothing"

    answers = await asyncio.gather(*(examined.engine.ask(question(want, say=f"n{place}")) for place, want in enumerate(wants)))

    assert isinstance(answers[7], Erred)
    assert answers[13] == Undefined()
    for place in sorted(set(range(20)) - {7, 13}):
        assert answers[place] == deny("WRITE_REFUSED", f"n{place}")


async def test_many_questions_of_many_tenants_are_never_mixed_up(examined: Examined) -> None:
    """Three hundred at once, of five tenants and both entrypoints: every answer is the asker's."""
    asked = [(f"t{place % 5}", Entrypoint.DECIDE if place % 3 else Entrypoint.COMMIT, f"n{place}") for place in range(300)]

    answers = await asyncio.gather(*(examined.engine.ask(question("deny", say=say, tenant=tenant, entrypoint=at)) for tenant, at, say in asked))

    assert answers == [deny("STEP_REFUSED" if at is Entrypoint.DECIDE else "WRITE_REFUSED", say) for _, at, say in asked]


async def test_a_caller_who_leaves_takes_nobody_along(examined: Examined) -> None:
    """Cancelling one question of many leaves the others answered."""
    tasks = [asyncio.create_task(examined.engine.ask(question("deny", say=f"n{place}"))) for place in range(10)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[4].cancel()

    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(answers[0], asyncio.CancelledError)
    assert isinstance(answers[4], asyncio.CancelledError)
    assert [answers[place] for place in (1, 2, 3, 5, 9)] == [deny("WRITE_REFUSED", f"n{place}") for place in (1, 2, 3, 5, 9)]


async def test_a_dead_engine_is_a_fault_until_it_is_back(examined: Examined) -> None:
    """Killed: not ready, and faults at once. Back: ready, and answers."""
    before = await examined.engine.ask(question("allow"))

    await examined.kill()
    ready_when_dead = examined.engine.ready()
    with pytest.raises(PolicyFault):
        await examined.engine.ask(question("allow"))
    await examined.revive()

    assert before == await examined.engine.ask(question("allow"))
    assert (ready_when_dead, examined.engine.ready()) == (False, True)


async def test_a_stalled_engine_is_a_fault_within_the_deadline(examined: Examined) -> None:
    """Alone and gathered alike, a question ends when its time does."""
    await examined.stall()
    started_s = asyncio.get_running_loop().time()

    answers = await asyncio.gather(*(examined.engine.ask(question("allow", seconds=0.3)) for _ in range(5)), return_exceptions=True)
    took_s = asyncio.get_running_loop().time() - started_s
    await examined.flow()

    assert [type(answer) for answer in answers] == [PolicyFault] * 5
    assert 0.2 < took_s < 2.0


async def test_a_deadline_in_the_past_is_a_fault(examined: Examined) -> None:
    """There is no verdict for a question whose time is over."""
    with pytest.raises(PolicyFault):
        await examined.engine.ask(question("allow", seconds=-1.0))


async def test_a_retired_activation_answers_no_more(examined: Examined) -> None:
    """Each activation is asked by its number; retiring one leaves the other alone."""
    await examined.retire(2)

    with pytest.raises(PolicyFault):
        await examined.engine.ask(question("allow", number=2))
    assert await examined.engine.ask(question("allow", number=1)) == ALLOW
