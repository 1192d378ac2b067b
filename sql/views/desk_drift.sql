-- What reconciliation found, and what mends it; see `hotrow reconcile`.
-- Cost: the rows of the runs that are asked for.
-- Example: SELECT sku, class, expected, found, mend FROM desk_drift WHERE run = (SELECT MAX(id) FROM reconcile_run) AND mended_at IS NULL;
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
    drift.mend AS mend
FROM reconcile_drift AS drift
JOIN reconcile_run AS run ON run.id = drift.run
