"""OperatorService: the kill switch, unknown outcomes, budgets, the activation in force. On a socket that no workflow can reach."""

from collections.abc import Callable
from dataclasses import dataclass

from countersign.v1 import operator_pb2, types_pb2
from gateway.domain.boundary import Activation
from gateway.domain.budget import Level
from gateway.domain.identity import EVERY_TENANT
from gateway.domain.records import RunName
from gateway.domain.refusal import Refusal
from gateway.ports.store import Store
from gateway.service.ask_now import AskNow
from gateway.service.halts import Halts
from gateway.service.lookup import Lookup
from gateway.service.runs import Runs
from gateway.transport.call import Call
from gateway.transport.codec import answers, operators, pages
from gateway.transport.codec.form import Form, parse
from gateway.transport.servicers.gateway import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorServicer:
    halts: Halts
    ask_now: AskNow
    lookup: Lookup
    runs: Runs
    store: Store
    activation: Callable[[], Activation]

    async def halt(self, request: bytes, call: Call) -> Answer:
        message = parse(operator_pb2.HaltRequest, request)
        if isinstance(message, Refusal):
            return message
        form = Form()
        scope, reason = operators.scope(form, message.scope, call), operators.why(form, message.reason)
        if refusal := form.refusal():
            return refusal
        thrown = await self.halts.throw(scope, reason=reason, caller=call.caller, hand_over_by_s=call.patience.hand_over_by_s)
        return operator_pb2.HaltResponse(halt=operators.halt(thrown.halt), inventory=operators.inventory(thrown))

    async def resume(self, request: bytes, call: Call) -> Answer:
        message = parse(operator_pb2.ResumeRequest, request)
        if isinstance(message, Refusal):
            return message
        form = Form()
        halt_id, reason = form.name("halt_id", message.halt_id), operators.why(form, message.reason)
        if refusal := form.refusal():
            return refusal
        lifted = await self.halts.lift(halt_id, reason=reason, caller=call.caller, hand_over_by_s=call.patience.hand_over_by_s)
        return lifted if isinstance(lifted, Refusal) else operator_pb2.ResumeResponse(halt=operators.halt(lifted))

    async def list_halts(self, request: bytes, call: Call) -> Answer:
        message = parse(operator_pb2.ListHaltsRequest, request)
        if isinstance(message, Refusal):
            return message
        halts = await self.store.halts(include_lifted=message.include_lifted)
        seen = [one for one in halts if call.caller.tenant in {"*", one.scope.tenant} or not one.scope.tenant]
        return operator_pb2.ListHaltsResponse(halts=[operators.halt(one) for one in seen])

    async def list_commits(self, request: bytes, call: Call) -> Answer:
        message = parse(operator_pb2.ListCommitsRequest, request)
        if isinstance(message, Refusal):
            return message
        form = Form()
        tenant = operators.tenant_asked(form, call, message.tenant, required=False)
        state, workflow = operators.state_named(form, message.outcome), form.optional_id("workflow", message.workflow)
        before, limit = operators.page(form, message.page_size, message.page_token)
        created_before_ms = operators.created_before_ms(form, message)
        if refusal := form.refusal():
            return refusal
        rows, more_after = await self.lookup.listed(
            tenant=tenant, state=state, workflow=workflow, before=before, limit=limit, created_before_ms=created_before_ms
        )
        commits, token = pages.fill(((place, answers.commit(row, b"")) for place, row in rows), after=more_after, beside=None)
        return operator_pb2.ListCommitsResponse(commits=commits, next_page_token=token)

    async def resolve_commit(self, request: bytes, call: Call) -> Answer:
        message = parse(operator_pb2.ResolveCommitRequest, request)
        if isinstance(message, Refusal):
            return message
        form = Form()
        commit_id, evidence = form.name("commit_id", message.commit_id), operators.evidence(form, message.evidence)
        if message.expected != types_pb2.OUTCOME_UNKNOWN:
            form.wrong("expected", "only an UNKNOWN commit is resolved: expected must say OUTCOME_UNKNOWN")
        if message.outcome not in {types_pb2.OUTCOME_SUCCEEDED, types_pb2.OUTCOME_FAILED}:
            form.wrong("outcome", "expected OUTCOME_SUCCEEDED or OUTCOME_FAILED")
        if refusal := form.refusal():
            return refusal
        resolved = await self.halts.resolve(
            commit_id, done=message.outcome == types_pb2.OUTCOME_SUCCEEDED, evidence=evidence, caller=call.caller,
            hand_over_by_s=call.patience.hand_over_by_s,
        )  # fmt: skip
        return resolved if isinstance(resolved, Refusal) else operator_pb2.ResolveCommitResponse(commit=answers.outcome(resolved))

    async def reconcile_commit(self, request: bytes, call: Call) -> Answer:
        message = parse(operator_pb2.ReconcileCommitRequest, request)
        if isinstance(message, Refusal):
            return message
        form = Form()
        commit_id = form.name("commit_id", message.commit_id)
        if refusal := form.refusal():
            return refusal
        done = await self.ask_now.reconcile(commit_id, caller=call.caller)
        return done if isinstance(done, Refusal) else operator_pb2.ReconcileCommitResponse(commit=answers.outcome(done.outcome), asked=done.asked)

    async def list_budgets(self, request: bytes, call: Call) -> Answer:
        message = parse(operator_pb2.ListBudgetsRequest, request)
        if isinstance(message, Refusal):
            return message
        form = Form()
        tenant, workflow = operators.tenant_asked(form, call, message.tenant, required=False), form.optional_id("workflow", message.workflow)
        if refusal := form.refusal():
            return refusal
        budgets = []
        for row in await self.store.nodes(tenant=tenant, workflow=workflow):
            node = row.node
            run = await self.store.run(RunName(node.tenant, node.workflow, node.run_id)) if node.level is Level.RUN else None
            budgets.append(answers.balance(row, operators.limit_of(row, self.activation(), run.budgets if run else ())))
        return operator_pb2.ListBudgetsResponse(budgets=budgets)

    async def get_activation(self, request: bytes, call: Call) -> Answer:
        message = parse(operator_pb2.GetActivationRequest, request)
        if isinstance(message, Refusal):
            return message
        row = (await self.store.gate()).activation
        assert row is not None, "a gateway that serves has an activation"
        every = call.caller.tenant == EVERY_TENANT  # the file has every tenant's budgets
        return operators.activation(row, self.activation().boundary_yaml if every else b"")

    async def inspect_commit(self, request: bytes, call: Call) -> Answer:
        message = parse(operator_pb2.InspectCommitRequest, request)
        asked = message if isinstance(message, Refusal) else operators.commit_name(message, call)
        if isinstance(asked, Refusal):
            return asked
        name, tenant = asked
        found = await self.lookup.commit(name, tenant=tenant)
        return found if isinstance(found, Refusal) else operator_pb2.InspectCommitResponse(commit=answers.outcome(found))

    async def inspect_run(self, request: bytes, call: Call) -> Answer:
        message = parse(operator_pb2.InspectRunRequest, request)
        page = message if isinstance(message, Refusal) else operators.run_page(message, call)
        if isinstance(page, Refusal):
            return page
        name, after, limit = page
        trace = await self.runs.trace(name, after=after, limit=limit)
        if isinstance(trace, Refusal):
            return trace
        run, entries, token = answers.trace(trace)
        return operator_pb2.InspectRunResponse(run=run, entries=entries, next_page_token=token)
