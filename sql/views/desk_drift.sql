-- What reconciliation found, and the SQL that mends it. `mend` has it as long as the difference is open: it is not
-- mended, and neither has a later run compared everything since nor another run's SQL mended it.
-- Cost: the rows of the runs that are asked for, and for each of them that is open the mends of its SKU.
-- Example: SELECT sku, class, expected, found, mend FROM desk_drift WHERE run = (SELECT MAX(id) FROM reconcile_run WHERE kind <> 'follow') AND mended_at IS NULL;
CREATE OR REPLACE SQL SECURITY INVOKER VIEW desk_drift AS
SELECT
    drift.run AS run,
    run.kind AS kind,
    run.started_at AS started_at,
    drift.found_at AS found_at,
    drift.sku AS sku,
    drift.class AS class,
    drift.expected AS expected,
    drift.found AS found,
    drift.amount AS amount,
    drift.mended_at AS mended_at,
    CASE
        WHEN drift.mended_at IS NOT NULL THEN NULL
        WHEN EXISTS (
            SELECT 1 FROM reconcile_run AS later
            WHERE later.id > drift.run AND later.kind <> 'follow' AND later.state = 'done'
                -- Of more than these not all are recorded.
                AND later.differences <= 10000
        ) THEN NULL
        WHEN EXISTS (
            SELECT 1 FROM reconcile_drift AS other FORCE INDEX (of_sku)
            WHERE other.sku = drift.sku AND other.class = drift.class AND other.mended_at > drift.found_at
        ) THEN NULL
        ELSE drift.mend
    END AS mend
FROM reconcile_drift AS drift
JOIN reconcile_run AS run ON run.id = drift.run
