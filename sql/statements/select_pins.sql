-- The SKUs that are pinned, as many as processes heed.
SELECT sku FROM pinned_sku ORDER BY sku LIMIT {limit}
