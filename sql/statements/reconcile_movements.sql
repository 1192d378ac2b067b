-- The next rows of the ledger in the order of its primary key, all rows of an order side by side.
SELECT order_id, step, line, kind, sku, delta, COALESCE(held_delta, 0), flush_id
FROM movement FORCE INDEX (PRIMARY)
WHERE order_id > {after}
ORDER BY order_id, movement.step, line
LIMIT {limit}
