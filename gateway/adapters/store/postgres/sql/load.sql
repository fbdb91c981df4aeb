-- What the members of a batch decide over; also what one request recalls. Read after the locks, each in a statement of its own.

-- name: keys
SELECT key_hash, retired_at_ms FROM keys WHERE key_hash = ANY(:key_hashes::bytea[]);

-- name: generations
SELECT key_hash, subject_id, fingerprint, fingerprint_version FROM generations WHERE key_hash = ANY(:key_hashes::bytea[]) ORDER BY key_hash, generation;

-- name: commits
SELECT @commit FROM commits WHERE commit_id = ANY(:commit_ids::text[]);

-- name: open_commits
SELECT @commit FROM commits WHERE state IN ('FORWARDING', 'UNKNOWN');

-- name: runs_of_decisions
-- A decision's run never changes: its name may be read before the decision is locked.
SELECT DISTINCT tenant, workflow, run_id FROM decisions WHERE decision_id = ANY(:decision_ids::text[]);

-- name: decisions
SELECT @decision, texts.salt, texts.context, texts.rationale FROM decisions JOIN decision_texts AS texts USING (decision_id)
WHERE decision_id = ANY(:decision_ids::text[]);

-- name: open_decisions
SELECT @decision, texts.salt, texts.context, texts.rationale FROM decisions JOIN decision_texts AS texts USING (decision_id) WHERE state = 'THINKING';

-- name: runs
SELECT runs.@run FROM unnest(:@run_name) AS wanted (@run_name) JOIN runs USING (tenant, run_id, workflow);

-- name: open_runs
-- Counted no further than the limit.
SELECT count(*) FROM (SELECT 1 FROM runs WHERE tenant = :tenant AND stop = '' AND opened_at_ms > 0 LIMIT :count_max) AS counted;

-- name: gate
SELECT version, minimum_number FROM gate WHERE one = 1;

-- name: activation_in_force
SELECT @activation FROM activations ORDER BY number DESC LIMIT 1;

-- name: active_halts
SELECT @halt FROM halts WHERE lifted_at_ms = 0 ORDER BY thrown_at_ms, halt_id;

-- name: halts
SELECT @halt FROM halts WHERE halt_id = ANY(:halt_ids::text[]);

-- name: steps
SELECT @step FROM steps WHERE entry_hash = ANY(:entry_hashes::bytea[]);

-- name: windows
-- The newest window of each node sought, the very windows holds were made in, and the store's clock, which is always told.
SELECT now_ms, found.sought, found.@window
FROM (SELECT coalesce(:given_ms::bigint, (extract(epoch FROM statement_timestamp()) * 1000)::bigint) AS now_ms) AS clock
LEFT JOIN (
    SELECT true AS sought, newest.@window FROM unnest(:node_keys::text[]) AS sought (node_key)
    CROSS JOIN LATERAL (SELECT @window FROM windows WHERE windows.node_key = sought.node_key ORDER BY window_start_ms DESC LIMIT 1) AS newest
    UNION ALL
    SELECT false, windows.@window FROM unnest(:held_keys::text[], :held_starts::bigint[]) AS places (node_key, window_start_ms)
    JOIN windows USING (node_key, window_start_ms)
) AS found ON true;
