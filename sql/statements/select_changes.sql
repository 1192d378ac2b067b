-- What comes after a place in the change feed, as far as it is complete.
SELECT place, sku, version, available, delta, orders
FROM stock_version FORCE INDEX (change_order)
WHERE place > {after} AND place <= {complete}
ORDER BY place
LIMIT {limit}
