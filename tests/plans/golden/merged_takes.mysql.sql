BEGIN;
INSERT INTO movement (order_id, sku, delta, flush_id)
WITH moment AS (SELECT LAST_INSERT_ID(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6)))),
planned (order_id, sku, delta) AS (VALUES ROW('o-10','pen',-1),ROW('o-11','mug',-8))
SELECT order_id, sku, delta, 1099511627781 FROM moment STRAIGHT_JOIN planned;
UPDATE (
    WITH planned (sku, units) AS (VALUES ROW('mug',8),ROW('pen',1))
    SELECT * FROM planned
) AS planned
STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
SET
    stock.available = stock.available - planned.units,
    stock.version = stock.version + 1
WHERE stock.available >= planned.units
    AND stock.purchase_limit IS NULL
    AND (stock.sale_starts_at IS NULL OR stock.sale_starts_at <= NOW(6))
    AND (stock.sale_ends_at IS NULL OR stock.sale_ends_at > NOW(6));
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
WITH planned (sku, delta, orders) AS (VALUES ROW('mug',-8,1),ROW('pen',-1,1))
SELECT stock.sku, stock.version, 1099511627781, stock.available, planned.delta, planned.orders
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
WHERE (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1;
SELECT
    sku, available,
    purchase_limit IS NOT NULL
    OR COALESCE(sale_starts_at > NOW(6), FALSE)
    OR COALESCE(sale_ends_at <= NOW(6), FALSE)
FROM stock FORCE INDEX (PRIMARY)
WHERE sku IN ('mug','pen')

COMMIT
