-- The change feed: all rows of stock_version, each once, none skipped, in the order (epoch, sku, version).
-- A flush stamps its rows with the epoch of the gate, under a shared lock of the gate that it keeps until
-- its commit, and takes last. Whoever raises the epoch needs the row for itself, so it waits for every
-- flush that has stamped its rows with the old epoch: after that no row of an older epoch is ever added.
-- Within a SKU epochs never go down, because versions are written under the lock of its stock row.
CREATE TABLE change_gate (
    id TINYINT UNSIGNED NOT NULL
        COMMENT 'always 1; without this row no order is taken',
    epoch BIGINT UNSIGNED NOT NULL
        COMMENT 'stamped on what is written now; all lower ones are complete',
    PRIMARY KEY (id)
) ENGINE = InnoDB COMMENT = 'one row: the epoch of the change feed; locking it stops all orders';

INSERT INTO change_gate (id, epoch) VALUES (1, 1);

-- Rows from before this migration have the epoch 0 and come first. So have those of a process of an
-- earlier build that still runs: the feed is complete from the moment when the last of these has ended.
ALTER TABLE stock_version
    ADD COLUMN epoch BIGINT UNSIGNED NOT NULL DEFAULT 0
        COMMENT 'of change_gate when it was written; the change feed reads by it',
    ADD INDEX change_order (epoch, sku, version);
