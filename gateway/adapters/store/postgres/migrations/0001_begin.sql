-- serves: 1
-- The store's first schema. Numbered files are applied in order, each in one transaction, and never edited once released.
-- The first line says which schema the oldest gateway knows that still works on this one: a file that only adds keeps the number, one that takes
-- something away raises it.
--
-- Laws:
--   Times are Unix milliseconds, 0 for "not yet". Names that may be absent are '' and never NULL.
--   Money and counts are integers, and the checks refuse what cannot be. Text is compared by its bytes (collation "C"), as everywhere else.
--   `place` is the order in which rows were numbered; pages follow it.
--   Free text of people and models is kept as its bytes (UTF-8): PostgreSQL's text has no NUL, and a digest in the record speaks of every byte.
--   Every row that a transaction decides over can be locked: what may be absent has a row of its own to lock (`keys`, `runs`, `nodes`).

CREATE TABLE schema_versions (
    version       INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL,
    serves        INTEGER NOT NULL CHECK (serves BETWEEN 1 AND version),
    applied_at_ms BIGINT  NOT NULL
);

-- One row, made once: which store this is, whatever it is called and wherever it is moved to.
CREATE TABLE identity (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    store_id UUID    NOT NULL
);
INSERT INTO identity VALUES (1, gen_random_uuid());

-- One row for each time a gateway opened this store. `batch` is the newest transaction of that gateway, `counter` that of its next entry: whoever lost
-- the reply of a COMMIT locks its own row here, which waits for that transaction, and reads what became of it.
CREATE TABLE boots (
    boot_id      TEXT COLLATE "C" PRIMARY KEY,
    opened_at_ms BIGINT NOT NULL,
    closed_at_ms BIGINT NOT NULL,
    batch        BIGINT NOT NULL CHECK (batch >= 0),
    counter      BIGINT NOT NULL CHECK (counter > 0),
    confirmed    BIGINT NOT NULL
) WITH (fillfactor = 50);

-- One row. Every T1 is decided under it; Halt, Resume and activation move it on.
CREATE TABLE gate (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    version        BIGINT  NOT NULL,
    minimum_number INTEGER NOT NULL CHECK (minimum_number >= 0)
) WITH (fillfactor = 10);
INSERT INTO gate VALUES (1, 1, 0);

-- Activations that came into force, with the limits above run level (`standing`, JSON). The greatest number is in force.
CREATE TABLE activations (
    number          INTEGER PRIMARY KEY CHECK (number > 0),
    revision        TEXT COLLATE "C" NOT NULL,
    digest          BYTEA  NOT NULL,
    standing        TEXT   NOT NULL,
    activated_at_ms BIGINT NOT NULL
);

CREATE TABLE halts (
    halt_id      TEXT COLLATE "C" PRIMARY KEY,
    tenant       TEXT COLLATE "C" NOT NULL,
    workflow     TEXT COLLATE "C" NOT NULL,
    step         TEXT COLLATE "C" NOT NULL,
    action       TEXT COLLATE "C" NOT NULL,
    target       TEXT COLLATE "C" NOT NULL,
    model        TEXT COLLATE "C" NOT NULL,
    run_id       TEXT COLLATE "C" NOT NULL,
    reason       BYTEA  NOT NULL,
    principal    TEXT   NOT NULL,
    thrown_at_ms BIGINT NOT NULL,
    lifted_at_ms BIGINT NOT NULL,
    lifted_by    TEXT   NOT NULL,
    lift_reason  BYTEA  NOT NULL,
    salt         BYTEA  NOT NULL,
    lift_salt    BYTEA  NOT NULL
);
CREATE INDEX halts_active ON halts (thrown_at_ms) WHERE lifted_at_ms = 0;

-- The keys ever bound, hashed with their space and tenant. The row is what a request for the key locks. Collected, a key has no generations and says
-- when it was retired.
CREATE TABLE keys (
    key_hash      BYTEA  PRIMARY KEY CHECK (octet_length(key_hash) = 32),
    retired_at_ms BIGINT NOT NULL
);
CREATE INDEX keys_retired ON keys (retired_at_ms, key_hash) WHERE retired_at_ms > 0;

-- The requests a key was bound to, oldest first.
CREATE TABLE generations (
    key_hash            BYTEA   NOT NULL,
    generation          INTEGER NOT NULL CHECK (generation > 0),
    subject_id          TEXT COLLATE "C" NOT NULL,
    fingerprint         BYTEA   NOT NULL,
    fingerprint_version INTEGER NOT NULL,
    PRIMARY KEY (key_hash, generation)
);

