-- What a run has found, as far as it is recorded.
SELECT number, sku, class, expected, found, version, amount, mend, mended_at IS NOT NULL
FROM reconcile_drift
WHERE run = {run}
ORDER BY number
