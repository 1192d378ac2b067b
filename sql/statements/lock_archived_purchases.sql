-- Locks what buyers have by the orders that were copied, and counts it. It changes nothing: a SELECT that locks would
-- need the right to change every table that it reads.
-- rows: (order_id)
UPDATE (
    WITH old (order_id) AS (VALUES {rows}) SELECT order_id FROM old
) AS old
STRAIGHT_JOIN movement_archive AS taken FORCE INDEX (PRIMARY)
    ON taken.order_id = old.order_id AND taken.step = 'take' AND taken.buyer IS NOT NULL
STRAIGHT_JOIN movement FORCE INDEX (PRIMARY)
    ON movement.order_id = taken.order_id AND movement.step = taken.step
    AND movement.line = taken.line AND movement.flush_id = taken.flush_id
STRAIGHT_JOIN purchase FORCE INDEX (PRIMARY)
    ON purchase.sku = taken.sku AND purchase.buyer = taken.buyer AND purchase.order_id = taken.order_id
SET purchase.quantity = purchase.quantity
