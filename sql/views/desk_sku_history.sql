-- A SKU's history with its running stock: a row for each flush that changed it, in commit order.
-- `available_before` and `available` are the stock before and after the flush. `outside` is what somebody changed
-- past hotrow between this flush and the one before, 0 if nobody did, NULL where the one before is not there.
-- `gap_ms` is the time since the flush before: while a SKU is hot, what one commit takes, and the wait for it.
-- Cost: with a SKU, and a version range or a LIMIT, so many rows by primary key. Without a SKU it reads
-- everything: do not.
-- Example: SELECT * FROM desk_sku_history WHERE sku = 'demo-ticket' ORDER BY version DESC LIMIT 20;
CREATE OR REPLACE SQL SECURITY INVOKER VIEW desk_sku_history AS
SELECT
    flushed.sku AS sku,
    flushed.version AS version,
    flushed.created_at AS happened_at,
    flushed.available - flushed.delta AS available_before,
    flushed.delta AS delta,
    flushed.available AS available,
    flushed.orders AS orders,
    flushed.available - flushed.delta - previous.available AS outside,
    ROUND(TIMESTAMPDIFF(MICROSECOND, previous.created_at, flushed.created_at) / 1000, 1) AS gap_ms,
    flushed.flush_id AS flush_id,
    flushed.flush_id >> 40 AS instance_id,
    flushed.place AS place
FROM stock_version AS flushed
LEFT JOIN stock_version AS previous
    ON previous.sku = flushed.sku AND previous.version = flushed.version - 1
