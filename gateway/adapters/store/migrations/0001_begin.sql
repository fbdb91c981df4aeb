-- The store's first schema. Numbered files are applied in order, each in one transaction, and never edited once released.
--
-- Laws:
--   Times are Unix milliseconds, 0 for "not yet". Names that may be absent are '' and never NULL.
--   Money and counts are integers; STRICT refuses what is not, the checks refuse what cannot be.
--   `place` is the order in which rows came to be; pages follow it.
--   A commit's and a decision's texts are kept apart from their row: they are large, written once, and erased alone.

CREATE TABLE schema_versions (
    version       INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL,
    applied_at_ms INTEGER NOT NULL
) STRICT;

-- One row for each time a gateway opened this store. closed_at_ms 0 on the newest row means it did not stop cleanly.
CREATE TABLE boots (
    number       INTEGER PRIMARY KEY,
    boot_id      TEXT    NOT NULL UNIQUE,
    process_id   INTEGER NOT NULL,
    opened_at_ms INTEGER NOT NULL,
    closed_at_ms INTEGER NOT NULL
) STRICT;

-- One row. Every T1 is decided under it; Halt, Resume and activation move it on.
CREATE TABLE gate (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    version        INTEGER NOT NULL,
    minimum_number INTEGER NOT NULL CHECK (minimum_number >= 0)
) STRICT;
INSERT INTO gate VALUES (1, 1, 0);

