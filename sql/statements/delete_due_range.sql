-- All deadlines from one to another, for half of what it costs to look each up. Whoever deletes has to count:
-- another deadline may have been committed between them, and then this is rolled back. Times are in microseconds
-- since 1970.
DELETE FROM hold_deadline
WHERE due_at >= TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {first_due_at} MICROSECOND
    AND due_at <= TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {last_due_at} MICROSECOND
    AND IF(
        due_at = TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {first_due_at} MICROSECOND,
        order_id >= {first_order_id},
        TRUE
    )
    AND IF(
        due_at = TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {last_due_at} MICROSECOND,
        order_id <= {last_order_id},
        TRUE
    )
