-- Holds whose time is over, the oldest first, after the last one seen, each with everything that the ledger has
-- under its order (nothing, when somebody has deleted that). With OR in the place of IF, MariaDB would merge two
-- ranges. Times are in microseconds since 1970.
SELECT
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', due.due_at), due.order_id,
    movement.step, movement.line, movement.kind, movement.sku, movement.delta, movement.buyer,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', movement.expires_at) AS expires_at,
    movement.flush_id, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', movement.created_at) AS created_at
FROM (
    SELECT due_at, order_id
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
) AS due
LEFT JOIN movement FORCE INDEX (PRIMARY) ON movement.order_id = due.order_id
