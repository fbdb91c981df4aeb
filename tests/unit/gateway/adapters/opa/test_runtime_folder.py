"""Where an engine may be kept: nobody else may exchange it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.adapters.opa.engine import EngineTerms, OpaEngine
from gateway.domain.faults import PolicyFault
from tests.unit.gateway.adapters.opa.opa_binary import opa_binary


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of the mode that is asked for, with room for a socket's name."""
    made = tmp_path_factory.mktemp("e")
    made.chmod(request.param)
    return made


def engine_in(folder: Path) -> OpaEngine:
    return OpaEngine(EngineTerms(binary=opa_binary(), runtime_folder=folder), log=lambda _line: None)


def entries(folder: Path) -> list[Path]:
    return [*folder.iterdir()]


@pytest.mark.parametrize("folder", [0o770, 0o702, 0o777], indirect=True)
async def test_a_folder_that_others_can_write_is_refused(folder: Path) -> None:
    """They could rename ours and answer in its place."""
    with pytest.raises(PolicyFault, match="others could put a policy engine of theirs"):
        await engine_in(folder).open()

    assert entries(folder) == []


@pytest.mark.parametrize("folder", [0o700, 0o755, 0o1777], indirect=True)
async def test_a_folder_where_ours_stays_ours_will_do(folder: Path) -> None:
    """In /tmp the sticky bit keeps others from it."""
    engine = engine_in(folder)

    await engine.open()
    made = len(entries(folder))
    await engine.close()

    assert made == 1


async def test_many_that_begin_at_once_sweep_what_is_left_and_not_each_other(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A lock has its name only when it is held; what another has just swept is nobody's."""
    folder = tmp_path_factory.mktemp("e")
    for number in range(40):
        (folder / f"opa-left-{number}").mkdir()
        (folder / f"opa-left-{number}" / "lock").touch()
    engines = [engine_in(folder) for _ in range(12)]

    with ThreadPoolExecutor(len(engines)) as threads:
        for opened in [threads.submit(asyncio.run, engine.open()) for engine in engines]:
            opened.result()
    living = len(entries(folder))
    for engine in engines:
        await engine.close()

    assert living == len(engines)
    assert entries(folder) == []
