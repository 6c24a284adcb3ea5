-- The cost of each day, by key, provider and replica, in whole nano-dollars. A trigger updates it in
-- the transaction that writes a row, so it is right whichever program writes the row.
CREATE TABLE totals (
    day TEXT NOT NULL,
    key_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    replica TEXT NOT NULL,
    nano INTEGER NOT NULL,
    PRIMARY KEY (day, key_id, provider, replica)
) WITHOUT ROWID;

-- Days with rows older than the totals, which do not count them yet. They are filled one by one.
CREATE TABLE unfilled_days (day TEXT PRIMARY KEY);

-- The replica of the current transaction's rows. SQLite has only one writer at a time.
CREATE TABLE writing (replica TEXT NOT NULL);

INSERT INTO writing VALUES ('');

-- The cost of a row in nano-dollars: see omen/core/money.py. A cost is text, digits with at most one
-- point. Any other form, which OMEN does not write, is read as a binary fraction.
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

-- The same for the new row. It does not select from the view, because it runs for every row.
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

-- One search of the index for each day with rows, however many rows it has.
INSERT INTO unfilled_days
WITH RECURSIVE days (day) AS (
    SELECT MIN(day) FROM attempts
    UNION ALL
    SELECT (SELECT MIN(day) FROM attempts WHERE day > days.day) FROM days WHERE days.day IS NOT NULL
)
SELECT day FROM days WHERE day IS NOT NULL;
