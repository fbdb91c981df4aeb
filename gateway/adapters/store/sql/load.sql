-- The rows that the members of a batch need, by name; also what one request recalls.

-- name: key
SELECT subject_id, fingerprint, fingerprint_version, retired_at_ms FROM keys WHERE key_hash = :key_hash ORDER BY generation;

-- name: commit
SELECT @commit FROM commits WHERE commit_id = :commit_id;

-- name: open_commits
SELECT @commit FROM commits INDEXED BY commits_open WHERE state IN ('FORWARDING', 'UNKNOWN');

-- name: decision
SELECT @decision, texts.salt, texts.context, texts.rationale FROM decisions JOIN decision_texts AS texts USING (place) WHERE decision_id = :decision_id;

-- name: open_decisions
SELECT @decision, texts.salt, texts.context, texts.rationale FROM decisions INDEXED BY decisions_open JOIN decision_texts AS texts USING (place) WHERE state = 'THINKING';

-- name: run
SELECT @run FROM runs WHERE tenant = :tenant AND run_id = :run_id AND workflow = :workflow;

-- name: newest_window
SELECT window_start_ms, held, settled, collected FROM nodes WHERE node_key = :node_key ORDER BY window_start_ms DESC LIMIT 1;

-- name: window
SELECT @node FROM nodes WHERE node_key = :node_key AND window_start_ms = :window_start_ms;

-- name: halt
SELECT @halt FROM halts WHERE halt_id = :halt_id;

-- name: active_halts
SELECT @halt FROM halts WHERE lifted_at_ms = 0 ORDER BY thrown_at_ms, halt_id;

-- name: gate
SELECT version, minimum_number FROM gate WHERE one = 1;

-- name: activation_in_force
SELECT number, revision, digest, standing, activated_at_ms FROM activations ORDER BY number DESC LIMIT 1;

-- name: open_runs
SELECT count(*) FROM runs INDEXED BY runs_open WHERE tenant = :tenant AND stop = '';

-- name: step
SELECT @step FROM steps WHERE entry_hash = :entry_hash;
