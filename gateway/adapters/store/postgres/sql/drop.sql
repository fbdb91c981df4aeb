-- Taking out what was collected. What hangs on a row goes first.

-- name: drop_bodies
DELETE FROM bodies WHERE commit_id = ANY(:commit_ids::text[]);

-- name: drop_attempts
DELETE FROM attempts WHERE commit_id = ANY(:commit_ids::text[]);

-- name: drop_evidence
DELETE FROM evidence WHERE commit_id = ANY(:commit_ids::text[]);

-- name: drop_commits
DELETE FROM commits USING unnest(:commit_id::text[], :from_state::text[]) AS v (commit_id, from_state)
WHERE commits.commit_id = v.commit_id AND commits.state = v.from_state;

-- name: drop_decision_texts
DELETE FROM decision_texts WHERE decision_id = ANY(:decision_ids::text[]);

-- name: drop_decisions
DELETE FROM decisions USING unnest(:decision_id::text[], :from_state::text[]) AS v (decision_id, from_state)
WHERE decisions.decision_id = v.decision_id AND decisions.state = v.from_state;

-- name: drop_steps
DELETE FROM steps WHERE entry_hash = ANY(:entry_hashes::bytea[]);

-- name: drop_windows_of_runs
-- Every window of every budget of a run: their keys begin with it. The run's own row is locked.
DELETE FROM windows USING unnest(:first::text[], :past::text[]) AS v (first, past) WHERE node_key >= v.first AND node_key < v.past;

-- name: drop_nodes_of_runs
DELETE FROM nodes USING unnest(:first::text[], :past::text[]) AS v (first, past) WHERE node_key >= v.first AND node_key < v.past;

-- name: drop_runs
DELETE FROM runs USING unnest(:@run_name) AS v (@run_name)
WHERE runs.tenant = v.tenant AND runs.run_id = v.run_id AND runs.workflow = v.workflow AND runs.stop <> '';

-- name: drop_windows
DELETE FROM windows USING unnest(:node_key::text[], :window_start_ms::bigint[], :from_settled::bigint[]) AS v (node_key, window_start_ms, from_settled)
WHERE windows.node_key = v.node_key AND windows.window_start_ms = v.window_start_ms AND windows.held = 0 AND windows.settled = v.from_settled;

-- name: drop_tombstones
-- One that somebody else has locked is left for the next round: keys are locked before anything else, and this comes last.
DELETE FROM keys WHERE key_hash IN (
    SELECT key_hash FROM keys WHERE key_hash = ANY(:key_hashes::bytea[]) AND retired_at_ms > 0 FOR UPDATE SKIP LOCKED
);
