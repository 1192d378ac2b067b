-- One order as the ledger has it.
SELECT
    step, line, sku, delta, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', created_at) AS created_at
FROM movement
WHERE order_id = ? AND step IN ('take', 'settle')
ORDER BY step, line
