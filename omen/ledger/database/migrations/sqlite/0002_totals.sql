-- What each day has cost, by key, provider and the replica that spent it, in whole nano-dollars. A
-- trigger keeps it, so that it holds whoever writes a row, and in the transaction that writes it.
CREATE TABLE totals (
    day TEXT NOT NULL,
    key_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    replica TEXT NOT NULL,
    nano INTEGER NOT NULL,
    PRIMARY KEY (day, key_id, provider, replica)
) WITHOUT ROWID;

-- Days whose rows are older than the totals, and are not in them yet. They are filled one by one.
CREATE TABLE unfilled_days (day TEXT PRIMARY KEY);

-- Whose rows the transaction under way writes; there is only one at a time.
CREATE TABLE writing (replica TEXT NOT NULL);

INSERT INTO writing VALUES ('');

-- What a row counts: see omen/money.py. A cost is text, digits with at most one point; as anything
-- else, which only a foreign hand writes, it is read as a binary fraction.
CREATE VIEW costs AS
SELECT
    id,
    day,
    COALESCE(key_id, '') AS key_id,
    provider,
    CASE
        WHEN cost_usd GLOB '*[^0-9.]*'
            THEN MAX(0, MIN(1000000000000000, CAST(CAST(cost_usd AS REAL) * 1000000000 AS INTEGER)))
        WHEN CAST(cost_usd AS INTEGER) >= 1000000 THEN 1000000000000000
        ELSE CAST(cost_usd AS INTEGER) * 1000000000
            + CAST(SUBSTR(SUBSTR(cost_usd, INSTR(cost_usd || '.', '.') + 1) || '000000000', 1, 9) AS INTEGER)
            + (LTRIM(SUBSTR(cost_usd, INSTR(cost_usd || '.', '.') + 10), '0') <> '')
    END AS nano
FROM attempts
WHERE cost_usd IS NOT NULL;

-- The same of the new row, which is not looked up once more: this is run for each.
CREATE TRIGGER attempts_are_totalled AFTER INSERT ON attempts
WHEN NEW.cost_usd IS NOT NULL AND NOT EXISTS (SELECT 1 FROM unfilled_days WHERE day = NEW.day)
BEGIN
    INSERT INTO totals VALUES (
        NEW.day,
        COALESCE(NEW.key_id, ''),
        NEW.provider,
        (SELECT replica FROM writing),
        CASE
            WHEN NEW.cost_usd GLOB '*[^0-9.]*'
                THEN MAX(0, MIN(1000000000000000, CAST(CAST(NEW.cost_usd AS REAL) * 1000000000 AS INTEGER)))
            WHEN CAST(NEW.cost_usd AS INTEGER) >= 1000000 THEN 1000000000000000
            ELSE CAST(NEW.cost_usd AS INTEGER) * 1000000000
                + CAST(SUBSTR(SUBSTR(NEW.cost_usd, INSTR(NEW.cost_usd || '.', '.') + 1) || '000000000', 1, 9) AS INTEGER)
                + (LTRIM(SUBSTR(NEW.cost_usd, INSTR(NEW.cost_usd || '.', '.') + 10), '0') <> '')
        END
    )
    ON CONFLICT (day, key_id, provider, replica)
    DO UPDATE SET nano = MIN(totals.nano + excluded.nano, 9000000000000000000);
END;

-- One look at the index for each day that has rows, however many it has.
INSERT INTO unfilled_days
WITH RECURSIVE days (day) AS (
    SELECT MIN(day) FROM attempts
    UNION ALL
    SELECT (SELECT MIN(day) FROM attempts WHERE day > days.day) FROM days WHERE days.day IS NOT NULL
)
SELECT day FROM days WHERE day IS NOT NULL;
