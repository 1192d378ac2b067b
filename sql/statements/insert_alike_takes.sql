-- The same for orders that all take the same quantity of the same SKU, as in a sale of one thing.
-- rows: (order_id)
INSERT INTO movement (order_id, sku, delta, flush_id)
WITH moment AS (SELECT LAST_INSERT_ID(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6)))),
planned (order_id) AS (VALUES {rows})
SELECT order_id, {sku}, {delta}, {flush_id} FROM moment STRAIGHT_JOIN planned
