-- Holds whose time is over, the oldest first, after the last one seen. With OR in the place of
-- IF, MariaDB would merge two ranges. Times are in microseconds since 1970.
SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', due_at), order_id
FROM hold_deadline
WHERE due_at <= NOW(6)
    AND due_at >= TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {due_at} MICROSECOND
    AND IF(
        due_at = TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {due_at} MICROSECOND,
        order_id > {order_id},
        TRUE
    )
ORDER BY due_at, order_id
LIMIT {limit}
