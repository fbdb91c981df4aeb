"""The callers: how many at once, each request once, and what a failed call does."""

import asyncio

import pytest

from benchmarks.load import CallFailed, closed_loop, waves
from countersign.v1 import gateway_pb2, types_pb2

DONE = gateway_pb2.CommitResponse(commit=types_pb2.Commit(outcome=types_pb2.OUTCOME_SUCCEEDED)).SerializeToString()


class Server:
    """Answers after a few turns of the loop, and remembers."""

    def __init__(self, answer: bytes = DONE) -> None:
        self.answer = answer
        self.got: list[bytes] = []
        self.inside = 0
        self.most = 0
        self.starts_of_waves = 0

    async def send(self, request: bytes) -> bytes:
        self.starts_of_waves += self.inside == 0
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.got.append(request)
        for _ in range(3 + len(self.got) % 5):
            await asyncio.sleep(0)
        self.inside -= 1
        if request == b"fail":
            raise CallFailed("told to")
        return self.answer


def requests(calls: int) -> list[bytes]:
    return [b"%d" % number for number in range(calls)]


async def test_a_closed_loop_keeps_so_many_in_flight() -> None:
    """Never more, and every request once."""
    server = Server()

    piece = await closed_loop(server.send, requests(200), in_flight=16)

    assert server.most == 16
    assert server.starts_of_waves == 1
    assert sorted(server.got) == sorted(requests(200))
    assert (piece.calls, piece.succeeded, len(piece.latencies_ms)) == (200, 200, 200)
    assert min(piece.latencies_ms) > 0
    assert piece.elapsed_s * 1000 >= max(piece.latencies_ms)


async def test_a_wave_is_waited_for_before_the_next() -> None:
    """Twenty calls in waves of eight are three."""
    server = Server()

    piece = await waves(server.send, requests(20), size=8)

    assert (server.most, server.starts_of_waves) == (8, 3)
    assert server.got == requests(20)
    assert piece.succeeded == 20


@pytest.mark.parametrize(
    "answer",
    [
        gateway_pb2.CommitResponse(commit=types_pb2.Commit(outcome=types_pb2.OUTCOME_DENIED)),
        gateway_pb2.CommitResponse(commit=types_pb2.Commit(outcome=types_pb2.OUTCOME_UNKNOWN)),
        gateway_pb2.CommitResponse(commit=types_pb2.Commit(outcome=types_pb2.OUTCOME_SUCCEEDED), replayed=True),
        gateway_pb2.CommitResponse(),
    ],
)
async def test_only_work_done_now_counts(answer: gateway_pb2.CommitResponse) -> None:
    """A denial, an unknown outcome and a replay are quick, and none is a commit."""
    piece = await closed_loop(Server(answer.SerializeToString()).send, requests(4), in_flight=2)

    assert (piece.calls, piece.succeeded) == (4, 0)


async def test_a_failed_call_ends_the_piece() -> None:
    """What is left is not sent, and nobody goes on behind the measurement's back."""
    server = Server()

    with pytest.raises(CallFailed, match="told to"):
        await closed_loop(server.send, [*requests(10), b"fail", *requests(1_000)], in_flight=4)

    assert len(server.got) < 50
