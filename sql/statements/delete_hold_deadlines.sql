-- Deadlines of holds that are settled. Times are in microseconds since 1970.
-- rows: (due_at, order_id)
DELETE hold_deadline FROM (
    WITH settled (due_at, order_id) AS (VALUES {rows})
    SELECT TIMESTAMP '1970-01-01 00:00:00' + INTERVAL due_at MICROSECOND AS due_at, order_id
    FROM settled
) AS settled
STRAIGHT_JOIN hold_deadline FORCE INDEX (PRIMARY)
    ON hold_deadline.due_at = settled.due_at AND hold_deadline.order_id = settled.order_id
