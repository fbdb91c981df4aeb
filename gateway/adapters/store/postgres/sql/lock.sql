-- The locks of a batch, in the one order that every gateway keeps: keys, commits, gate, runs, decisions, nodes; each kind sorted by its bytes.
-- What is decided over is read in the same statement only where it is the locked row itself; everything else in a later one.

-- name: claim_keys
-- (a) Whoever inserts a key has it locked; whoever does not has waited for the rival's end.
INSERT INTO keys (key_hash, retired_at_ms) SELECT key_hash, 0 FROM unnest(:key_hashes::bytea[]) AS wanted (key_hash) ORDER BY key_hash
ON CONFLICT (key_hash) DO NOTHING RETURNING key_hash;

-- name: lock_keys
-- (b) Keys that were there.
SELECT key_hash, retired_at_ms FROM keys WHERE key_hash = ANY(:key_hashes::bytea[]) ORDER BY key_hash FOR UPDATE;

-- name: lock_commits
SELECT @commit FROM commits WHERE commit_id = ANY(:commit_ids::text[]) ORDER BY commit_id FOR UPDATE;

-- name: share_gate
-- (c) Of every batch that moves no halt and no activation.
SELECT one FROM gate WHERE one = 1 FOR SHARE;

-- name: queue_for_gate
-- A table's lock is served in order, a row's is not: without it, batches that share the gate could keep a halt waiting for ever.
LOCK TABLE gate IN EXCLUSIVE MODE;

-- name: take_gate
SELECT one FROM gate WHERE one = 1 FOR UPDATE;

-- name: claim_runs
-- (d) A run that is not there cannot be locked; its place can.
INSERT INTO runs (tenant, run_id, workflow, opened_at_ms, deadline_at_ms, steps, steps_max, stop, stopped_at_ms, note, note_salt, budgets,
    finish_key, collected)
SELECT tenant, run_id, workflow, 0, 0, 0, 0, '', 0, '', '', '[]', '', 0 FROM unnest(:@run_name) AS wanted (@run_name) ORDER BY tenant COLLATE "C", run_id COLLATE "C", workflow COLLATE "C"
ON CONFLICT (tenant, run_id, workflow) DO NOTHING RETURNING tenant, workflow, run_id;

-- name: lock_runs
-- (e)
SELECT runs.@run FROM unnest(:@run_name) AS wanted (@run_name) JOIN runs USING (tenant, run_id, workflow)
WHERE opened_at_ms > 0 ORDER BY runs.tenant, runs.run_id, runs.workflow FOR UPDATE OF runs;

-- name: lock_decisions
SELECT decision_id FROM decisions WHERE decision_id = ANY(:decision_ids::text[]) ORDER BY decision_id FOR UPDATE;

-- name: claim_nodes
INSERT INTO nodes (node_key) SELECT node_key FROM unnest(:node_keys::text[]) AS wanted (node_key) ORDER BY node_key COLLATE "C"
ON CONFLICT (node_key) DO NOTHING RETURNING node_key;

-- name: lock_nodes
SELECT node_key FROM nodes WHERE node_key = ANY(:node_keys::text[]) ORDER BY node_key FOR UPDATE;
