-- Copies the movements of some orders. In the snapshot of this one statement each of them still has to be old:
-- who is cancelled at this moment stays, whole.
-- rows: (order_id)
INSERT INTO movement_archive (
    order_id, step, line, kind, sku, delta, flush_id, reason, created_at, held_delta, buyer, expires_at
)
WITH old (order_id) AS (VALUES {rows})
SELECT
    movement.order_id, movement.step, movement.line, movement.kind, movement.sku, movement.delta,
    movement.flush_id, movement.reason, movement.created_at, movement.held_delta, movement.buyer,
    movement.expires_at
FROM old STRAIGHT_JOIN movement FORCE INDEX (PRIMARY) ON movement.order_id = old.order_id
WHERE movement.step <> 'opening'
    AND NOT EXISTS (
        SELECT 1
        FROM movement AS young FORCE INDEX (PRIMARY)
        WHERE young.order_id = old.order_id AND young.step <> 'opening'
            AND young.created_at >= NOW(6) - INTERVAL {days} DAY
    )
