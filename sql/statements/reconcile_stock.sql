-- The next SKUs in their order, each with what the newest of its versions says, and whether there is a newer one
-- than `stock.version`, which only a change by hand can make; and what its archived movements add up to.
SELECT
    page.sku, page.available, page.held, page.version, recorded.available, later.version IS NOT NULL,
    COALESCE(carried.available, 0), COALESCE(carried.held, 0), page.held - page.held_changes
FROM (
    SELECT sku, available, held, held_changes, version
    FROM stock FORCE INDEX (PRIMARY)
    WHERE sku > {after}
    ORDER BY sku
    LIMIT {limit}
) AS page
LEFT JOIN stock_version AS recorded FORCE INDEX (PRIMARY)
    ON recorded.sku = page.sku AND recorded.version = page.version
LEFT JOIN stock_version AS later FORCE INDEX (PRIMARY)
    ON later.sku = page.sku AND later.version = page.version + 1
LEFT JOIN movement_carried AS carried FORCE INDEX (PRIMARY) ON carried.sku = page.sku
ORDER BY page.sku
