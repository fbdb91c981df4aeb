-- Questions that no batch asks.

-- name: commit_with_response
SELECT @commit, bodies.response FROM commits JOIN bodies USING (place) WHERE commit_id = :commit_id;

-- name: body
SELECT salt, payload, judged_input, response FROM bodies WHERE place = (SELECT place FROM commits WHERE commit_id = :commit_id);

-- name: runs_named
SELECT workflow FROM runs WHERE tenant = :tenant AND run_id = :run_id ORDER BY workflow LIMIT :count_max;

-- name: entries
SELECT place, @entry FROM entries INDEXED BY entries_of_run
WHERE run_id = :run_id AND workflow = :workflow AND tenant = :tenant AND run_id <> '' AND place > :after
ORDER BY place LIMIT :count_max;

-- name: step_result
SELECT result FROM steps WHERE entry_hash = :entry_hash;

-- name: newest_below
-- Where a stretch of a listing begins. A listing looks at one stretch of places at a time, so that no question holds up the others; what was collected
-- between them is leapt over.
SELECT max(place) FROM commits WHERE place < :before;

-- name: commits_listed
SELECT place, @commit FROM commits NOT INDEXED
WHERE place < :before AND place >= :down_to
  AND (:tenant = '*' OR tenant = :tenant) AND (:state = '' OR state = :state) AND (:workflow = '' OR workflow = :workflow)
ORDER BY place DESC LIMIT :count_max;

-- name: open_commits_listed
SELECT place, @commit FROM commits INDEXED BY commits_open
WHERE state IN ('FORWARDING', 'UNKNOWN') AND state = :state
  AND place < :before AND (:tenant = '*' OR tenant = :tenant) AND (:workflow = '' OR workflow = :workflow)
ORDER BY place DESC LIMIT :count_max;

-- name: all_halts
SELECT @halt FROM halts ORDER BY lifted_at_ms <> 0, thrown_at_ms, halt_id;

-- name: newest_windows
-- Newest window of each node whose key lies in a range. Steps from node to node along the primary key: old windows are never visited.
WITH RECURSIVE found (node_key) AS (
    SELECT min(node_key) FROM nodes WHERE node_key >= :first AND node_key < :past
    UNION ALL
    SELECT (SELECT min(nodes.node_key) FROM nodes WHERE nodes.node_key > found.node_key AND nodes.node_key < :past)
    FROM found WHERE found.node_key IS NOT NULL
)
SELECT @node FROM found JOIN nodes USING (node_key)
WHERE window_start_ms = (SELECT max(newest.window_start_ms) FROM nodes AS newest WHERE newest.node_key = found.node_key)
LIMIT :count_max;

-- name: interrupted
SELECT commit_id FROM commits INDEXED BY commits_open
WHERE state IN ('FORWARDING', 'UNKNOWN') AND state = 'FORWARDING' AND lease_until_ms <= :now_ms LIMIT :count_max;

-- name: unknown
SELECT commit_id FROM commits INDEXED BY commits_open
WHERE state IN ('FORWARDING', 'UNKNOWN') AND state = 'UNKNOWN' AND look_at_ms > 0 AND look_at_ms <= :now_ms AND look_until_ms <= :now_ms
ORDER BY look_at_ms LIMIT :count_max;

-- name: lost
SELECT decision_id FROM decisions INDEXED BY decisions_open WHERE state = 'THINKING' AND lease_until_ms <= :now_ms ORDER BY lease_until_ms LIMIT :count_max;

-- name: timed_out
SELECT tenant, workflow, run_id FROM runs INDEXED BY runs_open WHERE stop = '' AND deadline_at_ms <= :now_ms ORDER BY deadline_at_ms LIMIT :count_max;

-- name: commits_of_earlier_boots
SELECT commit_id FROM commits INDEXED BY commits_open
WHERE state IN ('FORWARDING', 'UNKNOWN') AND state = 'FORWARDING' AND boot_id <> :boot_id LIMIT :count_max;

-- name: decisions_of_earlier_boots
SELECT decision_id FROM decisions INDEXED BY decisions_open WHERE state = 'THINKING' AND boot_id <> :boot_id LIMIT :count_max;

-- name: every_node
SELECT @node FROM nodes;

-- name: every_commit
SELECT @commit FROM commits;

-- name: every_decision
SELECT @decision, texts.salt, texts.context, texts.rationale FROM decisions JOIN decision_texts AS texts USING (place);

-- name: every_run
SELECT @run FROM runs;

-- name: steps_recorded
SELECT tenant, workflow, run_id, count(*) FROM steps GROUP BY tenant, workflow, run_id;
