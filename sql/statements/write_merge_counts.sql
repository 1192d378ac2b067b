-- Writes what a process has counted.
-- rows: (instance_id, sku, mode, orders_off, orders_dry_run, would_be_flushes)
INSERT INTO merge_count (instance_id, sku, mode, orders_off, orders_dry_run, would_be_flushes)
VALUES {rows}
ON DUPLICATE KEY UPDATE
    mode = VALUES(mode),
    orders_off = VALUES(orders_off),
    orders_dry_run = VALUES(orders_dry_run),
    would_be_flushes = VALUES(would_be_flushes),
    updated_at = CURRENT_TIMESTAMP(6)
