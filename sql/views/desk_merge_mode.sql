-- Which SKUs are not merged, and what that costs or would gain: a row for each row of merge_mode and one for the
-- whole server, whose sku is '*'. `processes` is how many write counts now and go by this mode already: when it
-- is less than for '*', some have not read the change yet. The figures are of those processes, since each went
-- by the mode: `orders_dry_run` transactions of one order each, of which merging would have made
-- `would_be_flushes`; `would_be_orders_per_flush` is the gain to expect. Those of '*' are of all SKUs together.
-- A process writes its counts every 5 s; one that wrote none for 30 s is left out.
-- Cost: reads merge_mode and merge_count whole, which have at most about 1,000 rows a process; milliseconds.
-- Example: SELECT sku, mode, processes, orders_dry_run, would_be_orders_per_flush FROM desk_merge_mode ORDER BY sku;
CREATE OR REPLACE SQL SECURITY INVOKER VIEW desk_merge_mode AS
SELECT
    scope.sku AS sku,
    scope.mode AS mode,
    scope.changed_at AS changed_at,
    COUNT(counted.instance_id) AS processes,
    COALESCE(SUM(counted.orders_off), 0) AS orders_off,
    COALESCE(SUM(counted.orders_dry_run), 0) AS orders_dry_run,
    COALESCE(SUM(counted.would_be_flushes), 0) AS would_be_flushes,
    ROUND(SUM(counted.orders_dry_run) / NULLIF(SUM(counted.would_be_flushes), 0), 1) AS would_be_orders_per_flush
FROM (
    SELECT set_modes.sku AS sku, CAST(set_modes.mode AS CHAR(7)) AS mode, set_modes.changed_at AS changed_at
    FROM merge_mode AS set_modes
    UNION ALL
    SELECT '*', 'on', NULL
    FROM (SELECT COUNT(*) AS rows_of_whole FROM merge_mode WHERE sku = '*') AS whole
    WHERE whole.rows_of_whole = 0
) AS scope
LEFT JOIN merge_count AS counted
    ON counted.sku = scope.sku
    AND counted.mode = scope.mode
    AND counted.updated_at > UTC_TIMESTAMP(6) - INTERVAL 30 SECOND
GROUP BY scope.sku, scope.mode, scope.changed_at
