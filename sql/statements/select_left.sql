-- As a hint for the next flush: what this one leaves of its first few SKUs, and whether these have terms of
-- sale by which orders have to be decided one by one. Not asked where the update of the stock has told.
SELECT
    sku, available,
    purchase_limit IS NOT NULL
    OR COALESCE(sale_starts_at > NOW(6), FALSE)
    OR COALESCE(sale_ends_at <= NOW(6), FALSE)
FROM stock FORCE INDEX (PRIMARY)
WHERE sku IN ({skus})
