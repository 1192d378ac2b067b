-- Entries of the read cache that could not be checked or repaired; `hotrow reconcile --retry-failures` tries again.
-- Cost: the table, which has a row for each such SKU and is nearly always empty.
-- Example: SELECT sku, reason, attempts, last_at FROM desk_failures ORDER BY last_at DESC;
CREATE OR REPLACE SQL SECURITY INVOKER VIEW desk_failures AS
SELECT sku, reason, attempts, first_at, last_at
FROM reconcile_failure
