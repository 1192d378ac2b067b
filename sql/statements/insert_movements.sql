-- The ledger rows of any operations.
-- rows: (order_id, step, line, kind, sku, delta, reason)
INSERT INTO movement (order_id, step, line, kind, sku, delta, reason, flush_id)
WITH planned (order_id, step, line, kind, sku, delta, reason) AS (VALUES {rows})
SELECT order_id, step, line, kind, sku, delta, reason, {flush_id} FROM planned
