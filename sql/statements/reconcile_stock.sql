-- The next SKUs in their order, each with what the newest of its versions says, and whether there is a newer one
-- than `stock.version`, which only a change by hand can make. Behind one of 16 SKUs the server rests for 0.6 ms, so
-- that orders do not wait for the processor; the comparison keeps the optimizer from leaving that out.
SELECT
    page.sku, page.available, page.held, page.version, page.held - page.held_changes,
    recorded.available, later.version IS NOT NULL
FROM stock AS page FORCE INDEX (PRIMARY)
LEFT JOIN stock_version AS recorded FORCE INDEX (PRIMARY)
    ON recorded.sku = page.sku AND recorded.version = page.version
LEFT JOIN stock_version AS later FORCE INDEX (PRIMARY)
    ON later.sku = page.sku AND later.version = page.version + 1
WHERE page.sku > {after}
    AND IF(CRC32(page.sku) & 15 = 0, SLEEP(0.0006), 0) >= 0
ORDER BY page.sku
LIMIT {limit}
