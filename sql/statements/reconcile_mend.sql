-- Brings the books of one SKU in order, once, whenever it is run and by whatever client. `available` stays as it is:
-- the ledger is brought to it by an adjustment, `held` to the ledger.
--
-- It is right because nothing is changed unless the SKU still differs by what was reported. The ledger cannot be
-- added up here, as it has no index by SKU. But hotrow changes stock, ledger and versions alike, so that its orders
-- leave the difference as it is. What else could have changed it is looked for under the lock of the stock row, which
-- every order and every mend of the SKU takes first:
-- * `available` by hand: it is not what it was and the versions since add up to.
-- * `held` by hand: it is no longer apart from `held_changes` by as much.
-- * a mend: its flush is the last that its instance could name, which no process comes to. Of those since there may
--   only be the ones of this run, whose differences of a SKU add up.
-- * versions that are not there: moved by hand, or archived, with whatever they would tell.
-- Versions never change, so most of them are added up before the lock is taken, and orders do not wait for that.
--
-- Some clients go on after an error. So all variables are set first, lest they have the values of a mend before; each
-- change is made only if all before it were, which ROW_COUNT tells (an error makes it -1); and only if all were is it
-- committed, for which a statement must be chosen by a variable. The gate of the change feed is locked last, as
-- orders do it. Columns are filled in UTC, whatever the time zone of the session was.
--
-- It answers `mended`, `before` if that was done before, `changed` if it is not what was reported any more, or
-- `failed` if not all could be read or done: then nothing was.
SET time_zone = '+00:00';
SET @rows = NULL, @available = NULL, @apart = NULL, @version = NULL, @seen = NULL, @newest = NULL,
    @early_count = NULL, @early_delta = NULL, @early_mends = NULL, @count = NULL, @delta = NULL, @mends = NULL,
    @fits = NULL, @done = NULL, @flush = NULL;
SELECT COALESCE(MAX(version), {version}) INTO @seen FROM stock_version WHERE sku = {sku};
SELECT COUNT(*), COALESCE(SUM(delta), 0), COUNT(IF(flush_id & 1099511627775 = 1099511627775, 1, NULL))
INTO @early_count, @early_delta, @early_mends
FROM stock_version WHERE sku = {sku} AND version > {version} AND version <= @seen;
BEGIN;
SELECT COUNT(*), MAX(available), MAX(held - held_changes), MAX(version)
INTO @rows, @available, @apart, @version
FROM stock WHERE sku = {sku} FOR UPDATE;
SELECT COALESCE(MAX(version), 0) INTO @newest FROM stock_version WHERE sku = {sku};
SELECT
    @early_count + COUNT(*), @early_delta + COALESCE(SUM(delta), 0),
    @early_mends + COUNT(IF(flush_id & 1099511627775 = 1099511627775, 1, NULL))
INTO @count, @delta, @mends
FROM stock_version WHERE sku = {sku} AND version > GREATEST(@seen, {version});
SELECT IF(@rows + @newest + @count IS NULL, NULL, COUNT(*)) INTO @fits
FROM reconcile_drift
WHERE run = {run} AND number = {number} AND mended_at IS NULL
    AND @available = {available} + @delta
    AND @apart = {apart}
    AND GREATEST(@version, @newest) = {version} + @count
    AND @mends = (
        SELECT COUNT(*) FROM reconcile_drift AS own FORCE INDEX (of_sku)
        WHERE own.sku = {sku} AND own.run = {run} AND own.mended_at IS NOT NULL AND own.mend IS NOT NULL
    );
INSERT INTO instance (started_at) SELECT NOW(6) FROM DUAL WHERE @fits = 1;
SET @done = @fits = 1 AND ROW_COUNT() = 1, @flush = LAST_INSERT_ID() << 40 | 1099511627775;
INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id, reason)
SELECT {id}, 'adjust', 1, {kind}, {sku}, {delta}, @flush, {reason} FROM DUAL WHERE @done = 1 AND {delta} <> 0;
SET @done = @done = 1 AND ROW_COUNT() = ({delta} <> 0);
UPDATE stock
SET held = held + {held}, held_changes = held_changes + {held}, version = GREATEST(version, @newest) + 1
WHERE sku = {sku} AND @done = 1;
SET @done = @done = 1 AND ROW_COUNT() = 1;
UPDATE reconcile_drift SET mended_at = NOW(6)
WHERE run = {run} AND number = {number} AND mended_at IS NULL AND @done = 1;
SET @done = @done = 1 AND ROW_COUNT() = 1;
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
SELECT sku, version, @flush, available, {recorded}, 1
FROM stock
WHERE sku = {sku} AND @done = 1 AND (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1;
SET @done = @done = 1 AND ROW_COUNT() = 1;
SET @ending = IF(@done = 1, 'COMMIT', 'ROLLBACK');
PREPARE ending FROM @ending;
EXECUTE ending;
DEALLOCATE PREPARE ending;
ROLLBACK;
SELECT CASE
    WHEN COUNT(mended_at) = 0 THEN IF(@fits = 0, 'changed', 'failed')
    WHEN @done = 1 THEN 'mended'
    ELSE 'before'
END
FROM reconcile_drift WHERE run = {run} AND number = {number};
