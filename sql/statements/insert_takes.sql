-- The ledger rows of orders with one line each. Step, line and kind are the defaults of the table: what neither
-- the row list nor the SELECT has costs the server less.
-- `moment` is one row, which the server makes once: LAST_INSERT_ID(…) hands the time that is recorded, in
-- microseconds since 1970, back in the answer to this very statement, so that it need not be read.
-- rows: (order_id, sku, delta)
INSERT INTO movement (order_id, sku, delta, flush_id)
WITH moment AS (SELECT LAST_INSERT_ID(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6)))),
planned (order_id, sku, delta) AS (VALUES {rows})
SELECT order_id, sku, delta, {flush_id} FROM moment STRAIGHT_JOIN planned
