-- Removes those that were added up. Without its alias MariaDB does not find the table.
-- rows: (order_id)
DELETE added FROM (
    WITH old (order_id) AS (VALUES {rows}) SELECT order_id FROM old
) AS old
STRAIGHT_JOIN movement_archive AS taken FORCE INDEX (PRIMARY)
    ON taken.order_id = old.order_id AND taken.step = 'take' AND taken.buyer IS NOT NULL
STRAIGHT_JOIN movement FORCE INDEX (PRIMARY)
    ON movement.order_id = taken.order_id AND movement.step = taken.step
    AND movement.line = taken.line AND movement.flush_id = taken.flush_id
STRAIGHT_JOIN purchase AS added FORCE INDEX (PRIMARY)
    ON added.sku = taken.sku AND added.buyer = taken.buyer AND added.order_id = taken.order_id
