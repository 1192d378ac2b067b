-- What buyers gave back, or held for too long.
-- rows: (sku, buyer, order_id)
DELETE purchase FROM (
    WITH planned (sku, buyer, order_id) AS (VALUES {rows}) SELECT * FROM planned
) AS planned
STRAIGHT_JOIN purchase FORCE INDEX (PRIMARY)
    ON purchase.sku = planned.sku
    AND purchase.buyer = planned.buyer
    AND purchase.order_id = planned.order_id
