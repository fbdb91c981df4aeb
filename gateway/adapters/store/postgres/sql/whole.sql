-- A store read whole: long, and asked by a person.

-- name: schema_version
SELECT coalesce(max(version), 0) FROM schema_versions;

-- name: every_step
SELECT tenant, workflow, run_id FROM steps;

-- name: every_entry
SELECT @entry FROM entries ORDER BY place;

-- name: now
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
