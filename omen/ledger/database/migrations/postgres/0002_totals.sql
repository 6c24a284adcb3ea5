-- The cost of each day, by key, provider and replica, in whole nano-dollars. A trigger updates it in
-- the transaction that writes a row, so it is right whichever program writes the row.
CREATE TABLE IF NOT EXISTS totals (
    day TEXT NOT NULL,
    key_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    replica TEXT NOT NULL,
    nano BIGINT NOT NULL,
    PRIMARY KEY (day, key_id, provider, replica)
);

-- Days with rows older than the totals, which do not count them yet. They are filled one by one.
CREATE TABLE IF NOT EXISTS unfilled_days (day TEXT PRIMARY KEY);

-- An operator may have dropped the rows but not the totals: they begin with the existing rows.
DELETE FROM totals;

DELETE FROM unfilled_days;

-- A cost in nano-dollars: see omen/core/money.py.
CREATE OR REPLACE FUNCTION omen_nano(cost NUMERIC) RETURNS BIGINT LANGUAGE SQL IMMUTABLE AS $$
    SELECT GREATEST(CEIL(LEAST(cost, 1000000) * 1000000000), 0)::BIGINT
$$;

-- SECURITY DEFINER: a role that may write rows needs no rights to the totals. The lock on an unfilled
-- day is held until this transaction ends. So a transaction that fills the day waits for rows that it
-- would not see, and rows that it does not see wait for it.
CREATE OR REPLACE FUNCTION omen_total_attempts() RETURNS TRIGGER
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM 1 FROM unfilled_days WHERE day IN (SELECT day FROM fresh) ORDER BY day FOR KEY SHARE;
    INSERT INTO totals
    SELECT
        day,
        COALESCE(key_id, ''),
        provider,
        COALESCE(current_setting('omen.replica', TRUE), ''),
        LEAST(SUM(omen_nano(cost_usd)), 9000000000000000000)
    FROM fresh
    WHERE cost_usd IS NOT NULL AND day NOT IN (SELECT day FROM unfilled_days)
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3
    ON CONFLICT (day, key_id, provider, replica)
    DO UPDATE SET nano = LEAST(totals.nano::NUMERIC + excluded.nano, 9000000000000000000);
    RETURN NULL;
END
$$;

CREATE TRIGGER attempts_are_totalled AFTER INSERT ON attempts
REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION omen_total_attempts();

-- One search of the index for each day with rows, however many rows it has.
INSERT INTO unfilled_days
WITH RECURSIVE days (day) AS (
    SELECT MIN(day) FROM attempts
    UNION ALL
    SELECT (SELECT MIN(day) FROM attempts WHERE day > days.day) FROM days WHERE days.day IS NOT NULL
)
SELECT day FROM days WHERE day IS NOT NULL;
