-- Whether this account can write orders here now: each statement of a flush, with no row to write. A server that is
-- read-only refuses them, and so it does where a right of sql/grants.sql is missing. No SKU has an empty name.
UPDATE stock SET version = version WHERE sku = '';
INSERT INTO movement (order_id, sku, delta, flush_id) SELECT '', '', 0, 0 FROM DUAL WHERE FALSE;
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
SELECT '', 0, 0, 0, 0, 0
FROM DUAL
WHERE FALSE;
INSERT INTO purchase (sku, buyer, order_id, quantity) SELECT '', '', '', 0 FROM DUAL WHERE FALSE;
INSERT INTO hold_deadline (due_at, order_id) SELECT NOW(6), '' FROM DUAL WHERE FALSE
