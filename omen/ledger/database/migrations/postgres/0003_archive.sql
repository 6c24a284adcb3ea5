-- The usage of days whose rows were deleted because of [ledger] keep_days: the rows of each report of
-- such a day, by every column that a report can group by.
CREATE TABLE archived_usage (
    day TEXT NOT NULL,
    dimension TEXT NOT NULL,
    name TEXT,
    requests BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    from_cache BIGINT NOT NULL,
    prompt_tokens BIGINT NOT NULL,
    completion_tokens BIGINT NOT NULL,
    cost_usd NUMERIC,
    premium_usd NUMERIC,
    inexact BIGINT NOT NULL
);

CREATE INDEX archived_usage_by_day ON archived_usage (dimension, day);

-- Days of which reports read the archive, and not the rows that are left.
CREATE TABLE archived_days (day TEXT PRIMARY KEY);
