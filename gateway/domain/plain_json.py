"""JSON as we write it: UTF-8, sorted keys, no spaces, nothing but what is meant to be written.

1. Strings, integers, booleans, null, lists and objects; bytes as hex. Anything else, a float included, is a bug: an assertion.
2. The same value gives the same bytes, for ever: digests and leaves are made of them.
3. Written by hand because it is written three times in each commit, and the general encoder costs five times as much.
"""

from json.encoder import encode_basestring


class Written(str):
    """JSON that is written already, and goes in as it is."""

    __slots__ = ()


def written(value: object) -> str:
    """The JSON of `value`."""
    if isinstance(value, str):
        return value if type(value) is Written else encode_basestring(value)
    if isinstance(value, int):
        return int.__repr__(value) if type(value) is not bool else "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ",".join([f"{encode_basestring(name)}:{written(one)}" for name, one in sorted(value.items())]) + "}"
    if isinstance(value, bytes):
        return f'"{value.hex()}"'
    if value is None:
        return "null"
    assert isinstance(value, list | tuple), f"{type(value).__name__} is not written as JSON"
    return f"[{','.join([written(one) for one in value])}]"
