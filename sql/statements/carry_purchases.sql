-- Adds them to one row for each SKU and buyer, under a name that no order can have, so that they go on to count
-- for the purchase limit and an id can be used again.
-- rows: (order_id)
INSERT INTO purchase (sku, buyer, order_id, quantity)
WITH old (order_id) AS (VALUES {rows})
SELECT sums.sku, sums.buyer, '(archived)', sums.quantity
FROM (
    SELECT purchase.sku AS sku, purchase.buyer AS buyer, SUM(purchase.quantity) AS quantity
    FROM old
    STRAIGHT_JOIN movement_archive AS taken FORCE INDEX (PRIMARY)
        ON taken.order_id = old.order_id AND taken.step = 'take' AND taken.buyer IS NOT NULL
    STRAIGHT_JOIN movement FORCE INDEX (PRIMARY)
        ON movement.order_id = taken.order_id AND movement.step = taken.step
        AND movement.line = taken.line AND movement.flush_id = taken.flush_id
    STRAIGHT_JOIN purchase FORCE INDEX (PRIMARY)
        ON purchase.sku = taken.sku AND purchase.buyer = taken.buyer
        AND purchase.order_id = taken.order_id
    GROUP BY purchase.sku, purchase.buyer
) AS sums
ON DUPLICATE KEY UPDATE quantity = purchase.quantity + sums.quantity
