-- Records the stock after the flush; the rows are locked by this transaction. The epoch is read under a
-- shared lock that lasts until the commit, the last one that a flush takes: see the migration of
-- change_gate.
-- rows: (sku, delta, orders)
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders, epoch)
WITH planned (sku, delta, orders) AS (VALUES {rows})
SELECT
    stock.sku, stock.version, {flush_id}, stock.available, planned.delta, planned.orders,
    (SELECT epoch FROM change_gate WHERE id = 1 LOCK IN SHARE MODE)
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
