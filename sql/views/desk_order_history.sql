-- An order's whole history: a row for each step and line, in the order in which they happened.
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
    movement.flush_id >> 40 AS instance_id
FROM movement
