-- What buyers get or hold. A hold ends here when it ends in the ledger, whose rows are written before.
-- rows: (sku, buyer, order_id, quantity, hold_seconds)
INSERT INTO purchase (sku, buyer, order_id, quantity, expires_at)
WITH planned (sku, buyer, order_id, quantity, hold_seconds) AS (VALUES {rows})
SELECT
    sku, buyer, order_id, quantity,
    IF(
        hold_seconds IS NULL,
        NULL,
        (
            SELECT movement.expires_at
            FROM movement
            WHERE movement.order_id = planned.order_id AND movement.step = 'take' AND movement.line = 1
        )
    )
FROM planned
