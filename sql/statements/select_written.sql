-- What the flush has written: the time that the database gave to its movements, in microseconds since
-- 1970, and the stock that it leaves of its first few SKUs, as a hint for the next flush. One statement,
-- because each costs an order that is alone a good part of its time.
SELECT
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', movement.created_at), stock.sku, stock.available
FROM movement STRAIGHT_JOIN stock
WHERE movement.order_id = {order_id} AND movement.step = {step} AND movement.line = 1
    AND stock.sku IN ({skus})
