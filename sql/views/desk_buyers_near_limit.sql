-- Buyers who have at least four fifths of what they may have of a SKU with a purchase limit: what they bought and
-- what they hold and may still confirm.
-- Cost: with a SKU, the purchases of that SKU by primary key. Without one, those of all SKUs that have a limit
-- now. Never the ledger.
-- Example: SELECT buyer, units, purchase_limit, units_left FROM desk_buyers_near_limit WHERE sku = 'demo-ticket' ORDER BY units DESC LIMIT 100;
CREATE OR REPLACE SQL SECURITY INVOKER VIEW desk_buyers_near_limit AS
SELECT
    purchase.sku AS sku,
    purchase.buyer AS buyer,
    SUM(purchase.quantity) AS units,
    SUM(IF(purchase.expires_at IS NULL, 0, purchase.quantity)) AS units_held,
    stock.purchase_limit AS purchase_limit,
    CAST(stock.purchase_limit AS SIGNED) - SUM(purchase.quantity) AS units_left
FROM stock STRAIGHT_JOIN purchase FORCE INDEX (PRIMARY) ON purchase.sku = stock.sku
WHERE stock.purchase_limit IS NOT NULL
    AND (purchase.expires_at IS NULL OR purchase.expires_at > UTC_TIMESTAMP(6))
GROUP BY purchase.sku, purchase.buyer, stock.purchase_limit
HAVING units * 5 >= CAST(stock.purchase_limit AS SIGNED) * 4
