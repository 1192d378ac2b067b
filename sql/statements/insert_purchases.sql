-- What buyers get or hold.
-- rows: (sku, buyer, order_id, quantity, hold_seconds)
INSERT INTO purchase (sku, buyer, order_id, quantity, expires_at)
WITH planned (sku, buyer, order_id, quantity, hold_seconds) AS (VALUES {rows})
SELECT sku, buyer, order_id, quantity, NOW(6) + INTERVAL hold_seconds SECOND FROM planned
