-- The ledger rows of orders with one line each that are held, for less than the general form costs.
-- rows: (order_id, sku, units, buyer, hold_seconds)
INSERT INTO movement (
    order_id, step, line, kind, sku, delta, held_delta, flush_id, buyer, expires_at
)
WITH moment AS (SELECT LAST_INSERT_ID(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6)))),
planned (order_id, sku, units, buyer, hold_seconds) AS (VALUES {rows})
SELECT
    order_id, 'take', 1, 'hold', sku, -units, units, {flush_id}, buyer,
    NOW(6) + INTERVAL hold_seconds SECOND
FROM moment STRAIGHT_JOIN planned
