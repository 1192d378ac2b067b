BEGIN;
INSERT INTO movement (
    order_id, step, line, kind, sku, delta, held_delta, buyer, expires_at, reason, flush_id
)
WITH moment AS (SELECT LAST_INSERT_ID(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6)))),
planned (
    order_id, step, line, kind, sku, delta, held_delta, buyer, hold_seconds, until, reason
) AS (VALUES ('o-3','take',1,'deduct','ink',-2,NULL,NULL,NULL,NULL,NULL),('o-3','take',2,'deduct','pen',-1,NULL,NULL,NULL,NULL,NULL),('o-4','take',1,'deduct','ink',-1,NULL,NULL,NULL,NULL,NULL),('r-1','adjust',1,'restock','mug',5,NULL,NULL,NULL,NULL,_utf8mb4 x'69742773206261636b'))
SELECT
    order_id, step, line, kind, sku, delta, held_delta, buyer, NOW(6) + INTERVAL hold_seconds SECOND,
    reason, 1099511627777
FROM moment STRAIGHT_JOIN planned
WHERE until IS NULL
    OR (until > TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6))) = (kind = 'confirm');
UPDATE (
    WITH planned (sku, delta, held, need, room, held_need, on_terms, until) AS (VALUES ('ink',-3,0,3,1000000000000000,0,1,NULL),('mug',5,0,0,999999999999995,0,0,NULL),('pen',-1,0,1,1000000000000000,0,1,NULL))
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
WITH planned (sku, delta, orders) AS (VALUES ('ink',-3,2),('mug',5,1),('pen',-1,1))
SELECT stock.sku, stock.version, 1099511627777, stock.available, planned.delta, planned.orders
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
WHERE (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1;
SELECT
    sku, available,
    purchase_limit IS NOT NULL
    OR COALESCE(sale_starts_at > NOW(6), FALSE)
    OR COALESCE(sale_ends_at <= NOW(6), FALSE)
FROM stock FORCE INDEX (PRIMARY)
WHERE sku IN ('ink','mug','pen')

COMMIT
