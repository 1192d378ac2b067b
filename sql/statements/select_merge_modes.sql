-- The merge modes that are set, the whole server's first: no SKU sorts before it.
SELECT sku, mode FROM merge_mode ORDER BY sku LIMIT {limit}
