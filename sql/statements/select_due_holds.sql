-- Holds whose time is over, the oldest first, after the last one seen. Times are in microseconds since 1970.
SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', due_at), order_id
FROM hold_deadline
WHERE due_at <= NOW(6)
    AND due_at >= TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {due_at} MICROSECOND
    AND (
        due_at > TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {due_at} MICROSECOND
        OR order_id > {order_id}
    )
ORDER BY due_at, order_id
LIMIT {limit}
