-- Records the stock after the flush; the rows are locked by this transaction. The gate of the change feed is
-- the last that it locks, until its commit.
-- rows: (sku, delta, orders)
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
WITH planned (sku, delta, orders) AS (VALUES {rows})
SELECT stock.sku, stock.version, {flush_id}, stock.available, planned.delta, planned.orders
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
WHERE (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1
