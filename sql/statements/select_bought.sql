-- What buyers have of SKUs with a purchase limit: in one row what is theirs, in one each what they hold
-- until some time. The stock rows are locked, and nobody changes a purchase without such a lock.
-- rows: (sku, buyer)
WITH asked (sku, buyer) AS (VALUES {rows})
SELECT
    asked.sku, asked.buyer,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', purchase.expires_at) AS expires_at,
    SUM(purchase.quantity)
FROM asked
STRAIGHT_JOIN stock FORCE INDEX (PRIMARY)
    ON stock.sku = asked.sku AND stock.purchase_limit IS NOT NULL
STRAIGHT_JOIN purchase FORCE INDEX (PRIMARY)
    ON purchase.sku = asked.sku AND purchase.buyer = asked.buyer
GROUP BY asked.sku, asked.buyer, expires_at
