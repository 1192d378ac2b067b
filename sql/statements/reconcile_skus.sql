-- The next SKUs in their order, for the look into the cache.
SELECT sku FROM stock FORCE INDEX (PRIMARY) WHERE sku > {after} ORDER BY sku LIMIT {limit}
