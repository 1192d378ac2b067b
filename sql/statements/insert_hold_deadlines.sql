-- When to look whether the holds of a flush are over. It runs after the ledger rows were written, so no
-- deadline comes before the end of its hold.
-- rows: (order_id, hold_seconds)
INSERT INTO hold_deadline (due_at, order_id)
WITH planned (order_id, hold_seconds) AS (VALUES {rows})
SELECT NOW(6) + INTERVAL hold_seconds SECOND, order_id FROM planned
