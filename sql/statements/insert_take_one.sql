-- The same for an order that is alone: without the row list there is no temporary table to make. The
-- time is handed over from where it is recorded.
INSERT INTO movement (order_id, sku, delta, flush_id, created_at)
VALUES (
    {order_id}, {sku}, {delta}, {flush_id},
    TIMESTAMP '1970-01-01 00:00:00'
        + INTERVAL LAST_INSERT_ID(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6))) MICROSECOND
)
