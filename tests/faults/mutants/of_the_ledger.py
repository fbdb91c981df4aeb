"""Bugs of the ledger: keys, the lifecycle, budgets, halts, the record, the store."""

from typing import Final

from tests.faults.mutants.mutant import Mutant

_EXAM: Final = "tests/contract/test_store_exam.py::"
_BUDGETS: Final = "tests/contract/test_store_exam_budgets.py::"
_UNKNOWNS: Final = "tests/contract/test_store_exam_unknowns.py::"
_GUARDS: Final = "gateway/domain/guards.py"
_COMMITS: Final = "gateway/domain/writes/commits.py"
_NOW: Final = 'lambda held, rows: __import__("gateway.domain.budget", fromlist=["window_start"]).window_start(held.node.window, rows.now_ms)'

OF_THE_LEDGER: Final = (
    Mutant(
        name="synchronous-normal", bug="a commit is acknowledged before it is synced", first=True,
        file="gateway/adapters/store/opening.py", text='"synchronous": "FULL"', put='"synchronous": "NORMAL"',
        test="tests/faults/test_power_loss.py::test_nothing_acknowledged_is_lost",
    ),
    Mutant(
        name="failed-commit-is-done", bug="a COMMIT that failed is taken for done", first=True,
        file="gateway/adapters/store/writer.py", text="errand.failed(StoreAmbiguous(", put="(lambda _: errand.durable())(StoreAmbiguous(",
        test="tests/unit/gateway/adapters/store/test_disk_faults.py::test_a_sync_that_fails_at_commit_is_ambiguous_for_all_and_the_end_of_the_store",
    ),
    Mutant(
        name="no-unique-key", bug="a key that is bound is taken for free", first=True,
        file=_GUARDS, text="    return resolve_key(ask, row, held)\n", put="    return None\n",
        test=_EXAM + "test_twins_that_arrive_together_are_one_commit",
    ),
    Mutant(
        name="key-of-any-tenant", bug="a key is not scoped to its tenant", first=True,
        file="gateway/adapters/store/codec.py", text='b"%s\\x00%d\\x00%s%s" % (name.space.encode(), len(tenant), tenant, name.key)',
        put='b"%s\\x00%d\\x00%s" % (name.space.encode(), len(name.key), name.key)', test=_EXAM + "test_keys_are_bytes_of_a_space_of_a_tenant",
    ),
    Mutant(
        name="replay-without-fingerprint", bug="the same key answers for other content",
        file=_GUARDS, text="row.bound_to(ask.fingerprints)", put="True", test=_EXAM + "test_a_key_is_bound_to_its_content",
    ),
    Mutant(
        name="newest-fingerprint-alone", bug="after an upgrade of the fingerprint a retry is taken for other content",
        file="gateway/domain/records.py", text="fingerprints.get(self.fingerprint_version) == self.fingerprint",
        put="fingerprints[max(fingerprints)] == self.fingerprint",
        test=_EXAM + "test_a_retry_made_by_a_newer_version_of_the_fingerprint_is_the_same_request",
    ),
    Mutant(
        name="unknown-superseded", bug="what may have happened is tried again under a new generation", first=True,
        file="gateway/domain/lifecycle.py", text="SUPERSEDABLE: Final = frozenset({State.FAILED, State.DENIED})",
        put="SUPERSEDABLE: Final = frozenset({State.FAILED, State.DENIED, State.UNKNOWN})", test=_EXAM + "test_what_may_have_happened_is_not_superseded",
    ),
    Mutant(
        name="released-on-timeout", bug="a host that says nothing gives the money back", first=True,
        file=_COMMITS, text="costs=state is State.SUCCEEDED) if ended else row.holds", put="costs=state is State.SUCCEEDED)",
        test="tests/unit/gateway/service/test_commit_after_t1.py::test_an_unknown_keeps_the_hold_and_the_decision",
    ),
    Mutant(
        name="expired-lease-is-a-no", bug="a sender that is gone is taken not to have sent", first=True,
        file="gateway/domain/writes/resolutions.py", text="Event.NOBODY_KNOWS, EntryKind.OUTCOME, {})", put="Event.HOST_DID_NOT, EntryKind.OUTCOME, {})",
        test=_UNKNOWNS + "test_an_expired_lease_means_nobody_knows",
    ),
    Mutant(
        name="settle-without-compare", bug="a late answer moves what has ended",
        file=_COMMITS, text="        if row.state in TERMINAL:\n            return self._late(rows, row)\n", put="",
        test=_UNKNOWNS + "test_a_late_answer_to_what_has_ended_is_only_recorded",
    ),
    Mutant(
        name="no-before-a-sender-can-wake", bug="an operator says FAILED while a stopped sender may still send", first=True,
        file="gateway/domain/writes/resolutions.py", text="if self.event is Event.FOUND_NOT_DONE and rows.now_ms < may_fail_at_ms:", put="if False:",
        test=_UNKNOWNS + "test_an_operator_says_done_at_once_and_not_done_only_when_no_sender_can_wake",
    ),
    Mutant(
        name="own-answer-told", bug="a caller is told its own late answer, and not what the record has",
        file="gateway/stages/settle.py", text="    if row.attempts > 1 or row.resolved_by:\n", put="    if row.attempts < 1:\n",
        test="tests/unit/gateway/stages/test_settle.py::test_a_sender_that_comes_late_tells_what_the_record_has",
    ),
    Mutant(
        name="settled-twice", bug="what a write cost is counted twice",
        file="gateway/domain/budget.py", text="settled=row.settled + actual)", put="settled=row.settled + 2 * actual)",
        test="tests/unit/gateway/domain/test_budget.py::test_what_was_not_used_comes_back_and_what_was_used_above_it_is_kept",
    ),
    Mutant(
        name="ended-in-todays-window", bug="a hold ends in the window of now instead of its own",
        file=_COMMITS, text="node = rows.nodes[held.node.key, held.window_start_ms]",
        put="node = rows.nodes[held.node.key, _NOW(held, rows)]",
        more=(
            (_COMMITS, "return [(held.node.key, held.window_start_ms) for held", "return [(held.node.key, _NOW(held, rows)) for held"),
            (_COMMITS, "\ndef nodes_of(", f"\n_NOW = {_NOW}\n\n\ndef nodes_of("),
        ),
        test=_BUDGETS + "test_a_hold_ends_in_the_window_it_was_made_in",
    ),
    Mutant(
        name="parent-not-held", bug="the tenant's budget is not asked", first=True,
        file=_GUARDS, text='        (Level.TENANT, "", "", standing.tenants.get(tenant, ())),\n', put="",
        test=_BUDGETS + "test_every_level_admits_or_nothing_is_held",
    ),
    Mutant(
        name="check-then-add", bug="each member of a batch sees the budget as it was before the batch", first=True,
        file="gateway/domain/rows.py", text="        self.nodes[place] = row\n",
        put="        self.nodes.setdefault(place, row)\n",
        test=_BUDGETS + "test_one_node_named_by_three_members_of_a_batch_counts_three_times",
    ),
    Mutant(
        name="old-window-again", bug="a clock that goes back opens a window that is over",
        file="gateway/domain/budget.py", text="row.window_start_ms >= start", put="row.window_start_ms == start",
        test=_BUDGETS + "test_a_clock_that_goes_back_opens_no_old_window",
    ),
    Mutant(
        name="halt-before-t1", bug="a halt is looked at before T1 and not inside", first=True,
        file=_GUARDS, text="    key_is_free, not_expired, judged_under_law, not_halted,", put="    key_is_free, not_expired, judged_under_law,",
        test="tests/contract/test_store_exam_halts.py::test_nothing_in_scope_is_admitted_after_a_halt",
    ),
    Mutant(
        name="halt-from-memory", bug="a halt is read from memory, not under the gate",
        file="gateway/adapters/store/load.py", text="if self._gate is None or self._gate[0] != version:", put="if self._gate is None:",
        test="tests/contract/test_store_exam_halts.py::test_nothing_in_scope_is_admitted_after_a_halt",
    ),
    Mutant(
        name="old-verdict", bug="a verdict of any age admits",
        file=_GUARDS, text="rows.now_ms - ask.verdict_at_ms > VERDICT_AGE_MS_MAX", put="rows.now_ms - ask.verdict_at_ms > 10**12",
        test=_EXAM + "test_an_old_verdict_is_asked_again_without_a_trace",
    ),
    Mutant(
        name="decision-used-twice", bug="one decision carries two writes", first=True,
        file=_GUARDS, text='        ("used", bool(decision.consumed_by)),\n', put="",
        test="tests/contract/test_store_exam_decisions.py::test_one_decision_carries_one_commit",
    ),
    Mutant(
        name="record-after-commit", bug="entries are not part of the transaction they tell of",
        file="gateway/adapters/store/save.py", text="        self._each(_INSERT_ENTRY, [entry_values(entry) for entry in dirty.entries])\n", put="",
        test="tests/contract/test_store_exam_reads.py::test_the_record_of_a_run_is_gapless_hashed_and_paged",
    ),
    Mutant(
        name="failed-not-recorded", bug="a failure leaves no OUTCOME",
        file=_COMMITS, text="    return record_commit(rows, kind, moved, more)\n",
        put="    if state is State.FAILED:\n        rows.put_commit(moved)\n        return moved\n    return record_commit(rows, kind, moved, more)\n",
        test=_EXAM + "test_t2_records_what_came_of_it",
    ),
    Mutant(
        name="unknown-collected", bug="what nobody knows is thrown away when it is old",
        file="gateway/domain/writes/collecting.py", text=" + keep_ms if row.state in TERMINAL else _FOREVER_MS", put=" + keep_ms",
        test="tests/contract/test_store_exam_retention.py::test_what_has_not_ended_is_never_collected",
    ),
    Mutant(
        name="no-recovery", bug="what an earlier boot left is left as it is",
        file="gateway/adapters/store/sqlite.py", text="            if not any(left):", put="            if True:",
        test=_UNKNOWNS + "test_what_an_earlier_boot_left_is_ended_by_recovery",
    ),
)  # fmt: skip
