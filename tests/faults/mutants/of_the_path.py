"""Bugs of the way through the gateway: sending, hosts and their answers, policy, parsing, the agent."""

from typing import Final

from tests.faults.mutants.mutant import Mutant

_APPLY: Final = "            return self._too_late(delivery) or await self._exchange(link, request, body_bytes_max=RESPONSE_BYTES_MAX)\n"
_AGAIN: Final = """            said = self._too_late(delivery) or await self._exchange(link, request, body_bytes_max=RESPONSE_BYTES_MAX)
            if isinstance(said, Silent){only_if} and isinstance(again := await self._links.take(), Link):
                return await self._exchange(again, request, body_bytes_max=RESPONSE_BYTES_MAX)
            return said
"""
_HTTP: Final = "gateway/adapters/hosts/http.py"
_AUTHORISE: Final = "            claimed = await authorise_commit(judged, commit_id=commit_id, target=way.terms, store=self.store, ids=self.ids)\n"
_SEND_FIRST: Final = """            early = claim_of(judged, commit_id=commit_id, target=way.terms, ids=self.ids)
            await way.host.apply(__import__("gateway.ports.host", fromlist=["Delivery"]).Delivery(
                target=early.target, action=early.action, method=early.method, path=early.path, payload=early.payload, key="cs-" + commit_id,
                not_after_ms=2**52, send_by_s=float("inf"), traceparent="",
            ))
"""
_CANCELLED: Final = """    try:
        await _wait(task, by_s=answer_by_s)
    except asyncio.CancelledError:
        task.cancel()
        raise
"""

