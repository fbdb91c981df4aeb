-- Opening, finding again, migrating and closing a store.

-- name: about_server
-- What must be true of a server before anything is admitted over it.
SELECT current_setting('server_version_num')::integer, current_setting('fsync'), current_setting('synchronous_commit'),
    current_setting('synchronous_standby_names'), pg_is_in_recovery(), current_setting('transaction_read_only'), current_setting('server_encoding'),
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint;

-- name: about_connection
-- What may have changed when a connection is made again: another server may answer now.
SELECT pg_is_in_recovery(), current_setting('fsync'), current_setting('synchronous_commit'), current_setting('synchronous_standby_names'), store_id::text
FROM identity;

-- name: about_role
-- What the gateway's role may do to the record.
SELECT has_table_privilege(current_user, 'entries', 'INSERT'), has_table_privilege(current_user, 'entries', 'UPDATE'),
    has_table_privilege(current_user, 'entries', 'DELETE'), has_table_privilege(current_user, 'entries', 'TRUNCATE'), current_user::text;

-- name: has_schema
SELECT to_regclass('schema_versions') IS NOT NULL;

-- name: schema_version
-- The newest version, and the oldest schema whose gateways it still serves.
SELECT max(version), max(serves) FROM schema_versions;

-- name: make_schema
CREATE SCHEMA IF NOT EXISTS countersign;

-- name: one_migration_at_a_time
-- Held to the end of the transaction; nothing else takes this number.
SELECT pg_advisory_xact_lock(4846471047);

-- name: insert_schema_version
INSERT INTO schema_versions (version, name, serves, applied_at_ms)
VALUES (:version, :name, :serves, (extract(epoch FROM clock_timestamp()) * 1000)::bigint);

-- name: insert_boot
INSERT INTO boots (boot_id, opened_at_ms, closed_at_ms, batch, counter, confirmed)
VALUES (:boot_id, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, 0, 0, 1, 0) RETURNING (SELECT store_id::text FROM identity);

-- name: store_id
SELECT store_id::text FROM identity;

-- name: batch_of_boot
SELECT batch FROM boots WHERE boot_id = :boot_id;

-- name: own_boot
-- Waits for whatever transaction of this boot is still under way.
SELECT batch, counter FROM boots WHERE boot_id = :boot_id FOR UPDATE;

-- name: confirm_boot
UPDATE boots SET confirmed = confirmed + 1 WHERE boot_id = :boot_id;

-- name: close_boot
UPDATE boots SET closed_at_ms = (extract(epoch FROM clock_timestamp()) * 1000)::bigint WHERE boot_id = :boot_id;

-- name: known_role
-- Whether the gateway's role is there, and whether it is the one that asks.
SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = :role::name), current_user = :role::name;
