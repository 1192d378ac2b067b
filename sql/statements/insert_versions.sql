-- Records the stock after the flush; the rows are locked by this transaction.
-- rows: (sku, delta, orders)
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
WITH planned (sku, delta, orders) AS (VALUES {rows})
SELECT stock.sku, stock.version, {flush_id}, stock.available, planned.delta, planned.orders
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
