-- Questions that no batch asks.

-- name: commit_with_response
SELECT @commit, bodies.response FROM commits JOIN bodies USING (commit_id) WHERE commit_id = :commit_id;

-- name: commit_of_key
-- The latest generation's.
SELECT @commit, bodies.response FROM commits JOIN bodies USING (commit_id)
WHERE commit_id = (SELECT subject_id FROM generations WHERE key_hash = :key_hash ORDER BY generation DESC LIMIT 1);

-- name: key
SELECT retired_at_ms FROM keys WHERE key_hash = :key_hash;

-- name: decision
SELECT @decision, texts.salt, texts.context, texts.rationale FROM decisions JOIN decision_texts AS texts USING (decision_id) WHERE decision_id = :decision_id;

-- name: run
SELECT @run FROM runs WHERE tenant = :tenant AND run_id = :run_id AND workflow = :workflow;

-- name: body
SELECT @body FROM bodies WHERE commit_id = :commit_id;

-- name: runs_named
SELECT workflow FROM runs WHERE tenant = :tenant AND run_id = :run_id ORDER BY workflow LIMIT :count_max;

-- name: entries
SELECT place, @entry FROM entries
WHERE run_id = :run_id AND workflow = :workflow AND tenant = :tenant AND run_id <> '' AND place > :after
ORDER BY place LIMIT :count_max;

-- name: step_result
SELECT result FROM steps WHERE entry_hash = :entry_hash;

-- name: newest_below
-- Where a stretch of a listing begins. A listing looks at one stretch of places at a time, so that no question outlasts the patience there is with it,
-- however rare what it looks for; what was collected between two of them is leapt over.
SELECT max(place) FROM commits WHERE place < :before;

-- name: commits_listed
SELECT place, @commit FROM commits
WHERE place < :before AND place >= :down_to
  AND (:tenant::text = '*' OR tenant = :tenant) AND (:state::text = '' OR state = :state) AND (:workflow::text = '' OR workflow = :workflow)
ORDER BY place DESC LIMIT :count_max;

-- name: open_commits_listed
SELECT place, @commit FROM commits
WHERE state IN ('FORWARDING', 'UNKNOWN') AND state = :state
  AND place < :before AND (:tenant::text = '*' OR tenant = :tenant) AND (:workflow::text = '' OR workflow = :workflow)
ORDER BY place DESC LIMIT :count_max;

-- name: all_halts
SELECT @halt FROM halts ORDER BY lifted_at_ms <> 0, thrown_at_ms, halt_id;

-- name: newest_windows
-- Newest window of each node whose key lies in a range.
SELECT newest.@window FROM nodes
CROSS JOIN LATERAL (SELECT @window FROM windows WHERE windows.node_key = nodes.node_key ORDER BY window_start_ms DESC LIMIT 1) AS newest
WHERE nodes.node_key >= :first AND nodes.node_key < :past ORDER BY nodes.node_key LIMIT :count_max;

-- name: now
SELECT coalesce(:given_ms::bigint, (extract(epoch FROM statement_timestamp()) * 1000)::bigint);

-- name: interrupted
SELECT commit_id FROM commits WHERE state IN ('FORWARDING', 'UNKNOWN') AND state = 'FORWARDING' AND lease_until_ms <= :now_ms LIMIT :count_max;

-- name: unknown
SELECT commit_id FROM commits
WHERE state IN ('FORWARDING', 'UNKNOWN') AND state = 'UNKNOWN' AND look_at_ms > 0 AND look_at_ms <= :now_ms AND look_until_ms <= :now_ms
ORDER BY look_at_ms LIMIT :count_max;

-- name: lost
SELECT decision_id FROM decisions WHERE state = 'THINKING' AND lease_until_ms <= :now_ms ORDER BY lease_until_ms LIMIT :count_max;

-- name: timed_out
SELECT tenant, workflow, run_id FROM runs WHERE stop = '' AND deadline_at_ms <= :now_ms ORDER BY deadline_at_ms LIMIT :count_max;

-- name: every_window
SELECT @window FROM windows;

-- name: every_commit
SELECT @commit FROM commits;

-- name: every_decision
SELECT @decision, texts.salt, texts.context, texts.rationale FROM decisions JOIN decision_texts AS texts USING (decision_id);

-- name: every_run
SELECT @run FROM runs;

-- name: steps_recorded
SELECT tenant, workflow, run_id, count(*) FROM steps GROUP BY tenant, workflow, run_id;
