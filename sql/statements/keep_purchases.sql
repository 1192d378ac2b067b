-- What buyers held is theirs now.
-- rows: (sku, buyer, order_id)
UPDATE (
    WITH planned (sku, buyer, order_id) AS (VALUES {rows}) SELECT * FROM planned
) AS planned
STRAIGHT_JOIN purchase FORCE INDEX (PRIMARY)
    ON purchase.sku = planned.sku
    AND purchase.buyer = planned.buyer
    AND purchase.order_id = planned.order_id
SET purchase.expires_at = NULL