-- Activations that came into force, with the limits above run level (`standing`, JSON). The greatest number is in force.
CREATE TABLE activations (
    number          INTEGER PRIMARY KEY CHECK (number > 0),
    revision        TEXT    NOT NULL,
    digest          BLOB    NOT NULL,
    standing        TEXT    NOT NULL,
    activated_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE halts (
    halt_id        TEXT    PRIMARY KEY NOT NULL,
    tenant         TEXT    NOT NULL,
    workflow       TEXT    NOT NULL,
    step           TEXT    NOT NULL,
    action         TEXT    NOT NULL,
    target         TEXT    NOT NULL,
    model          TEXT    NOT NULL,
    run_id         TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    principal      TEXT    NOT NULL,
    thrown_at_ms   INTEGER NOT NULL,
    lifted_at_ms   INTEGER NOT NULL,
    lifted_by      TEXT    NOT NULL,
    lift_reason    TEXT    NOT NULL,
    salt           BLOB    NOT NULL,
    lift_salt      BLOB    NOT NULL
) STRICT;
CREATE INDEX halts_active ON halts (thrown_at_ms) WHERE lifted_at_ms = 0;

-- The requests a key was bound to. The key is hashed with its space and tenant: of one length, and still recognised when it is collected.
-- A row of generation 0 says that the key was collected and is retired; it then stands alone.
CREATE TABLE keys (
    key_hash            BLOB    NOT NULL CHECK (length(key_hash) = 32),
    generation          INTEGER NOT NULL CHECK (generation >= 0),
    subject_id          TEXT    NOT NULL,
    fingerprint         BLOB    NOT NULL,
    fingerprint_version INTEGER NOT NULL,
    PRIMARY KEY (key_hash, generation)
) STRICT, WITHOUT ROWID;

-- `notes` and `holds` are JSON arrays.
CREATE TABLE commits (
    place              INTEGER PRIMARY KEY,
    commit_id          TEXT    NOT NULL UNIQUE,
    tenant             TEXT    NOT NULL,
    caller             TEXT    NOT NULL,
    key                BLOB    NOT NULL,
    generation         INTEGER NOT NULL CHECK (generation > 0),
    run_id             TEXT    NOT NULL,
    workflow           TEXT    NOT NULL,
    step               TEXT    NOT NULL,
    action             TEXT    NOT NULL,
    target             TEXT    NOT NULL,
    method             TEXT    NOT NULL,
    path               TEXT    NOT NULL,
    decision_id        TEXT    NOT NULL,
    fingerprint        BLOB    NOT NULL,
    state              TEXT    NOT NULL CHECK (state IN ('FORWARDING', 'SUCCEEDED', 'FAILED', 'DENIED', 'UNKNOWN')),
    verdict_id         TEXT    NOT NULL,
    activation_number  INTEGER NOT NULL,
    revision           TEXT    NOT NULL,
    attempt_id         TEXT    NOT NULL,
    boot_id            TEXT    NOT NULL,
    attempts           INTEGER NOT NULL CHECK (attempts >= 0),
    lease_until_ms     INTEGER NOT NULL,
    not_after_ms       INTEGER NOT NULL,
    host_status        INTEGER NOT NULL,
    response_truncated INTEGER NOT NULL CHECK (response_truncated IN (0, 1)),
    created_at_ms      INTEGER NOT NULL,
    ended_at_ms        INTEGER NOT NULL,
    expire_at_ms       INTEGER NOT NULL,
    entry_hash         BLOB    NOT NULL CHECK (length(entry_hash) = 32),
    traceparent        TEXT    NOT NULL,
    looks              INTEGER NOT NULL CHECK (looks >= 0),
    look_at_ms         INTEGER NOT NULL,
    look_until_ms      INTEGER NOT NULL,
    resolved_by        TEXT    NOT NULL,
    notes              TEXT    NOT NULL,
    holds              TEXT    NOT NULL
) STRICT;
-- What has not ended: small whatever the store has seen.
CREATE INDEX commits_open ON commits (state, look_at_ms) WHERE state IN ('FORWARDING', 'UNKNOWN');

CREATE TABLE bodies (
    place        INTEGER PRIMARY KEY, -- the commit's
    salt         BLOB NOT NULL,
    payload      BLOB NOT NULL,
    judged_input BLOB NOT NULL,
    response     BLOB NOT NULL
) STRICT;

CREATE TABLE attempts (
    commit_id      TEXT    NOT NULL,
    number         INTEGER NOT NULL CHECK (number > 0),
    attempt_id     TEXT    NOT NULL,
    boot_id        TEXT    NOT NULL,
    lease_until_ms INTEGER NOT NULL,
    not_after_ms   INTEGER NOT NULL,
    made_at_ms     INTEGER NOT NULL,
    PRIMARY KEY (commit_id, number)
) STRICT, WITHOUT ROWID;

-- What an operator said when resolving a commit.
CREATE TABLE evidence (
    commit_id TEXT PRIMARY KEY NOT NULL,
    words     TEXT NOT NULL,
    salt      BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- `notes`, `evidence`, `usage`, `holds` and `models` are JSON arrays.
CREATE TABLE decisions (
    place             INTEGER PRIMARY KEY,
    decision_id       TEXT    NOT NULL UNIQUE,
    tenant            TEXT    NOT NULL,
    caller            TEXT    NOT NULL,
    key               BLOB    NOT NULL,
    generation        INTEGER NOT NULL CHECK (generation > 0),
    run_id            TEXT    NOT NULL,
    workflow          TEXT    NOT NULL,
    step              TEXT    NOT NULL,
    fingerprint       BLOB    NOT NULL,
    state             TEXT    NOT NULL CHECK (state IN ('THINKING', 'DECIDED', 'ABSTAINED', 'STOPPED')),
    option            TEXT    NOT NULL,
    source            TEXT    NOT NULL CHECK (source IN ('', 'AGENT', 'FALLBACK')),
    stop              TEXT    NOT NULL,
    verdict_id        TEXT    NOT NULL,
    activation_number INTEGER NOT NULL,
    revision          TEXT    NOT NULL,
    step_digest       BLOB    NOT NULL,
    agent_version     TEXT    NOT NULL,
    transcript_sha256 BLOB    NOT NULL,
    boot_id           TEXT    NOT NULL,
    lease_until_ms    INTEGER NOT NULL,
    created_at_ms     INTEGER NOT NULL,
    ended_at_ms       INTEGER NOT NULL,
    ttl_ms            INTEGER NOT NULL,
    expire_at_ms      INTEGER NOT NULL,
    consumed_by       TEXT    NOT NULL,
    entry_hash        BLOB    NOT NULL,
    counted           INTEGER NOT NULL CHECK (counted IN (0, 1)),
    notes             TEXT    NOT NULL,
    evidence          TEXT    NOT NULL,
    usage             TEXT    NOT NULL,
    holds             TEXT    NOT NULL,
    models            TEXT    NOT NULL
) STRICT;
CREATE INDEX decisions_open ON decisions (lease_until_ms) WHERE state = 'THINKING';

CREATE TABLE decision_texts (
    place     INTEGER PRIMARY KEY, -- the decision's
    salt      BLOB NOT NULL,
    context   BLOB NOT NULL,
    rationale TEXT NOT NULL
) STRICT;

-- `stop` '' while the run is open; `budgets` is a JSON array.
CREATE TABLE runs (
    tenant         TEXT    NOT NULL,
    workflow       TEXT    NOT NULL,
    run_id         TEXT    NOT NULL,
    opened_at_ms   INTEGER NOT NULL,
    deadline_at_ms INTEGER NOT NULL,
    steps          INTEGER NOT NULL CHECK (steps >= 0),
    steps_max      INTEGER NOT NULL,
    stop           TEXT    NOT NULL,
    stopped_at_ms  INTEGER NOT NULL,
    note           TEXT    NOT NULL,
    note_salt      BLOB    NOT NULL,
    budgets        TEXT    NOT NULL,
    PRIMARY KEY (tenant, run_id, workflow)
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_open ON runs (deadline_at_ms) WHERE stop = '';

-- One budgeted quantity in one window. `node_key` spells the columns after it, in their order, joined by U+001F.
CREATE TABLE nodes (
    node_key        TEXT    NOT NULL,
    window_start_ms INTEGER NOT NULL,
    level           TEXT    NOT NULL CHECK (level IN ('run', 'workflow', 'tenant')),
    tenant          TEXT    NOT NULL,
    workflow        TEXT    NOT NULL,
    run_id          TEXT    NOT NULL,
    ledger          TEXT    NOT NULL,
    currency        TEXT    NOT NULL,
    time_window     TEXT    NOT NULL,
    held            INTEGER NOT NULL CHECK (typeof(held) = 'integer' AND held >= 0),
    settled         INTEGER NOT NULL CHECK (typeof(settled) = 'integer' AND settled >= 0),
    PRIMARY KEY (node_key, window_start_ms)
) STRICT, WITHOUT ROWID;

CREATE TABLE steps (
    entry_hash BLOB PRIMARY KEY NOT NULL,
    result     BLOB NOT NULL,
    salt       BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The record. `leaf` is never re-encoded; `counter` has no gap within a boot.
CREATE TABLE entries (
    place      INTEGER PRIMARY KEY,
    kind       TEXT    NOT NULL,
    time_ms    INTEGER NOT NULL,
    boot_id    TEXT    NOT NULL,
    counter    INTEGER NOT NULL CHECK (counter > 0),
    tenant     TEXT    NOT NULL,
    workflow   TEXT    NOT NULL,
    run_id     TEXT    NOT NULL,
    subject_id TEXT    NOT NULL,
    leaf       BLOB    NOT NULL,
    leaf_hash  BLOB    NOT NULL CHECK (length(leaf_hash) = 32),
    UNIQUE (boot_id, counter)
) STRICT;
CREATE INDEX entries_of_run ON entries (run_id, workflow, tenant) WHERE run_id <> '';
