-- The same as insert_versions.sql for SKUs of which each was changed by one operation, all by the same number of units.
-- MariaDB is not sent this.
-- rows: (sku)
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
WITH planned (sku) AS (VALUES {rows})
SELECT stock.sku, stock.version, {flush_id}, stock.available, {delta}, 1
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
WHERE (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1
