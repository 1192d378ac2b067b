-- The same as update_stock_one.sql for a flush whose operations all take: less to parse and to compare.
UPDATE stock
SET
    available = LAST_INSERT_ID(available - {units}),
    version = version + 1
WHERE sku = {sku} AND available >= {units}
    AND purchase_limit IS NULL
    AND (sale_starts_at IS NULL OR sale_starts_at <= NOW(6))
    AND (sale_ends_at IS NULL OR sale_ends_at > NOW(6))
