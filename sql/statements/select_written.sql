-- What the flush has written: the time that the database gave to its movements, in microseconds since
-- 1970, and, as a hint for the next flush, what it leaves of its first few SKUs and whether these have terms
-- of sale by which orders have to be decided one by one. One statement, because each costs an order that is
-- alone a good part of its time.
SELECT
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', movement.created_at), stock.sku, stock.available,
    stock.purchase_limit IS NOT NULL
    OR COALESCE(stock.sale_starts_at > NOW(6), FALSE)
    OR COALESCE(stock.sale_ends_at <= NOW(6), FALSE)
FROM movement STRAIGHT_JOIN stock
WHERE movement.order_id = {order_id} AND movement.step = {step} AND movement.line = 1
    AND stock.sku IN ({skus})
