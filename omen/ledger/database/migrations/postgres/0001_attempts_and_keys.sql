CREATE TABLE attempts (
    id TEXT PRIMARY KEY,
    race_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    accepted_unix DOUBLE PRECISION NOT NULL,
    day TEXT NOT NULL,
    key_id TEXT,
    project TEXT,
    strategy TEXT NOT NULL,
    intent TEXT,
    attempt INTEGER NOT NULL,
    role TEXT NOT NULL,
    provider TEXT NOT NULL,
    kind TEXT NOT NULL,
    model TEXT NOT NULL,
    domain TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    started DOUBLE PRECISION NOT NULL,
    first_token DOUBLE PRECISION,
    committed DOUBLE PRECISION,
    useful BOOLEAN NOT NULL,
    ended DOUBLE PRECISION NOT NULL,
    tokens BIGINT NOT NULL,
    prompt_tokens BIGINT,
    completion_tokens BIGINT,
    cached_tokens BIGINT,
    cost_usd NUMERIC,
    provenance TEXT NOT NULL,
    from_cache BOOLEAN NOT NULL
);

CREATE INDEX attempts_by_day ON attempts (day);

CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    name TEXT NOT NULL,
    admin BOOLEAN NOT NULL,
    requests_per_minute INTEGER,
    tokens_per_minute INTEGER,
    monthly_usd NUMERIC,
    models TEXT NOT NULL,
    strategies TEXT NOT NULL,
    created_at TEXT NOT NULL,
    revoked_at TEXT
);
