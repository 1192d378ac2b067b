-- The same of the SKUs that are asked for, and what the archived movements of each add up to.
-- rows: (sku)
WITH asked (sku) AS (VALUES {rows})
SELECT
    page.sku, page.available, page.held, page.version, page.held - page.held_changes,
    recorded.available, later.version IS NOT NULL,
    COALESCE(carried.available, 0), COALESCE(carried.held, 0)
FROM asked STRAIGHT_JOIN stock AS page FORCE INDEX (PRIMARY) ON page.sku = asked.sku
LEFT JOIN stock_version AS recorded FORCE INDEX (PRIMARY)
    ON recorded.sku = page.sku AND recorded.version = page.version
LEFT JOIN stock_version AS later FORCE INDEX (PRIMARY)
    ON later.sku = page.sku AND later.version = page.version + 1
LEFT JOIN movement_carried AS carried FORCE INDEX (PRIMARY) ON carried.sku = page.sku
ORDER BY page.sku
