-- Column lists with their types, by name. `@commit` in a statement stands for the names, `v.@commit` for each with `v.` before it, `:@commit` for a
-- parameter of each, an array of its type. The codec of rows holds the order of the first seven.

-- name: commit
-- A commit, without its texts.
    commit_id text, tenant text, caller text, key bytea, generation integer, run_id text, workflow text, step text, action text, target text,
    method text, path text, decision_id text, fingerprint bytea, state text, verdict_id text, activation_number integer, revision text,
    attempt_id text, boot_id text, attempts integer, lease_until_ms bigint, not_after_ms bigint, host_status integer, response_truncated boolean,
    created_at_ms bigint, ended_at_ms bigint, expire_at_ms bigint, entry_hash bytea, traceparent text, looks integer, look_at_ms bigint,
    look_until_ms bigint, resolved_by text, notes text, holds text;

-- name: decision
-- A decision, without its texts.
    decision_id text, tenant text, caller text, key bytea, generation integer, run_id text, workflow text, step text, fingerprint bytea, state text,
    option text, source text, stop text, verdict_id text, activation_number integer, revision text, step_digest bytea, agent_version text,
    transcript_sha256 bytea, boot_id text, lease_until_ms bigint, created_at_ms bigint, ended_at_ms bigint, ttl_ms bigint, expire_at_ms bigint,
    consumed_by text, entry_hash bytea, counted boolean, notes text, evidence text, usage text, holds text, models text;

-- name: run
    tenant text, workflow text, run_id text, opened_at_ms bigint, deadline_at_ms bigint, steps integer, steps_max integer, stop text,
    stopped_at_ms bigint, note bytea, note_salt bytea, budgets text, finish_key bytea, collected integer;

-- name: entry
    kind text, time_ms bigint, boot_id text, counter bigint, tenant text, workflow text, run_id text, subject_id text, leaf bytea, leaf_hash bytea;

-- name: halt
-- Its scope first.
    tenant text, workflow text, step text, action text, target text, model text, run_id text, halt_id text, reason bytea, principal text,
    thrown_at_ms bigint, lifted_at_ms bigint, lifted_by text, lift_reason bytea, salt bytea, lift_salt bytea;

-- name: commit_moves
-- What may change of a commit after T1.
    state text, attempts integer, lease_until_ms bigint, not_after_ms bigint, host_status integer, response_truncated boolean, ended_at_ms bigint,
    entry_hash bytea, looks integer, look_at_ms bigint, look_until_ms bigint, resolved_by text, notes text, holds text;

-- name: decision_ends
-- What may change of a decision when thinking ends.
    state text, option text, source text, agent_version text, transcript_sha256 bytea, lease_until_ms bigint, ended_at_ms bigint, expire_at_ms bigint,
    consumed_by text, entry_hash bytea, stop text, notes text, evidence text, usage text, holds text;

-- name: run_filling
-- What a run gets when it is opened.
    opened_at_ms bigint, deadline_at_ms bigint, steps integer, steps_max integer, stop text, stopped_at_ms bigint, note bytea, note_salt bytea,
    budgets text, finish_key bytea, collected integer;

-- name: run_moves
    steps integer, stop text, stopped_at_ms bigint, note bytea, note_salt bytea, finish_key bytea, collected integer;

-- name: run_name
    tenant text, run_id text, workflow text;

-- name: generation
    key_hash bytea, generation integer, subject_id text, fingerprint bytea, fingerprint_version integer;

-- name: body
    commit_id text, salt bytea, payload bytea, judged_input bytea, response bytea;

-- name: attempt
    attempt_id text, commit_id text, number integer, boot_id text, lease_until_ms bigint, not_after_ms bigint, made_at_ms bigint;

-- name: spoken
    commit_id text, words bytea, salt bytea;

-- name: texts
    decision_id text, salt bytea, context bytea, rationale bytea;

-- name: window
    node_key text, window_start_ms bigint, held bigint, settled bigint, collected bigint;

-- name: step
    entry_hash bytea, tenant text, workflow text, run_id text, key bytea, recorded_at_ms bigint, result bytea, salt bytea;

-- name: activation
    number integer, revision text, digest bytea, standing text, activated_at_ms bigint;
