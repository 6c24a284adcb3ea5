-- What each day has cost, by key, provider and the replica that spent it, in whole nano-dollars. A
-- trigger keeps it, so that it holds whoever writes a row, and in the transaction that writes it.
CREATE TABLE IF NOT EXISTS totals (
    day TEXT NOT NULL,
    key_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    replica TEXT NOT NULL,
    nano BIGINT NOT NULL,
    PRIMARY KEY (day, key_id, provider, replica)
);

-- Days whose rows are older than the totals, and are not in them yet. They are filled one by one.
CREATE TABLE IF NOT EXISTS unfilled_days (day TEXT PRIMARY KEY);

-- Somebody may have dropped the rows and left the totals: they begin with the rows there are.
DELETE FROM totals;

DELETE FROM unfilled_days;

-- What a cost counts: see omen/money.py.
CREATE OR REPLACE FUNCTION omen_nano(cost NUMERIC) RETURNS BIGINT LANGUAGE SQL IMMUTABLE AS $$
    SELECT GREATEST(CEIL(LEAST(cost, 1000000) * 1000000000), 0)::BIGINT
$$;

-- Whoever may write a row may have it counted, without rights to the totals: SECURITY DEFINER. The
-- lock on a day that is being filled is held until this transaction ends: its filling waits for
-- rows that it would not see, and rows that it does not see wait for it.
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

-- One look at the index for each day that has rows, however many it has.
INSERT INTO unfilled_days
WITH RECURSIVE days (day) AS (
    SELECT MIN(day) FROM attempts
    UNION ALL
    SELECT (SELECT MIN(day) FROM attempts WHERE day > days.day) FROM days WHERE days.day IS NOT NULL
)
SELECT day FROM days WHERE day IS NOT NULL;
