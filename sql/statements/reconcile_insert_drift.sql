-- Differences that a run has found.
INSERT INTO reconcile_drift (run, number, sku, class, expected, found, version, amount, mend, mended_at)
VALUES {rows}
