"""Behaviour as data: every case of this folder, played over every store, asserting the reply, the budgets and the record.

1. `given` is the law and the world, `when` one step or several, `then` what the last one is told and what stands afterwards.
2. A reply names what matters to the case; budgets and audit are complete: what is not listed is not there.
3. After every case the ledger adds up.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from gateway.domain.reasons import Reason
from tests.cases.given import Words, only, world
from tests.cases.when import RUN, Reply, Script
from tests.fakes.activation import TENANT
from tests.fakes.gateway import FakeGateway
from tests.fakes.postgres import Server

FOLDER: Final = Path(__file__).parent
FILES: Final = sorted(FOLDER.rglob("*.yaml"))
# Reserved.
NOT_YET: Final = {Reason.APPROVAL_REJECTED, Reason.APPROVAL_EXPIRED}


def read(file: Path) -> Words:
    case: Words = yaml.safe_load(file.read_text())
    only(case, "why", "given", "when", "then")
    only(case["then"], "reply", "budget", "audit", "host", "run", "last_entry")
    assert case["why"].endswith("."), "a case says in one sentence why it is there"
    return case


def steps_of(case: Words) -> list[Words]:
    return case["when"] if isinstance(case["when"], list) else [case["when"]]


def named(file: Path) -> str:
    return str(file.relative_to(FOLDER).with_suffix(""))


@pytest.mark.parametrize("store", ["memory", "sqlite", "postgres"])
@pytest.mark.parametrize("file", FILES, ids=named)
async def test_case(file: Path, store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """One behaviour, by its file's name."""
    case = read(file)
    kind: Server | str = request.getfixturevalue("postgres") if store == "postgres" else store
    async with world(case.get("given", {}), kind, tmp_path) as one:
        script, steps, reply = Script(one=one, folder=tmp_path), steps_of(case), dict[str, Any]()
        for place, step in enumerate(steps, 1):
            reply = dict(await script.play(step))
            assert told(reply, step.get("reply", {})) == step.get("reply", {}), f"step {place}"

        then = case["then"]
        assert told(reply, then.get("reply", {})) == then.get("reply", {})
        assert await budgets(one) == then["budget"]
        assert await one.entries() == then["audit"]
        for name, seen in (await aside(one)).items():
            asked = then.get(name, {})
            assert {word: seen.get(word) for word in asked} == asked


def told(reply: Reply, expected: Reply) -> Reply:
    """What the case asks about; facts may be a part of what is told."""
    assert {*expected} <= {*reply}, f"the reply has no {sorted({*expected} - {*reply})}; it has {sorted(reply)}"
    seen = {name: reply[name] for name in expected}
    if "facts" in expected:
        seen["facts"] = {name: value for name, value in reply["facts"].items() if name in expected["facts"]}
    return seen


async def budgets(one: FakeGateway) -> Mapping[str, Mapping[str, int]]:
    """Every node where something is held or settled."""
    rows = await one.store.nodes(tenant=TENANT, workflow="")
    return {f"{row.node.level} {row.node.ledger}": {"held": row.held, "settled": row.settled} for row in rows if row.held or row.settled}


async def aside(one: FakeGateway) -> Mapping[str, Any]:
    """What only some cases ask about."""
    run, entries = await one.store.run(RUN), await one.store.entries(RUN, after=0, limit=500)
    last = json.loads(entries[-1][1].leaf) if entries else {}
    return {
        "host": {"received": len(one.billing.deliveries), "written": len(one.billing.writes)},
        "run": {"stop": run.stop, "steps": run.steps} if run else {},
        "last_entry": {"kind": last.get("kind"), "reasons": last.get("reasons", [])},
    }


def reasons_told(words: object) -> Iterator[str]:
    """Every reason that a case expects to be told of."""
    if isinstance(words, Mapping):
        for name, value in words.items():
            if name == "refused":
                yield value
            elif name == "reasons":
                yield from value
            else:
                yield from reasons_told(value)
    elif isinstance(words, list):
        for one in words:
            yield from reasons_told(one)


def test_every_reason_that_can_be_told_has_a_case() -> None:
    """The closed list, seen from outside."""
    told_of = {reason for file in FILES for case in [read(file)] for reason in reasons_told([case["when"], case["then"]])}

    assert told_of == {reason.value for reason in Reason} - {reason.value for reason in NOT_YET}


def test_there_are_cases() -> None:
    """An empty folder proves nothing."""
    assert len(FILES) >= 25
