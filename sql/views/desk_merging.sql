-- How much is merged into one transaction, a row for each second of the newest 10,000 changes.
-- `skus_per_flush` is how many stock rows one commit carried, `orders_per_row` how many operations one UPDATE of
-- a row stood for, `lines_per_flush` how many operations and lines one commit stood for. A second in which much
-- waited has high figures; an idle shop has 1 everywhere.
-- The time of a commit is not in any table: it is in /metrics, hotrow_commit_seconds.
-- Cost: reads at most 10,000 rows of stock_version by place, whatever there is; milliseconds.
-- Example: SELECT second, flushes, skus_per_flush, orders_per_row FROM desk_merging ORDER BY second DESC LIMIT 60;
CREATE OR REPLACE SQL SECURITY INVOKER VIEW desk_merging AS
SELECT
    CAST(recent.created_at AS DATETIME(0)) AS second,
    COUNT(DISTINCT recent.flush_id) AS flushes,
    COUNT(*) AS row_updates,
    SUM(recent.orders) AS order_lines,
    ROUND(COUNT(*) / COUNT(DISTINCT recent.flush_id), 1) AS skus_per_flush,
    ROUND(SUM(recent.orders) / COUNT(*), 1) AS orders_per_row,
    ROUND(SUM(recent.orders) / COUNT(DISTINCT recent.flush_id), 1) AS lines_per_flush
FROM stock_version AS recent FORCE INDEX (change_order)
WHERE recent.place > (SELECT GREATEST(COALESCE(MAX(place), 0), 10000) - 10000 FROM stock_version)
    AND recent.flush_id <> 0
GROUP BY CAST(recent.created_at AS DATETIME(0))
