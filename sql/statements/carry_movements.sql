-- Adds what was copied to the sums of its SKUs. What is in both tables was copied by this transaction.
-- rows: (order_id)
INSERT INTO movement_carried (sku, available, held, movements)
WITH old (order_id) AS (VALUES {rows})
SELECT sums.sku, sums.available, sums.held, sums.movements
FROM (
    SELECT
        movement.sku AS sku, SUM(movement.delta) AS available,
        SUM(COALESCE(movement.held_delta, 0)) AS held, COUNT(*) AS movements
    FROM old
    STRAIGHT_JOIN movement FORCE INDEX (PRIMARY) ON movement.order_id = old.order_id
    STRAIGHT_JOIN movement_archive AS copied FORCE INDEX (PRIMARY)
        ON copied.order_id = movement.order_id AND copied.step = movement.step
        AND copied.line = movement.line AND copied.flush_id = movement.flush_id
    GROUP BY movement.sku
) AS sums
ON DUPLICATE KEY UPDATE
    available = movement_carried.available + sums.available,
    held = movement_carried.held + sums.held,
    movements = movement_carried.movements + sums.movements
