-- Writing back what a batch changed. Every update names what it leaves: no row changed means that somebody else moved it, which is a bug here.

-- name: insert_generation
INSERT INTO keys (key_hash, generation, subject_id, fingerprint, fingerprint_version)
VALUES (:key_hash, :generation, :subject_id, :fingerprint, :fingerprint_version);

-- name: unbind_key
-- All generations of a key that is retired. Its tombstone takes their place.
DELETE FROM keys WHERE key_hash = :key_hash;

-- name: insert_tombstone
INSERT INTO keys (key_hash, generation, subject_id, fingerprint, fingerprint_version, retired_at_ms) VALUES (:key_hash, 0, '', x'', 0, :retired_at_ms);

-- name: insert_commit
INSERT INTO commits (@commit) VALUES (:@commit);

-- name: move_commit
-- Everything that may change after T1.
UPDATE commits SET
    state = :state, attempts = :attempts, lease_until_ms = :lease_until_ms, not_after_ms = :not_after_ms, host_status = :host_status,
    response_truncated = :response_truncated, ended_at_ms = :ended_at_ms, entry_hash = :entry_hash, looks = :looks, look_at_ms = :look_at_ms,
    look_until_ms = :look_until_ms, resolved_by = :resolved_by, notes = :notes, holds = :holds
WHERE commit_id = :commit_id AND state = :from_state AND attempts = :from_attempts AND looks = :from_looks;

-- name: insert_body
INSERT INTO bodies (place, salt, payload, judged_input, response)
SELECT place, :salt, :payload, :judged_input, :response FROM commits WHERE commit_id = :commit_id;

-- name: set_response
UPDATE bodies SET response = :response WHERE place = (SELECT place FROM commits WHERE commit_id = :commit_id);

-- name: insert_attempt
INSERT INTO attempts (attempt_id, commit_id, number, boot_id, lease_until_ms, not_after_ms, made_at_ms)
VALUES (:attempt_id, :commit_id, :number, :boot_id, :lease_until_ms, :not_after_ms, :made_at_ms);

-- name: insert_evidence
INSERT INTO evidence (commit_id, words, salt) VALUES (:commit_id, :words, :salt);

-- name: insert_decision
INSERT INTO decisions (@decision) VALUES (:@decision);

-- name: insert_decision_texts
INSERT INTO decision_texts (place, salt, context, rationale)
SELECT place, :salt, :context, :rationale FROM decisions WHERE decision_id = :decision_id;

-- name: conclude_decision
-- The end of thinking.
UPDATE decisions SET
    state = :state, option = :option, source = :source, stop = :stop, agent_version = :agent_version, transcript_sha256 = :transcript_sha256,
    lease_until_ms = :lease_until_ms, ended_at_ms = :ended_at_ms, expire_at_ms = :expire_at_ms, consumed_by = :consumed_by,
    entry_hash = :entry_hash, notes = :notes, evidence = :evidence, usage = :usage, holds = :holds
WHERE decision_id = :decision_id AND state = :from_state AND consumed_by = :from_consumed_by;

-- name: set_rationale
UPDATE decision_texts SET rationale = :rationale WHERE place = (SELECT place FROM decisions WHERE decision_id = :decision_id);

-- name: consume_decision
-- Consumed by a commit, or given back by one that definitely had no effect.
UPDATE decisions SET consumed_by = :consumed_by WHERE decision_id = :decision_id AND state = :from_state AND consumed_by = :from_consumed_by;

-- name: insert_run
INSERT INTO runs (@run) VALUES (:@run);

-- name: move_run
UPDATE runs SET
    steps = :steps, stop = :stop, stopped_at_ms = :stopped_at_ms, note = :note, note_salt = :note_salt, finish_key = :finish_key, collected = :collected
WHERE tenant = :tenant AND run_id = :run_id AND workflow = :workflow AND steps = :from_steps AND stop = :from_stop;

-- name: insert_node
INSERT INTO nodes (node_key, @node) VALUES (:node_key, :@node);

-- name: move_node
UPDATE nodes SET held = :held, settled = :settled, collected = :collected
WHERE node_key = :node_key AND window_start_ms = :window_start_ms AND held = :from_held AND settled = :from_settled;

-- name: insert_step
INSERT INTO steps (@step) VALUES (:@step);

-- name: insert_entry
INSERT INTO entries (@entry) VALUES (:@entry);

-- name: put_halt
INSERT INTO halts (@halt) VALUES (:@halt)
ON CONFLICT (halt_id) DO UPDATE SET
    lifted_at_ms = excluded.lifted_at_ms, lifted_by = excluded.lifted_by, lift_reason = excluded.lift_reason, lift_salt = excluded.lift_salt
WHERE halts.lifted_at_ms = 0;

-- name: insert_activation
INSERT INTO activations (number, revision, digest, standing, activated_at_ms) VALUES (:number, :revision, :digest, :standing, :activated_at_ms);

-- name: set_minimum
UPDATE gate SET minimum_number = :minimum_number WHERE one = 1;

-- name: move_gate
-- In the transaction of every halt, resume and activation; readers see by it that what they keep of the gate is old.
UPDATE gate SET version = version + 1 WHERE one = 1;
