"""Malformed input: messages drawn from the descriptors, sent to every RPC of a real server. A case is a hundred of them, to a gateway of their own."""

import uvloop

from tests.prove.suite import Assignment, Report, each
from tests.simulation.fuzz.messages import drawn
from tests.simulation.fuzz.sending import send_all

_AT_ONCE = 100


def run(given: Assignment) -> Report:
    def try_out(case: str) -> str:
        messages = drawn(_AT_ONCE, seeded=given.draw(case).getrandbits(32))
        return "\n".join(uvloop.run(send_all(messages)))[:2_000]

    return each(given, [str(number) for number in range(given.volume)], try_out)