OF_THE_PATH: Final = (
    Mutant(
        name="send-before-t1", bug="a byte leaves before T1 is durable", first=True,
        file="gateway/service/commit.py", text=_AUTHORISE, put=_SEND_FIRST + _AUTHORISE,
        test="tests/unit/gateway/service/test_commit.py::test_a_store_that_does_not_take_it_is_a_fault_and_the_same_key_works_after",
    ),
    Mutant(
        name="leaves-with-its-caller", bug="a caller that leaves takes the write with it: a hold that nobody ends", first=True,
        file="gateway/service/keeper.py", text="    await _wait(task, by_s=answer_by_s)\n",
        put=_CANCELLED,
        test="tests/unit/gateway/service/test_commit_after_t1.py::test_a_caller_that_leaves_while_t1_is_being_written_changes_nothing_either",
    ),
    Mutant(
        name="sent-again-on-silence", bug="a host that breaks off is sent the same write again", first=True,
        file=_HTTP, text=_APPLY, put=_AGAIN.format(only_if=""),
        test="tests/unit/gateway/adapters/hosts/test_http_wire.py::test_a_kept_connection_that_dies_under_a_request_is_not_tried_again",
    ),
    Mutant(
        name="put-sent-again", bug="a client that re-sends PUT because it calls it idempotent", first=True,
        file=_HTTP, text=_APPLY, put=_AGAIN.format(only_if=' and delivery.method == "PUT"'),
        test="tests/unit/gateway/adapters/hosts/test_http_wire.py::test_at_most_one_delivery_and_the_right_observation",
    ),
    Mutant(
        name="sent-after-its-time", bug="not_after is looked at before connecting alone", first=True,
        file=_HTTP, text=_APPLY, put="            return await self._exchange(link, request, body_bytes_max=RESPONSE_BYTES_MAX)\n",
        test="tests/unit/gateway/adapters/hosts/test_http.py::test_too_late_after_connecting",
    ),
    Mutant(
        name="library-retries", bug="the gRPC library sends a call again by itself",
        file="gateway/adapters/hosts/grpc_lines.py", text='("grpc.enable_retries", 0)', put='("grpc.enable_retries", 1)',
        test="tests/unit/gateway/adapters/hosts/test_grpc_wire.py::test_at_most_one_delivery_and_the_right_observation",
    ),
    Mutant(
        name="silence-is-a-no", bug="a break after the first byte is taken for not done",
        file="gateway/domain/host_answer.py", text="    host_class=HostClass.UNKNOWN,\n    reason=Reason.HOST_SILENT,",
        put="    host_class=HostClass.FAILED,\n    reason=Reason.HOST_SILENT,", test="tests/unit/gateway/domain/test_host_answer.py::test_silence_is_unknown",
    ),
    Mutant(
        name="exhausted-is-a-no", bug="gRPC RESOURCE_EXHAUSTED is taken for a refusal",
        file="gateway/domain/host_answer.py", text='"ALREADY_EXISTS", "DATA_LOSS"),\n        host_class=HostClass.UNKNOWN,',
        put='"ALREADY_EXISTS", "DATA_LOSS"),\n        host_class=HostClass.FAILED,', test="tests/unit/gateway/domain/test_host_answer.py::test_every_grpc_code",
    ),
    Mutant(
        name="not-found-is-final", bug="a host that does not know the key yet is believed for good",
        file="gateway/domain/host_answer.py", text="Resolution.NOT_DONE if enforces_not_after and not_after_passed_with_skew",
        put="Resolution.NOT_DONE if True",
        test="tests/unit/gateway/domain/test_host_answer.py::test_what_a_finding_settles",
    ),
    Mutant(
        name="no-to-a-resend", bug="a refusal of the second attempt is taken for one of the first",
        file="gateway/domain/host_answer.py", text="if resend and seen.host_class is HostClass.FAILED and not replays_refusals:", put="if False:",
        test="tests/unit/gateway/domain/test_host_answer.py::test_a_resend_is_refused_only_where_the_host_replays_refusals",
    ),
    Mutant(
        name="resent-where-nobody-dedupes", bug="a takeover re-sends to a host declared none", first=True,
        file="gateway/service/reconcile.py", text="case HostMode.NONE:\n                looked = Looked.STILL_UNKNOWN",
        put="case HostMode.NONE:\n                assert way is not None\n                looked = await self._resend(row, way)",
        test="tests/unit/gateway/service/test_reconcile.py::test_a_host_that_can_be_asked_nothing_needs_an_operator_at_once",
    ),
    Mutant(
        name="duplicate-keys", bug="a payload that two parsers read differently is taken", first=True,
        file="gateway/domain/strict_json.py", text="if len(made) != len(pairs) or len({key.casefold() for key in made}) != len(made):", put="if False:",
        test="tests/unit/gateway/domain/test_strict_json.py::test_what_could_be_read_two_ways_is_refused",
    ),
    Mutant(
        name="float-money", bug="an amount may be a fraction",
        file="gateway/domain/payload.py", text="not isinstance(amount, int)", put="not isinstance(amount, int | float)",
        test="tests/unit/gateway/stages/test_admit.py::test_an_amount_that_is_no_amount_is_a_denial",
    ),
    Mutant(
        name="misspelt-verdict-key", bug="a verdict with a key nobody knows is a verdict",
        file="gateway/domain/verdict.py", text="        if name not in required | optional:", put="        if False:",
        test="tests/unit/gateway/domain/test_verdict.py::test_anything_else_is_malformed_and_says_where",
    ),
    Mutant(
        name="one-bad-question", bug="a question that makes the engine err denies its whole batch",
        file="gateway/adapters/opa/serving.py", text="        await asyncio.gather(*(self._alone(asked) for asked in batch if not asked.answer.done()))\n",
        put='        for asked in batch:\n            _settle(asked, Erred("one of the batch"))\n',
        test="tests/contract/test_policy_exam.py::test_one_erring_question_spoils_none_of_its_neighbours",
    ),
    Mutant(
        name="option-of-the-server", bug="the option is checked by the model server alone", first=True,
        file="gateway/stages/think.py", text="thought.option not in admissible.options", put="not thought.option",
        test="tests/unit/gateway/stages/test_think.py::test_an_option_outside_the_list_is_invalid_whatever_the_agent_says",
    ),
    Mutant(
        name="option-as-the-model-says", bug="the loop proposes whatever the model names",
        file="agent/loop.py", text="    if decided.option in options:\n", put="    if decided.option:\n",
        test="tests/unit/agent/test_loop.py::test_anything_else_is_no_option",
    ),
    Mutant(
        name="counted-after", bug="a tool call is counted after it was made",
        file="agent/loop.py", text="usage=replace(usage, tool_calls=usage.tool_calls + 1))", put="usage=usage)",
        test="tests/unit/agent/test_loop.py::test_a_tool_call_is_counted_before_it_is_made",
    ),
    Mutant(
        name="silent-usage-is-free", bug="a server that reports no usage costs nothing", first=True,
        file="agent/budget.py", text="    tokens_in, tokens_out = usage.tokens_in_reserved, usage.tokens_out_reserved\n",
        put="    tokens_in, tokens_out = 0, 0\n",
        test="tests/unit/agent/test_budget.py::test_nobody_said_anything",
    ),
    Mutant(
        name="sdk-retries", bug="the SDK sends a question again by itself",
        file="agent/models/openai_chat.py", text="max_retries=0, http_client=http", put="max_retries=2, http_client=http",
        test="tests/unit/agent/models/test_openai_chat.py::test_nothing_is_sent_twice",
    ),
    Mutant(
        name="account-of-the-model", bug="the model says whose data is read",
        file="agent/tools/spec.py", text="need(self.type is not SlotType.IDENTIFIER or self.source is Source.CONTEXT,", put="need(True,",
        test="tests/unit/agent/tools/test_spec.py::test_the_model_never_says_whose_data_is_read",
    ),
    Mutant(
        name="pin-not-compared", bug="a tool of a server is called whatever has become of it since somebody looked",
        file="agent/tools/mcp_listing.py", text="    if same[0].pin != pin:\n", put="    if not same[0].pin:\n",
        test="tests/unit/agent/tools/test_mcp_listing.py::test_every_change_of_words_or_schema_shows",
    ),
    Mutant(
        name="door-to-servers-open", bug="whatever the SDK or a server would have sent to a server is sent",
        file="agent/tools/mcp_door.py", text="        if method not in OPERATIONS:\n", put="        if method is None:\n",
        test="tests/unit/agent/tools/test_mcp_door.py::test_what_is_not_on_the_list_does_not_leave",
    ),
)  # fmt: skip
