"""A trace arrives whole, however much the hosts of its run had to say."""

from pathlib import Path

from countersign.v1 import gateway_pb2
from gateway.domain.limits import RESPONSE_BYTES_MAX
from tests.fakes.activation import activation
from tests.fakes.commands import commit_command
from tests.fakes.gateway import gateway
from tests.fakes.host import answered
from tests.fakes.served import GATEWAY, every_role, served


async def test_a_page_is_bounded_by_its_bytes_too(tmp_path: Path) -> None:
    """Forty answers of 64 KiB, twice each in the trace, are more than the wire takes at once: no entry is lost, none comes twice."""
    async with gateway(activation(steps_max=100)) as of, served(of, every_role(tmp_path)) as one:
        for number in range(40):
            of.billing.turns.append(answered(200, bytes(RESPONSE_BYTES_MAX), applied=True))
            await of.commit(commit_command(f"K-{number}"))

        hashes, token, pages = [], "", 0
        for _ in range(200):
            ask = gateway_pb2.GetRunRequest(run_id="run-1", page_token=token)
            page = await one.ask("workflow", f"{GATEWAY}/GetRun", ask, gateway_pb2.GetRunResponse)
            hashes += [line.entry_hash for line in page.entries]
            token, pages = page.next_page_token, pages + 1
            if not token:
                break

        assert (len(hashes), len(set(hashes)), pages > 1) == (80, 80, True)
