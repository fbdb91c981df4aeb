-- What is old can be collected: sums of what is gone stay where they were counted, and steps know their run and key.

ALTER TABLE keys ADD COLUMN retired_at_ms INTEGER NOT NULL DEFAULT 0; -- of the row of generation 0
CREATE INDEX keys_retired ON keys (retired_at_ms) WHERE generation = 0;

ALTER TABLE nodes ADD COLUMN collected INTEGER NOT NULL DEFAULT 0 CHECK (typeof(collected) = 'integer' AND collected >= 0 AND collected <= settled);

ALTER TABLE runs ADD COLUMN finish_key BLOB NOT NULL DEFAULT x'';
ALTER TABLE runs ADD COLUMN collected INTEGER NOT NULL DEFAULT 0 CHECK (collected >= 0 AND collected <= steps);
CREATE INDEX runs_stopped ON runs (stopped_at_ms) WHERE stop <> '';

-- A step recorded before now does not know its key, which then is never retired: it stays bound.
ALTER TABLE steps ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE steps ADD COLUMN workflow TEXT NOT NULL DEFAULT '';
ALTER TABLE steps ADD COLUMN run_id TEXT NOT NULL DEFAULT '';
ALTER TABLE steps ADD COLUMN key BLOB NOT NULL DEFAULT x'';
ALTER TABLE steps ADD COLUMN recorded_at_ms INTEGER NOT NULL DEFAULT 0;
UPDATE steps SET tenant = said.tenant, workflow = said.workflow, run_id = said.run_id, recorded_at_ms = said.time_ms
FROM entries AS said WHERE said.kind = 'STEP_RECORDED' AND said.leaf_hash = steps.entry_hash;
CREATE INDEX steps_recorded ON steps (recorded_at_ms);
