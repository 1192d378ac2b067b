-- The ledger rows of orders with one line each. Step, line and kind are the defaults of the table: what neither
-- the row list nor the SELECT has costs the server less.
-- rows: (order_id, sku, delta)
INSERT INTO movement (order_id, sku, delta, flush_id)
WITH planned (order_id, sku, delta) AS (VALUES {rows})
SELECT order_id, sku, delta, {flush_id} FROM planned
