-- Deadlines of holds that are settled. Times are in microseconds since 1970. Without its alias MariaDB does
-- not find the table.
-- rows: (due_at, order_id)
DELETE met FROM (
    WITH settled (due_at, order_id) AS (VALUES {rows})
    SELECT TIMESTAMP '1970-01-01 00:00:00' + INTERVAL due_at MICROSECOND AS due_at, order_id
    FROM settled
) AS settled
STRAIGHT_JOIN hold_deadline AS met FORCE INDEX (PRIMARY)
    ON met.due_at = settled.due_at AND met.order_id = settled.order_id
