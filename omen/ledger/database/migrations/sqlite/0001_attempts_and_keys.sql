CREATE TABLE attempts (
    id TEXT PRIMARY KEY,
    race_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    accepted_unix REAL NOT NULL,
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
    started REAL NOT NULL,
    first_token REAL,
    committed REAL,
    useful INTEGER NOT NULL,
    ended REAL NOT NULL,
    tokens INTEGER NOT NULL,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    cached_tokens INTEGER,
    cost_usd TEXT,
    provenance TEXT NOT NULL,
    from_cache INTEGER NOT NULL
);

CREATE INDEX attempts_by_day ON attempts (day);

CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    name TEXT NOT NULL,
    admin INTEGER NOT NULL,
    requests_per_minute INTEGER,
    tokens_per_minute INTEGER,
    monthly_usd TEXT,
    models TEXT NOT NULL,
    strategies TEXT NOT NULL,
    created_at TEXT NOT NULL,
    revoked_at TEXT
);
