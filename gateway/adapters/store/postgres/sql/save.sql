-- (h) Writing back what a batch changed, every row once. Every update names what it leaves: fewer rows changed than were moved means that somebody else
-- moved one in spite of the locks, which is a bug.

-- name: insert_generations
INSERT INTO generations (@generation) SELECT * FROM unnest(:@generation);

-- name: free_keys
-- Of Refuse, Rejudge and Twin: no trace of the key.
DELETE FROM keys WHERE key_hash = ANY(:key_hashes::bytea[]);

-- name: unbind_keys
-- All generations of keys that are retired.
DELETE FROM generations WHERE key_hash = ANY(:key_hashes::bytea[]);

-- name: retire_keys
UPDATE keys SET retired_at_ms = v.retired_at_ms FROM unnest(:key_hash::bytea[], :retired_at_ms::bigint[]) AS v (key_hash, retired_at_ms)
WHERE keys.key_hash = v.key_hash;

-- name: insert_commits
INSERT INTO commits (@commit) SELECT * FROM unnest(:@commit);

-- name: move_commits
UPDATE commits SET (@commit_moves) = ROW(v.@commit_moves)
FROM unnest(:@commit_moves, :commit_id::text[], :from_state::text[], :from_attempts::integer[], :from_looks::integer[])
    AS v (@commit_moves, commit_id, from_state, from_attempts, from_looks)
WHERE commits.commit_id = v.commit_id AND commits.state = v.from_state AND commits.attempts = v.from_attempts AND commits.looks = v.from_looks;

-- name: insert_bodies
INSERT INTO bodies (@body) SELECT * FROM unnest(:@body);

-- name: set_responses
UPDATE bodies SET response = v.response FROM unnest(:commit_id::text[], :response::bytea[]) AS v (commit_id, response) WHERE bodies.commit_id = v.commit_id;

-- name: insert_attempts
INSERT INTO attempts (@attempt) SELECT * FROM unnest(:@attempt);

-- name: insert_evidence
INSERT INTO evidence (@spoken) SELECT * FROM unnest(:@spoken);

-- name: insert_decisions
INSERT INTO decisions (@decision) SELECT * FROM unnest(:@decision);

-- name: insert_texts
INSERT INTO decision_texts (@texts) SELECT * FROM unnest(:@texts);

-- name: conclude_decisions
-- The end of thinking.
UPDATE decisions SET (@decision_ends) = ROW(v.@decision_ends)
FROM unnest(:@decision_ends, :decision_id::text[], :from_state::text[], :from_consumed_by::text[])
    AS v (@decision_ends, decision_id, from_state, from_consumed_by)
WHERE decisions.decision_id = v.decision_id AND decisions.state = v.from_state AND decisions.consumed_by = v.from_consumed_by;

-- name: set_rationales
UPDATE decision_texts SET rationale = v.rationale FROM unnest(:decision_id::text[], :rationale::bytea[]) AS v (decision_id, rationale)
WHERE decision_texts.decision_id = v.decision_id;

-- name: consume_decisions
-- Consumed by a commit, or given back by one that definitely had no effect.
UPDATE decisions SET consumed_by = v.consumed_by
FROM unnest(:consumed_by::text[], :decision_id::text[], :from_state::text[], :from_consumed_by::text[])
    AS v (consumed_by, decision_id, from_state, from_consumed_by)
WHERE decisions.decision_id = v.decision_id AND decisions.state = v.from_state AND decisions.consumed_by = v.from_consumed_by;

-- name: fill_runs
-- A run that this transaction opens, in the place it claimed.
UPDATE runs SET (@run_filling) = ROW(v.@run_filling) FROM unnest(:@run_filling, :@run_name) AS v (@run_filling, @run_name)
WHERE runs.tenant = v.tenant AND runs.run_id = v.run_id AND runs.workflow = v.workflow AND runs.opened_at_ms = 0;

-- name: move_runs
UPDATE runs SET (@run_moves) = ROW(v.@run_moves)
FROM unnest(:@run_moves, :@run_name, :from_steps::integer[], :from_stop::text[]) AS v (@run_moves, @run_name, from_steps, from_stop)
WHERE runs.tenant = v.tenant AND runs.run_id = v.run_id AND runs.workflow = v.workflow AND runs.steps = v.from_steps AND runs.stop = v.from_stop;

-- name: free_runs
DELETE FROM runs USING unnest(:@run_name) AS v (@run_name)
WHERE runs.tenant = v.tenant AND runs.run_id = v.run_id AND runs.workflow = v.workflow AND runs.opened_at_ms = 0;

-- name: insert_windows
INSERT INTO windows (@window) SELECT * FROM unnest(:@window);

-- name: move_windows
UPDATE windows SET held = v.held, settled = v.settled, collected = v.collected
FROM unnest(:@window, :from_held::bigint[], :from_settled::bigint[]) AS v (@window, from_held, from_settled)
WHERE windows.node_key = v.node_key AND windows.window_start_ms = v.window_start_ms AND windows.held = v.from_held AND windows.settled = v.from_settled;

-- name: free_nodes
DELETE FROM nodes WHERE node_key = ANY(:node_keys::text[]);

-- name: insert_steps
INSERT INTO steps (@step) SELECT * FROM unnest(:@step);

-- name: insert_entries
-- In the order they were recorded.
INSERT INTO entries (@entry) SELECT @entry FROM unnest(:@entry) AS v (@entry) ORDER BY counter;

-- name: put_halts
INSERT INTO halts (@halt) SELECT * FROM unnest(:@halt)
ON CONFLICT (halt_id) DO UPDATE SET
    lifted_at_ms = excluded.lifted_at_ms, lifted_by = excluded.lifted_by, lift_reason = excluded.lift_reason, lift_salt = excluded.lift_salt
WHERE halts.lifted_at_ms = 0;

-- name: insert_activation
INSERT INTO activations (@activation) SELECT * FROM unnest(:@activation);

-- name: set_minimum
UPDATE gate SET minimum_number = :minimum_number WHERE one = 1;

-- name: move_gate
-- In the transaction of every halt, resume and activation; whoever keeps what it read of the gate sees by the version that it is old.
UPDATE gate SET version = version + 1 WHERE one = 1;

-- name: move_boot
-- Last: says in the same transaction that it was this one.
UPDATE boots SET batch = :batch, counter = :counter WHERE boot_id = :boot_id AND batch = :from_batch;
