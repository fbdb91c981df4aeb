-- What is kept for a time, oldest first. A bookmark is the place of the last row seen, in the order of an index.

-- name: commits
SELECT place, @commit FROM commits NOT INDEXED WHERE place > :place ORDER BY place LIMIT :count_max;

-- name: decisions
SELECT place, @decision, texts.salt, texts.context, texts.rationale FROM decisions NOT INDEXED JOIN decision_texts AS texts USING (place)
WHERE place > :place ORDER BY place LIMIT :count_max;

-- name: steps
SELECT @step FROM steps INDEXED BY steps_recorded WHERE (recorded_at_ms, entry_hash) > (:recorded_at_ms, :entry_hash)
ORDER BY recorded_at_ms, entry_hash LIMIT :count_max;

-- name: runs
SELECT @run FROM runs INDEXED BY runs_stopped WHERE stop <> '' AND (stopped_at_ms, tenant, run_id, workflow) > (:stopped_at_ms, :tenant, :run_id, :workflow)
ORDER BY stopped_at_ms, tenant, run_id, workflow LIMIT :count_max;

-- name: windows
-- Above run level, those that a later window of their node follows.
SELECT node_key, @node FROM nodes WHERE (node_key, window_start_ms) > (:node_key, :window_start_ms) AND node_key >= 'tenant'
  AND EXISTS (SELECT 1 FROM nodes AS later WHERE later.node_key = nodes.node_key AND later.window_start_ms > nodes.window_start_ms)
ORDER BY node_key, window_start_ms LIMIT :count_max;

-- name: tombstones
SELECT key_hash, retired_at_ms FROM keys INDEXED BY keys_retired WHERE generation = 0 AND (retired_at_ms, key_hash) > (:retired_at_ms, :key_hash)
ORDER BY retired_at_ms, key_hash LIMIT :count_max;
