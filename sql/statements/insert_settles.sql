-- The ledger rows of orders with one line each that are all settled in the same way, for less than the
-- general form costs. `until` is the first end of the holds that are confirmed, or the last of those that
-- expire.
-- rows: (order_id, sku, units)
INSERT INTO movement (order_id, step, line, kind, sku, delta, held_delta, flush_id)
WITH moment AS (SELECT LAST_INSERT_ID(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6)))),
planned (order_id, sku, units) AS (VALUES {rows})
SELECT order_id, {step}, 1, {kind}, sku, {available} * units, {held} * units, {flush_id}
FROM moment STRAIGHT_JOIN planned
WHERE {until} IS NULL
    OR ({until} > TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6))) = ({kind} = 'confirm')
