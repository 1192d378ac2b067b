-- The same for a flush of one SKU whose operations all take. LAST_INSERT_ID(…) as in update_stock_one.sql.
UPDATE stock
SET
    available = LAST_INSERT_ID(available - {units}),
    version = version + 1
WHERE sku = {sku} AND available >= {units}
    AND purchase_limit IS NULL
    AND (sale_starts_at IS NULL OR sale_starts_at <= NOW(6))
    AND (sale_ends_at IS NULL OR sale_ends_at > NOW(6))
