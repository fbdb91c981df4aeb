-- Taking out what was collected. What hangs on a row goes first: it is found through the row.

-- name: drop_body
DELETE FROM bodies WHERE place = (SELECT place FROM commits WHERE commit_id = :commit_id);

-- name: drop_attempts
DELETE FROM attempts WHERE commit_id = :commit_id;

-- name: drop_evidence
DELETE FROM evidence WHERE commit_id = :commit_id;

-- name: drop_commit
DELETE FROM commits WHERE commit_id = :commit_id AND state = :from_state;

-- name: drop_decision_texts
DELETE FROM decision_texts WHERE place = (SELECT place FROM decisions WHERE decision_id = :decision_id);

-- name: drop_decision
DELETE FROM decisions WHERE decision_id = :decision_id AND state = :from_state;

-- name: drop_step
DELETE FROM steps WHERE entry_hash = :entry_hash;

-- name: drop_nodes_of_run
-- Every window of every budget of a run: their keys begin with it.
DELETE FROM nodes WHERE node_key >= :first AND node_key < :past;

-- name: drop_run
DELETE FROM runs WHERE tenant = :tenant AND run_id = :run_id AND workflow = :workflow AND stop <> '';

-- name: drop_window
DELETE FROM nodes WHERE node_key = :node_key AND window_start_ms = :window_start_ms AND held = 0 AND settled = :from_settled;

-- name: drop_tombstone
DELETE FROM keys WHERE key_hash = :key_hash AND generation = 0;
