-- What is kept for a time, oldest first. A bookmark is the place of the last row seen, in the order of an index.

-- name: commits
SELECT place, @commit FROM commits WHERE place > :place ORDER BY place LIMIT :count_max;

-- name: decisions
SELECT place, @decision, texts.salt, texts.context, texts.rationale FROM decisions JOIN decision_texts AS texts USING (decision_id)
WHERE place > :place ORDER BY place LIMIT :count_max;

-- name: steps
SELECT @step FROM steps WHERE (recorded_at_ms, entry_hash) > (:recorded_at_ms, :entry_hash) ORDER BY recorded_at_ms, entry_hash LIMIT :count_max;

-- name: runs
SELECT @run FROM runs WHERE stop <> '' AND (stopped_at_ms, tenant, run_id, workflow) > (:stopped_at_ms, :tenant, :run_id, :workflow)
ORDER BY stopped_at_ms, tenant, run_id, workflow LIMIT :count_max;

-- name: windows
-- Above run level, those that a later window of their node follows.
SELECT @window FROM windows WHERE (node_key, window_start_ms) > (:node_key, :window_start_ms) AND node_key >= 'tenant'
  AND EXISTS (SELECT 1 FROM windows AS later WHERE later.node_key = windows.node_key AND later.window_start_ms > windows.window_start_ms)
ORDER BY node_key, window_start_ms LIMIT :count_max;

-- name: tombstones
SELECT key_hash, retired_at_ms FROM keys WHERE retired_at_ms > 0 AND (retired_at_ms, key_hash) > (:retired_at_ms, :key_hash)
ORDER BY retired_at_ms, key_hash LIMIT :count_max;
