"""A page of a listing: as many of its messages as one message of the wire takes, and the token of where the next page begins.

1. Counted in bytes as they are encoded. A message that fits no page by itself is a page of its own: nothing is left out, and a listing ends.
2. Whoever asks for more rows than fit gets fewer and a token, as with any page.
"""

from collections.abc import Iterable
from typing import Final, TypeVar

from google.protobuf.message import Message

from gateway.domain.limits import WIRE_BYTES_MAX

M = TypeVar("M", bound=Message)

_FRAME_BYTES: Final = 6  # around each message of a listing: a tag and a length
_BESIDE_BYTES: Final = 64  # the token, and the frame of what else the answer holds


def fill(placed: Iterable[tuple[int, M]], *, after: int, beside: Message | None) -> tuple[list[M], str]:
    """The messages that fit, in order, and the token; "" when the listing ends here.

    `placed`: each with its place in the listing, made only when it is asked for. `after`: the place to go on from when all of them fit, 0 for
    none. `beside`: what else the answer holds.
    """
    left = WIRE_BYTES_MAX - _BESIDE_BYTES - (beside.ByteSize() if beside else 0)
    page: list[M] = []
    last = 0
    for place, message in placed:
        left -= message.ByteSize() + _FRAME_BYTES
        if left < 0 and page:
            return page, str(last)
        page.append(message)
        last = place
    return page, str(after) if after else ""
