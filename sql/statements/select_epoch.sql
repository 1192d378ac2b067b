-- The present epoch of the change feed, and whether a change that is committed belongs to it.
SELECT
    epoch,
    EXISTS (
        SELECT 1 FROM stock_version FORCE INDEX (change_order)
        WHERE stock_version.epoch = change_gate.epoch
    ) AS used
FROM change_gate
WHERE id = 1
