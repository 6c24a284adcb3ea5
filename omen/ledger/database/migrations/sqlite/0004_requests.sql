-- One row for each request of a known caller, also for one that never had an attempt. The rows of
-- its attempts have the ids RACE_ID:0 and so on.
CREATE TABLE requests (
    id TEXT PRIMARY KEY,
    race_id TEXT,
    request_id TEXT NOT NULL,
    accepted_unix REAL NOT NULL,
    ended_unix REAL NOT NULL,
    door TEXT NOT NULL,
    key_id TEXT,
    project TEXT,
    model TEXT NOT NULL,
    strategy TEXT,
    status INTEGER NOT NULL,
    result TEXT NOT NULL,
    error TEXT,
    attempts INTEGER NOT NULL,
    winner INTEGER
);

CREATE INDEX requests_by_end ON requests (ended_unix);

CREATE INDEX requests_by_request_id ON requests (request_id);
