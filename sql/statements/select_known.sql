-- Everything that the ledger has under some ids, in any order. The index is forced:
-- with old statistics the server would scan the ledger, under the locks of the stock rows.
-- rows: (order_id)
WITH asked (order_id) AS (VALUES {rows})
SELECT
    movement.order_id, movement.step, movement.line, movement.kind, movement.sku, movement.delta,
    movement.buyer, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', movement.expires_at) AS expires_at,
    movement.flush_id, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', movement.created_at) AS created_at
FROM asked STRAIGHT_JOIN movement FORCE INDEX (PRIMARY) ON movement.order_id = asked.order_id
