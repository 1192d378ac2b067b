-- The change feed: all rows of stock_version, each once, none skipped, by their place. A place is given
-- out by a counter, so that a flush may commit after one with a higher place: whoever reads on from the
-- highest place seen so far would skip it. So every flush takes a shared lock of the gate before it gets
-- places, the last lock that it takes, and keeps it until its commit. Whoever has the gate for himself knows
-- that every place given out so far is committed or will never be used, and notes the highest one.
-- Within a SKU places rise with the versions, because both are written under the lock of its stock row.
CREATE TABLE change_gate (
    id TINYINT UNSIGNED NOT NULL
        COMMENT 'always 1; without this row no order is taken',
    complete BIGINT UNSIGNED NOT NULL
        COMMENT 'up to this stock_version.place nothing is added any more',
    PRIMARY KEY (id)
) ENGINE = InnoDB COMMENT = 'one row, the end of the change feed; locking it stops all orders';

INSERT INTO change_gate (id, complete) VALUES (1, 0);

-- Rows that are there get their places in the order of the primary key. A process of an earlier build that
-- still runs knows no gate: the feed skips nothing from the moment when the last of these has ended.
ALTER TABLE stock_version
    ADD COLUMN place BIGINT UNSIGNED NOT NULL AUTO_INCREMENT
        COMMENT 'where it stands in the change feed; see change_gate',
    ADD UNIQUE KEY change_order (place);
