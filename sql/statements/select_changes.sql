-- What comes after a cursor in the change feed, of the epochs that are complete. The condition is
-- spelled out because a comparison of rows, (a, b, c) > (x, y, z), is no range for MySQL.
SELECT epoch, sku, version, available, delta, orders
FROM stock_version FORCE INDEX (change_order)
WHERE epoch < {complete} AND (
    epoch > {epoch}
    OR (epoch = {epoch} AND sku > {sku})
    OR (epoch = {epoch} AND sku = {sku} AND version > {version})
)
ORDER BY epoch, sku, version
LIMIT {limit}
