WITH planned (sku) AS (VALUES ROW('mug'))
SELECT stock.sku, stock.version
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku;
WITH asked (order_id) AS (VALUES ROW('o-12'))
SELECT
    movement.order_id, movement.step, movement.line, movement.kind, movement.sku, movement.delta,
    movement.buyer, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', movement.expires_at) AS expires_at,
    movement.flush_id, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', movement.created_at) AS created_at
FROM asked STRAIGHT_JOIN movement FORCE INDEX (PRIMARY) ON movement.order_id = asked.order_id

BEGIN;
WITH planned (sku) AS (VALUES ROW('mug'))
SELECT
    stock.sku, stock.available, stock.held, stock.purchase_limit,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', stock.sale_starts_at),
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', stock.sale_ends_at),
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', SYSDATE(6)), stock.version
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
FOR UPDATE

ROLLBACK
