-- The same for a flush of many SKUs whose operations all take: fewer columns to send, to keep and to compare.
-- rows: (sku, units)
UPDATE (
    WITH planned (sku, units) AS (VALUES {rows})
    SELECT * FROM planned
) AS planned
STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
SET
    stock.available = stock.available - planned.units,
    stock.version = stock.version + 1
WHERE stock.available >= planned.units
    AND stock.purchase_limit IS NULL
    AND (stock.sale_starts_at IS NULL OR stock.sale_starts_at <= NOW(6))
    AND (stock.sale_ends_at IS NULL OR stock.sale_ends_at > NOW(6))