-- `notes` and `holds` are JSON arrays.
CREATE TABLE commits (
    place              BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
    commit_id          TEXT COLLATE "C" PRIMARY KEY,
    tenant             TEXT COLLATE "C" NOT NULL,
    caller             TEXT COLLATE "C" NOT NULL,
    key                BYTEA   NOT NULL,
    generation         INTEGER NOT NULL CHECK (generation > 0),
    run_id             TEXT COLLATE "C" NOT NULL,
    workflow           TEXT COLLATE "C" NOT NULL,
    step               TEXT COLLATE "C" NOT NULL,
    action             TEXT COLLATE "C" NOT NULL,
    target             TEXT COLLATE "C" NOT NULL,
    method             TEXT    NOT NULL,
    path               TEXT    NOT NULL,
    decision_id        TEXT COLLATE "C" NOT NULL,
    fingerprint        BYTEA   NOT NULL,
    state              TEXT COLLATE "C" NOT NULL CHECK (state IN ('FORWARDING', 'SUCCEEDED', 'FAILED', 'DENIED', 'UNKNOWN')),
    verdict_id         TEXT    NOT NULL,
    activation_number  INTEGER NOT NULL,
    revision           TEXT    NOT NULL,
    attempt_id         TEXT COLLATE "C" NOT NULL,
    boot_id            TEXT COLLATE "C" NOT NULL,
    attempts           INTEGER NOT NULL CHECK (attempts >= 0),
    lease_until_ms     BIGINT  NOT NULL,
    not_after_ms       BIGINT  NOT NULL,
    host_status        INTEGER NOT NULL,
    response_truncated BOOLEAN NOT NULL,
    created_at_ms      BIGINT  NOT NULL,
    ended_at_ms        BIGINT  NOT NULL,
    expire_at_ms       BIGINT  NOT NULL,
    entry_hash         BYTEA   NOT NULL CHECK (octet_length(entry_hash) = 32),
    traceparent        TEXT    NOT NULL,
    looks              INTEGER NOT NULL CHECK (looks >= 0),
    look_at_ms         BIGINT  NOT NULL,
    look_until_ms      BIGINT  NOT NULL,
    resolved_by        TEXT    NOT NULL,
    notes              TEXT    NOT NULL,
    holds              TEXT    NOT NULL
) WITH (fillfactor = 80);
-- What has not ended: small whatever the store has seen.
CREATE INDEX commits_open ON commits (state, look_at_ms) WHERE state IN ('FORWARDING', 'UNKNOWN');

CREATE TABLE bodies (
    commit_id    TEXT COLLATE "C" PRIMARY KEY,
    salt         BYTEA NOT NULL,
    payload      BYTEA NOT NULL,
    judged_input BYTEA NOT NULL,
    response     BYTEA NOT NULL
);

CREATE TABLE attempts (
    commit_id      TEXT COLLATE "C" NOT NULL,
    number         INTEGER NOT NULL CHECK (number > 0),
    attempt_id     TEXT COLLATE "C" NOT NULL,
    boot_id        TEXT COLLATE "C" NOT NULL,
    lease_until_ms BIGINT NOT NULL,
    not_after_ms   BIGINT NOT NULL,
    made_at_ms     BIGINT NOT NULL,
    PRIMARY KEY (commit_id, number)
);

-- What an operator said when resolving a commit.
CREATE TABLE evidence (
    commit_id TEXT COLLATE "C" PRIMARY KEY,
    words     BYTEA NOT NULL,
    salt      BYTEA NOT NULL
);

