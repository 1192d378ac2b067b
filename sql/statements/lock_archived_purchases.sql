-- Locks what buyers have by the orders that were copied.
-- rows: (order_id)
WITH old (order_id) AS (VALUES {rows})
SELECT purchase.quantity
FROM old
STRAIGHT_JOIN movement_archive AS taken FORCE INDEX (PRIMARY)
    ON taken.order_id = old.order_id AND taken.step = 'take' AND taken.buyer IS NOT NULL
STRAIGHT_JOIN movement FORCE INDEX (PRIMARY)
    ON movement.order_id = taken.order_id AND movement.step = taken.step
    AND movement.line = taken.line AND movement.flush_id = taken.flush_id
STRAIGHT_JOIN purchase FORCE INDEX (PRIMARY)
    ON purchase.sku = taken.sku AND purchase.buyer = taken.buyer AND purchase.order_id = taken.order_id
FOR UPDATE
