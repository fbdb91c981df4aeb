-- Column lists, by name. `@commit` in a statement stands for the list, `:@commit` for a parameter of each. The codec holds its order to them.

-- name: commit
-- A commit, without its texts.
    commit_id, tenant, caller, key, generation, run_id, workflow, step, action, target, method, path, decision_id, fingerprint, state,
    verdict_id, activation_number, revision, attempt_id, boot_id, attempts, lease_until_ms, not_after_ms, host_status, response_truncated,
    created_at_ms, ended_at_ms, expire_at_ms, entry_hash, traceparent, looks, look_at_ms, look_until_ms, resolved_by, notes, holds;

-- name: decision
-- A decision, without its texts.
    decision_id, tenant, caller, key, generation, run_id, workflow, step, fingerprint, state, option, source, stop, verdict_id,
    activation_number, revision, step_digest, agent_version, transcript_sha256, boot_id, lease_until_ms, created_at_ms, ended_at_ms, ttl_ms,
    expire_at_ms, consumed_by, entry_hash, counted, notes, evidence, usage, holds, models;

-- name: run
-- A run.
    tenant, workflow, run_id, opened_at_ms, deadline_at_ms, steps, steps_max, stop, stopped_at_ms, note, note_salt, budgets,
    finish_key, collected;

-- name: entry
-- An entry of the record.
    kind, time_ms, boot_id, counter, tenant, workflow, run_id, subject_id, leaf, leaf_hash;

-- name: halt
-- A halt, its scope first.
    tenant, workflow, step, action, target, model, run_id, halt_id, reason, principal, thrown_at_ms, lifted_at_ms, lifted_by, lift_reason,
    salt, lift_salt;

-- name: node
-- A budget node in one window.
    level, tenant, workflow, run_id, ledger, currency, time_window, window_start_ms, held, settled, collected;

-- name: step
-- A recorded step.
    entry_hash, tenant, workflow, run_id, key, recorded_at_ms, result, salt;
