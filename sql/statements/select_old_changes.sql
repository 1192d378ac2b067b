-- The oldest changes in the order of their places: whether each is older than the lifetime, and whether the SKU has
-- a newer one.
SELECT
    old.place, old.sku, old.version, old.created_at < NOW(6) - INTERVAL {days} DAY,
    EXISTS (
        SELECT 1
        FROM stock_version AS newer FORCE INDEX (PRIMARY)
        WHERE newer.sku = old.sku AND newer.version = old.version + 1
    )
FROM stock_version AS old FORCE INDEX (change_order)
WHERE old.place > {after}
ORDER BY old.place
LIMIT {limit}
