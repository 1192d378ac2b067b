BEGIN;
WITH planned (sku) AS (VALUES ROW('ink'),ROW('pen'))
SELECT
    stock.sku, stock.available, stock.held, stock.purchase_limit,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', stock.sale_starts_at),
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', stock.sale_ends_at),
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', SYSDATE(6)), stock.version
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
FOR UPDATE;
WITH asked (order_id) AS (VALUES ROW('o-4'),ROW('o-5'),ROW('o-6'))
SELECT
    movement.order_id, movement.step, movement.line, movement.kind, movement.sku, movement.delta,
    movement.buyer, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', movement.expires_at) AS expires_at,
    movement.flush_id, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', movement.created_at) AS created_at
FROM asked STRAIGHT_JOIN movement FORCE INDEX (PRIMARY) ON movement.order_id = asked.order_id
WHERE (SELECT MIN(order_id) FROM movement WHERE order_id BETWEEN 'o-4' AND 'o-6') IS NOT NULL

INSERT INTO movement (
    order_id, step, line, kind, sku, delta, held_delta, buyer, expires_at, reason, flush_id
)
WITH moment AS (SELECT LAST_INSERT_ID(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6)))),
planned (
    order_id, step, line, kind, sku, delta, held_delta, buyer, hold_seconds, until, reason
) AS (VALUES ROW('o-5','take',1,'deduct','ink',-2,NULL,NULL,NULL,NULL,NULL),ROW('o-5','take',2,'deduct','pen',-1,NULL,NULL,NULL,NULL,NULL))
SELECT
    order_id, step, line, kind, sku, delta, held_delta, buyer, NOW(6) + INTERVAL hold_seconds SECOND,
    reason, 1099511627778
FROM moment STRAIGHT_JOIN planned
WHERE until IS NULL
    OR (until > TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6))) = (kind = 'confirm');
UPDATE (
    WITH planned (sku, delta, held, need, room, held_need, on_terms, until) AS (VALUES ROW('ink',-2,0,2,1000000000000000,0,0,NULL),ROW('pen',-1,0,1,1000000000000000,0,0,NULL))
    SELECT * FROM planned
) AS planned
STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
SET
    stock.available = stock.available + planned.delta,
    stock.held = stock.held + planned.held,
    stock.held_changes = stock.held_changes + planned.held,
    stock.version = stock.version + 1
WHERE stock.available >= planned.need AND stock.available <= planned.room
    AND stock.held >= planned.held_need
    AND (
        NOT planned.on_terms
        OR stock.purchase_limit IS NULL
        AND (stock.sale_starts_at IS NULL OR stock.sale_starts_at <= NOW(6))
        AND (stock.sale_ends_at IS NULL OR stock.sale_ends_at > NOW(6))
    )
    AND (
        planned.until IS NULL
        OR planned.until > TIMESTAMPDIFF(MICROSECOND, '1970-01-01', SYSDATE(6))
    );
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
WITH planned (sku, delta, orders) AS (VALUES ROW('ink',-2,1),ROW('pen',-1,1))
SELECT stock.sku, stock.version, 1099511627778, stock.available, planned.delta, planned.orders
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
WHERE (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1

COMMIT
