-- The same of the SKUs that are asked for.
-- rows: (sku)
SELECT
    page.sku, page.available, page.held, page.version, recorded.available, later.version IS NOT NULL,
    COALESCE(carried.available, 0), COALESCE(carried.held, 0), page.held - page.held_changes
FROM (
    WITH asked (sku) AS (VALUES {rows})
    SELECT stock.sku, stock.available, stock.held, stock.held_changes, stock.version
    FROM asked STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = asked.sku
) AS page
LEFT JOIN stock_version AS recorded FORCE INDEX (PRIMARY)
    ON recorded.sku = page.sku AND recorded.version = page.version
LEFT JOIN stock_version AS later FORCE INDEX (PRIMARY)
    ON later.sku = page.sku AND later.version = page.version + 1
LEFT JOIN movement_carried AS carried FORCE INDEX (PRIMARY) ON carried.sku = page.sku
ORDER BY page.sku
