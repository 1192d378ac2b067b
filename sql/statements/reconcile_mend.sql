-- Brings the books of one SKU in order, once, whenever it is run. The stock row is locked first, as every order
-- does it; nothing happens if the difference was mended before, or if somebody has changed the stock again by
-- hand. `available` stays as it is: the ledger is brought to it by an adjustment, `held` to the ledger.
BEGIN;
SELECT available INTO @available FROM stock WHERE sku = {sku} FOR UPDATE;
SELECT COALESCE(MAX(version), 0) INTO @newest FROM stock_version WHERE sku = {sku};
SELECT COALESCE(SUM(delta), 0) INTO @since FROM stock_version WHERE sku = {sku} AND version > {version};
UPDATE reconcile_drift SET mended_at = NOW(6)
WHERE run = {run} AND number = {number} AND mended_at IS NULL AND @available = {available} + @since;
SET @mends = ROW_COUNT();
INSERT INTO instance (started_at) SELECT NOW(6) FROM DUAL WHERE @mends = 1;
SET @flush = LAST_INSERT_ID() << 40;
INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id, reason)
SELECT {id}, 'adjust', 1, {kind}, {sku}, {delta}, @flush, {reason} FROM DUAL WHERE @mends = 1 AND {delta} <> 0;
UPDATE stock SET held = held + {held}, version = GREATEST(version, @newest) + 1
WHERE sku = {sku} AND @mends = 1;
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
SELECT sku, version, @flush, available, {recorded}, 1
FROM stock
WHERE sku = {sku} AND @mends = 1 AND (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1;
COMMIT;
SELECT CASE WHEN mended_at IS NULL THEN 'changed' WHEN @mends = 1 THEN 'mended' ELSE 'before' END
FROM reconcile_drift WHERE run = {run} AND number = {number}
