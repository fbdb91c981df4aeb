-- One row per Idempotency-Key that reached an end. A key that is absent has had no effect, ever.
CREATE TABLE IF NOT EXISTS operations (
    key         TEXT    PRIMARY KEY,
    fingerprint BLOB    NOT NULL,                                        -- SHA-256 over account and body
    status      TEXT    NOT NULL CHECK (status IN ('APPLIED', 'NOT_APPLIED')),
    http_status INTEGER NOT NULL,
    response    TEXT    NOT NULL                                         -- the JSON that was, or would have been, answered
) STRICT, WITHOUT ROWID;

-- What was bought. Several for one account are possible; two for one key are not.
CREATE TABLE IF NOT EXISTS subscriptions (
    number        INTEGER PRIMARY KEY,
    key           TEXT    NOT NULL UNIQUE REFERENCES operations (key),
    account       TEXT    NOT NULL,
    plan          TEXT    NOT NULL,
    seats         INTEGER NOT NULL,
    amount_micros INTEGER NOT NULL,
    currency      TEXT    NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS subscriptions_of_account ON subscriptions (account, number);
