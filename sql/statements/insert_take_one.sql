-- The same for an order that is alone: without the row list there is no temporary table to make.
-- LAST_INSERT_ID(…) hands the time that is recorded, in microseconds since 1970, back in the answer to
-- this very statement, so that it need not be read.
INSERT INTO movement (order_id, sku, delta, flush_id, created_at)
VALUES (
    {order_id}, {sku}, {delta}, {flush_id},
    TIMESTAMP '1970-01-01 00:00:00'
        + INTERVAL LAST_INSERT_ID(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6))) MICROSECOND
)
