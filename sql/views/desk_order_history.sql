-- An order's whole history: a row for each step and line, in the order in which they happened. `archived` is 1
-- for what is older than the lifetime of the id.
-- `instance_id` is the process that wrote it, see the table instance.
-- Cost: with an order id, its few rows by primary key. Without one it reads the whole ledger: do not.
-- Example: SELECT * FROM desk_order_history WHERE order_id = 'o-1' ORDER BY happened_at, line;
CREATE OR REPLACE SQL SECURITY INVOKER VIEW desk_order_history AS
SELECT
    movement.order_id AS order_id,
    movement.created_at AS happened_at,
    movement.step AS step,
    movement.line AS line,
    movement.kind AS kind,
    movement.sku AS sku,
    movement.delta AS available_change,
    COALESCE(movement.held_delta, 0) AS held_change,
    movement.buyer AS buyer,
    movement.expires_at AS expires_at,
    movement.reason AS reason,
    movement.flush_id AS flush_id,
    movement.flush_id >> 40 AS instance_id,
    0 AS archived
FROM movement
UNION ALL
SELECT
    movement_archive.order_id AS order_id,
    movement_archive.created_at AS happened_at,
    movement_archive.step AS step,
    movement_archive.line AS line,
    movement_archive.kind AS kind,
    movement_archive.sku AS sku,
    movement_archive.delta AS available_change,
    COALESCE(movement_archive.held_delta, 0) AS held_change,
    movement_archive.buyer AS buyer,
    movement_archive.expires_at AS expires_at,
    movement_archive.reason AS reason,
    movement_archive.flush_id AS flush_id,
    movement_archive.flush_id >> 40 AS instance_id,
    1 AS archived
FROM movement_archive
