-- What a flush, a decision and the sweep do to tables, with no row to do it to: the server refuses here what it would
-- refuse there, for want of a right of sql/grants.sql or because it is read-only. No SKU has an empty name.
UPDATE stock SET version = version WHERE sku = '';
INSERT INTO stock (sku, available, version) SELECT '', 0, 0 FROM DUAL WHERE FALSE;
INSERT INTO movement (order_id, sku, delta, flush_id) SELECT '', '', 0, 0 FROM DUAL WHERE FALSE;
SELECT order_id FROM movement WHERE FALSE;
SELECT order_id FROM movement_archive WHERE FALSE;
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
SELECT '', 0, 0, 0, 0, 0
FROM DUAL
WHERE FALSE AND (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1;
INSERT INTO purchase (sku, buyer, order_id, quantity) SELECT '', '', '', 0 FROM DUAL WHERE FALSE;
UPDATE purchase SET quantity = quantity WHERE FALSE;
DELETE FROM purchase WHERE FALSE;
INSERT INTO hold_deadline (due_at, order_id) SELECT NOW(6), '' FROM DUAL WHERE FALSE;
DELETE FROM hold_deadline WHERE FALSE;
SELECT COUNT(*) FROM change_gate WHERE id = 1
