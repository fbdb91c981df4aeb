-- Opening and closing a store.

-- name: tables
SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%';

-- name: schema_version
SELECT coalesce(max(version), 0) FROM schema_versions;

-- name: insert_schema_version
INSERT INTO schema_versions (version, name, applied_at_ms) VALUES (:version, :name, :applied_at_ms);

-- name: stopped_unclean
SELECT count(*) FROM boots WHERE number = (SELECT max(number) FROM boots) AND closed_at_ms = 0;

-- name: insert_boot
INSERT INTO boots (boot_id, process_id, opened_at_ms, closed_at_ms) VALUES (:boot_id, :process_id, :opened_at_ms, 0);

-- name: close_boot
UPDATE boots SET closed_at_ms = :closed_at_ms WHERE boot_id = :boot_id;
