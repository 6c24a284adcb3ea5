-- The usage of days whose rows were deleted because of [ledger] keep_days: the rows of each report of
-- such a day, by every column that a report can group by.
CREATE TABLE archived_usage (
    day TEXT NOT NULL,
    dimension TEXT NOT NULL,
    name TEXT,
    requests INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    from_cache INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    cost_usd TEXT,
    premium_usd TEXT,
    inexact INTEGER NOT NULL
);

CREATE INDEX archived_usage_by_day ON archived_usage (dimension, day);

-- Days of which reports read the archive, and not the rows that are left.
CREATE TABLE archived_days (day TEXT PRIMARY KEY);
