-- Everything that is known of an order that the ledger has no take of: its newest take in the archive, and what
-- came after it, there or in the ledger.
SELECT
    known.order_id, known.step, known.line, known.kind, known.sku, known.delta,
    known.buyer, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', known.expires_at) AS expires_at,
    known.flush_id, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', known.created_at) AS created_at
FROM (
    SELECT order_id, step, line, kind, sku, delta, buyer, expires_at, flush_id, created_at
    FROM movement_archive WHERE order_id = {order_id}
    UNION ALL
    SELECT order_id, step, line, kind, sku, delta, buyer, expires_at, flush_id, created_at
    FROM movement WHERE order_id = {order_id}
) AS known
WHERE known.created_at >= (
    SELECT MAX(created_at) FROM movement_archive WHERE order_id = {order_id} AND step = 'take'
)
