-- Which SKUs are changed most just now: the newest 10,000 changes, as far as they are at most a minute old.
-- `orders` counts operations (an order of two SKUs counts in both), `flushes` the transactions that carried
-- them, `orders_per_flush` how well they are merged, `covered_from` where the window
-- begins: later than you ask for when there were more changes than that.
-- Cost: reads at most 10,000 rows of stock_version by place, whatever there is; milliseconds.
-- Example: SELECT sku, orders, flushes, orders_per_flush FROM desk_hot_now ORDER BY orders DESC LIMIT 10;
CREATE OR REPLACE SQL SECURITY INVOKER VIEW desk_hot_now AS
SELECT
    recent.sku AS sku,
    SUM(recent.orders) AS orders,
    COUNT(*) AS flushes,
    ROUND(SUM(recent.orders) / COUNT(*), 1) AS orders_per_flush,
    SUM(recent.delta) AS delta,
    MIN(recent.available) AS lowest_available,
    MAX(recent.created_at) AS last_change_at,
    GREATEST(
        UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE,
        (
            SELECT oldest.created_at
            FROM stock_version AS oldest FORCE INDEX (change_order)
            WHERE oldest.place > (
                SELECT GREATEST(COALESCE(MAX(place), 0), 10000) - 10000 FROM stock_version
            )
            ORDER BY oldest.place
            LIMIT 1
        )
    ) AS covered_from
FROM stock_version AS recent FORCE INDEX (change_order)
WHERE recent.place > (SELECT GREATEST(COALESCE(MAX(place), 0), 10000) - 10000 FROM stock_version)
    AND recent.flush_id <> 0
    AND recent.created_at > UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE
GROUP BY recent.sku
