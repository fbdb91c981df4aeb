"""Reads what a host says of one key.

The protocol: `GET` the target's `query_path` with the key in it; the host answers 200 (404 for NOT_FOUND, 200 is taken too) with one JSON object:

    {"status": "APPLIED" | "IN_PROGRESS" | "NOT_APPLIED" | "NOT_FOUND", "http_status": 201, "response": {...}}

1. `APPLIED`: the write was made; `http_status` (100 to 599, required) and `response` (any JSON, may be missing) are the answer the host gave to it.
2. `NOT_APPLIED`: the host has durably closed the key and will never carry it out. `NOT_FOUND`: it knows nothing of the key, now.
3. A bare 404 is a wrong path as easily as an unknown key: without the JSON object it is NO_ANSWER. So is everything that is not exactly the above.
4. Other members are ignored; a member named twice, NaN, or an answer too long to be read whole is NO_ANSWER.
"""

import json
from typing import Final, NoReturn

from gateway.domain.host_answer import HttpReply, NotSent, QueryFinding, Silent
from gateway.domain.limits import RESPONSE_BYTES_MAX
from gateway.ports.host import QueryAnswer

ANSWER_BYTES_MAX: Final = RESPONSE_BYTES_MAX + 4 * 1024  # the response and what stands around it
_FOUND: Final = {finding.value: finding for finding in QueryFinding if finding is not QueryFinding.NO_ANSWER}


def no_answer(detail: str) -> QueryAnswer:
    return QueryAnswer(finding=QueryFinding.NO_ANSWER, status=0, body=b"", detail=detail)


def read_query(seen: HttpReply | NotSent | Silent) -> QueryAnswer:
    if not isinstance(seen, HttpReply):
        return no_answer(seen.detail)
    if seen.status not in {200, 404}:
        return no_answer(f"the query was answered with status {seen.status}")
    if seen.body_truncated:
        return no_answer("the query's answer is too long or was cut short")
    try:
        document = json.loads(seen.body, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return no_answer(f"the query was answered with status {seen.status} and no JSON object of ours")
    if not isinstance(document, dict):
        return no_answer("the query's answer is no JSON object")
    return _read_object(document, seen.status)


def _read_object(document: dict[str, object], status: int) -> QueryAnswer:
    said = document.get("status")
    finding = _FOUND.get(said) if isinstance(said, str) else None
    if finding is None:
        return no_answer("the query's answer has no status we know")
    if status == 404 and finding is not QueryFinding.NOT_FOUND:
        return no_answer(f"the query's answer contradicts itself: HTTP 404 and {finding}")
    if finding is not QueryFinding.APPLIED:
        return QueryAnswer(finding=finding, status=0, body=b"", detail="")
    original = document.get("http_status")
    if not isinstance(original, int) or not 100 <= original <= 599:
        return no_answer("the query's answer says APPLIED without the http_status of the original answer")
    return _applied(original, document)


def _applied(status: int, document: dict[str, object]) -> QueryAnswer:
    body, detail = b"", ""
    if "response" in document:
        try:
            body = json.dumps(document["response"], allow_nan=False, separators=(",", ":")).encode("ascii")
        except ValueError:
            return no_answer("the query's answer carries a number that is none")
    if len(body) > RESPONSE_BYTES_MAX:
        body, detail = b"", f"the original answer is over {RESPONSE_BYTES_MAX} bytes and was not kept"
    return QueryAnswer(finding=QueryFinding.APPLIED, status=status, body=body, detail=detail)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
