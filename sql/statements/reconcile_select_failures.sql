-- What was given up, in the order of the SKUs.
SELECT sku, reason, attempts FROM reconcile_failure WHERE sku > {after} ORDER BY sku LIMIT {limit}
