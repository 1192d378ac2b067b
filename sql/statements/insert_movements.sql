-- The ledger rows of any operations. A hold is confirmed only before its end, and expires only after it:
-- where `until` is given, in microseconds since 1970, a row that comes too late or too early is left out,
-- and the flush with it.
-- rows: (order_id, step, line, kind, sku, delta, held_delta, buyer, hold_seconds, until, reason)
INSERT INTO movement (
    order_id, step, line, kind, sku, delta, held_delta, buyer, expires_at, reason, flush_id
)
WITH moment AS (SELECT LAST_INSERT_ID(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6)))),
planned (
    order_id, step, line, kind, sku, delta, held_delta, buyer, hold_seconds, until, reason
) AS (VALUES {rows})
SELECT
    order_id, step, line, kind, sku, delta, held_delta, buyer, NOW(6) + INTERVAL hold_seconds SECOND,
    reason, {flush_id}
FROM moment STRAIGHT_JOIN planned
WHERE until IS NULL
    OR (until > TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6))) = (kind = 'confirm')
