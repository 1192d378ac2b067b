BEGIN;
INSERT INTO movement (order_id, step, line, kind, sku, delta, reason, flush_id)
WITH planned (order_id, step, line, kind, sku, delta, reason) AS (VALUES ('o-3','take',1,'deduct','ink',-2,NULL),('o-3','take',2,'deduct','pen',-1,NULL),('o-4','take',1,'deduct','ink',-1,NULL),('r-1','adjust',1,'restock','mug',5,_utf8mb4 x'69742773206261636b'))
SELECT order_id, step, line, kind, sku, delta, reason, 1099511627777 FROM planned;
UPDATE (
    WITH planned (sku, delta, need, room) AS (VALUES ('ink',-3,3,1000000000000000),('mug',5,0,999999999999995),('pen',-1,1,1000000000000000)) SELECT * FROM planned
) AS planned
STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
SET stock.available = stock.available + planned.delta, stock.version = stock.version + 1
WHERE stock.available >= planned.need AND stock.available <= planned.room;
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
WITH planned (sku, delta, orders) AS (VALUES ('ink',-3,2),('mug',5,1),('pen',-1,1))
SELECT stock.sku, stock.version, 1099511627777, stock.available, planned.delta, planned.orders
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
WHERE (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1;
SELECT
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', movement.created_at), stock.sku, stock.available
FROM movement STRAIGHT_JOIN stock
WHERE movement.order_id = 'o-3' AND movement.step = 'take' AND movement.line = 1
    AND stock.sku IN ('ink','mug','pen')

COMMIT
