-- The same of the SKUs that are asked for.
-- rows: (sku)
WITH asked (sku) AS (VALUES {rows})
SELECT
    page.sku, page.available, page.held, page.version, page.held - page.held_changes,
    recorded.available, later.version IS NOT NULL
FROM asked STRAIGHT_JOIN stock AS page FORCE INDEX (PRIMARY) ON page.sku = asked.sku
LEFT JOIN stock_version AS recorded FORCE INDEX (PRIMARY)
    ON recorded.sku = page.sku AND recorded.version = page.version
LEFT JOIN stock_version AS later FORCE INDEX (PRIMARY)
    ON later.sku = page.sku AND later.version = page.version + 1
ORDER BY page.sku
