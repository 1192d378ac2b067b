-- Removes what was copied, and nothing else. Without its alias MariaDB does not find the table.
-- rows: (order_id)
DELETE moved FROM (
    WITH old (order_id) AS (VALUES {rows}) SELECT order_id FROM old
) AS old
STRAIGHT_JOIN movement AS moved FORCE INDEX (PRIMARY) ON moved.order_id = old.order_id
STRAIGHT_JOIN movement_archive AS copied FORCE INDEX (PRIMARY)
    ON copied.order_id = moved.order_id AND copied.step = moved.step
    AND copied.line = moved.line AND copied.flush_id = moved.flush_id