-- `notes`, `evidence`, `usage`, `holds` and `models` are JSON arrays.
CREATE TABLE decisions (
    place             BIGINT GENERATED ALWAYS AS IDENTITY UNIQUE,
    decision_id       TEXT COLLATE "C" PRIMARY KEY,
    tenant            TEXT COLLATE "C" NOT NULL,
    caller            TEXT COLLATE "C" NOT NULL,
    key               BYTEA   NOT NULL,
    generation        INTEGER NOT NULL CHECK (generation > 0),
    run_id            TEXT COLLATE "C" NOT NULL,
    workflow          TEXT COLLATE "C" NOT NULL,
    step              TEXT COLLATE "C" NOT NULL,
    fingerprint       BYTEA   NOT NULL,
    state             TEXT COLLATE "C" NOT NULL CHECK (state IN ('THINKING', 'DECIDED', 'ABSTAINED', 'STOPPED')),
    option            TEXT    NOT NULL,
    source            TEXT    NOT NULL CHECK (source IN ('', 'AGENT', 'FALLBACK')),
    stop              TEXT    NOT NULL,
    verdict_id        TEXT    NOT NULL,
    activation_number INTEGER NOT NULL,
    revision          TEXT    NOT NULL,
    step_digest       BYTEA   NOT NULL,
    agent_version     TEXT    NOT NULL,
    transcript_sha256 BYTEA   NOT NULL,
    boot_id           TEXT COLLATE "C" NOT NULL,
    lease_until_ms    BIGINT  NOT NULL,
    created_at_ms     BIGINT  NOT NULL,
    ended_at_ms       BIGINT  NOT NULL,
    ttl_ms            BIGINT  NOT NULL,
    expire_at_ms      BIGINT  NOT NULL,
    consumed_by       TEXT COLLATE "C" NOT NULL,
    entry_hash        BYTEA   NOT NULL,
    counted           BOOLEAN NOT NULL,
    notes             TEXT    NOT NULL,
    evidence          TEXT    NOT NULL,
    usage             TEXT    NOT NULL,
    holds             TEXT    NOT NULL,
    models            TEXT    NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX decisions_open ON decisions (lease_until_ms) WHERE state = 'THINKING';

CREATE TABLE decision_texts (
    decision_id TEXT COLLATE "C" PRIMARY KEY,
    salt        BYTEA NOT NULL,
    context     BYTEA NOT NULL,
    rationale   BYTEA NOT NULL
);

-- `stop` '' while the run is open; `budgets` is a JSON array. A row with opened_at_ms 0 lives only inside the transaction that locks the run by it.
CREATE TABLE runs (
    tenant         TEXT COLLATE "C" NOT NULL,
    workflow       TEXT COLLATE "C" NOT NULL,
    run_id         TEXT COLLATE "C" NOT NULL,
    opened_at_ms   BIGINT  NOT NULL,
    deadline_at_ms BIGINT  NOT NULL,
    steps          INTEGER NOT NULL CHECK (steps >= 0),
    steps_max      INTEGER NOT NULL,
    stop           TEXT COLLATE "C" NOT NULL,
    stopped_at_ms  BIGINT  NOT NULL,
    note           BYTEA   NOT NULL,
    note_salt      BYTEA   NOT NULL,
    budgets        TEXT    NOT NULL,
    finish_key     BYTEA   NOT NULL,
    collected      INTEGER NOT NULL CHECK (collected >= 0 AND collected <= steps),
    PRIMARY KEY (tenant, run_id, workflow)
) WITH (fillfactor = 50);
CREATE INDEX runs_open ON runs (deadline_at_ms) WHERE stop = '';
CREATE INDEX runs_open_of_tenant ON runs (tenant) WHERE stop = '';
CREATE INDEX runs_stopped ON runs (stopped_at_ms, tenant, run_id, workflow) WHERE stop <> '';

-- One budgeted quantity: what a transaction locks before it looks at any window of it. `node_key` spells level, tenant, workflow, run, ledger,
-- currency and window, joined by U+001F.
CREATE TABLE nodes (
    node_key TEXT COLLATE "C" PRIMARY KEY
) WITH (fillfactor = 50);

CREATE TABLE windows (
    node_key        TEXT COLLATE "C" NOT NULL,
    window_start_ms BIGINT NOT NULL,
    held            BIGINT NOT NULL CHECK (held >= 0),
    settled         BIGINT NOT NULL CHECK (settled >= 0),
    collected       BIGINT NOT NULL CHECK (collected >= 0 AND collected <= settled),
    PRIMARY KEY (node_key, window_start_ms)
) WITH (fillfactor = 50);

CREATE TABLE steps (
    entry_hash     BYTEA PRIMARY KEY,
    tenant         TEXT COLLATE "C" NOT NULL,
    workflow       TEXT COLLATE "C" NOT NULL,
    run_id         TEXT COLLATE "C" NOT NULL,
    key            BYTEA  NOT NULL,
    recorded_at_ms BIGINT NOT NULL,
    result         BYTEA  NOT NULL,
    salt           BYTEA  NOT NULL
);
CREATE INDEX steps_recorded ON steps (recorded_at_ms, entry_hash);

-- The record. `leaf` is never re-encoded; `counter` has no gap within a boot. The gateway's role may add to it and do nothing else.
CREATE TABLE entries (
    place      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       TEXT COLLATE "C" NOT NULL,
    time_ms    BIGINT NOT NULL,
    boot_id    TEXT COLLATE "C" NOT NULL,
    counter    BIGINT NOT NULL CHECK (counter > 0),
    tenant     TEXT COLLATE "C" NOT NULL,
    workflow   TEXT COLLATE "C" NOT NULL,
    run_id     TEXT COLLATE "C" NOT NULL,
    subject_id TEXT COLLATE "C" NOT NULL,
    leaf       BYTEA  NOT NULL,
    leaf_hash  BYTEA  NOT NULL CHECK (octet_length(leaf_hash) = 32),
    UNIQUE (boot_id, counter)
);
CREATE INDEX entries_of_run ON entries (run_id, workflow, tenant, place) WHERE run_id <> '';
