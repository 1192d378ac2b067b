BEGIN;
WITH planned (sku) AS (VALUES ROW('ink'),ROW('pen'))
SELECT stock.sku, stock.available
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
FOR UPDATE;
WITH asked (order_id) AS (VALUES ROW('o-4'),ROW('o-5'),ROW('o-6'))
SELECT
    movement.order_id, movement.step, movement.line, movement.sku, movement.delta, movement.flush_id,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', movement.created_at) AS created_at
FROM asked STRAIGHT_JOIN movement FORCE INDEX (PRIMARY) ON movement.order_id = asked.order_id
ORDER BY movement.order_id, movement.step, movement.line

INSERT INTO movement (order_id, step, line, kind, sku, delta, reason, flush_id)
WITH planned (order_id, step, line, kind, sku, delta, reason) AS (VALUES ROW('o-5','take',1,'deduct','ink',-2,NULL),ROW('o-5','take',2,'deduct','pen',-1,NULL))
SELECT order_id, step, line, kind, sku, delta, reason, 1099511627778 FROM planned;
UPDATE (
    WITH planned (sku, delta, need, room) AS (VALUES ROW('ink',-2,2,1000000000000000),ROW('pen',-1,1,1000000000000000)) SELECT * FROM planned
) AS planned
STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
SET stock.available = stock.available + planned.delta, stock.version = stock.version + 1
WHERE stock.available >= planned.need AND stock.available <= planned.room;
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
WITH planned (sku, delta, orders) AS (VALUES ROW('ink',-2,1),ROW('pen',-1,1))
SELECT stock.sku, stock.version, 1099511627778, stock.available, planned.delta, planned.orders
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
WHERE (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1;
SELECT
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', movement.created_at), stock.sku, stock.available
FROM movement STRAIGHT_JOIN stock
WHERE movement.order_id = 'o-5' AND movement.step = 'take' AND movement.line = 1
    AND stock.sku IN ('ink','pen')

COMMIT
