-- The ledger is made for years; what is older than the lifetime of idempotency moves out of the way of the orders.
-- An order moves whole, and only when it is settled. `hotrow archive` does it.
CREATE TABLE movement_archive (
    order_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'as in movement',
    step ENUM('opening', 'adjust', 'take', 'settle', 'retake', 'return') NOT NULL
        COMMENT 'as in movement; openings stay there',
    line TINYINT UNSIGNED NOT NULL
        COMMENT 'as in movement',
    kind ENUM('opening', 'restock', 'write_off', 'deduct', 'cancel', 'hold', 'confirm', 'release', 'expire') NOT NULL
        COMMENT 'as in movement',
    sku VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'as in movement',
    delta BIGINT NOT NULL
        COMMENT 'as in movement',
    flush_id BIGINT UNSIGNED NOT NULL
        COMMENT 'as in movement; an id that was used again after its lifetime is told apart by it',
    reason VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL
        COMMENT 'as in movement',
    created_at DATETIME(6) NOT NULL
        COMMENT 'as in movement',
    held_delta BIGINT NULL
        COMMENT 'as in movement',
    buyer VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL
        COMMENT 'as in movement',
    expires_at DATETIME(6) NULL
        COMMENT 'as in movement',
    PRIMARY KEY (order_id, step, line, flush_id)
) ENGINE = InnoDB COMMENT = 'movements older than the lifetime of idempotency; nothing but reading needs them';

-- So that the books can be checked without the archive.
CREATE TABLE movement_carried (
    sku VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'whose movements were archived',
    available BIGINT NOT NULL
        COMMENT 'sum of their delta: stock.available is this and the sum of movement.delta',
    held BIGINT NOT NULL
        COMMENT 'sum of their held_delta: 0, as only settled orders are archived',
    movements BIGINT UNSIGNED NOT NULL
        COMMENT 'how many they are',
    PRIMARY KEY (sku)
) ENGINE = InnoDB COMMENT = 'sums of the archived movements of each SKU, changed in the transaction that archives';

CREATE TABLE archive_state (
    id TINYINT UNSIGNED NOT NULL
        COMMENT 'always 1',
    promised_days INT UNSIGNED NOT NULL
        COMMENT 'longest lifetime of idempotency that a process has promised; nothing younger is archived',
    position VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'the last order id that the pass has looked at; empty between passes',
    feed_cut BIGINT UNSIGNED NOT NULL
        COMMENT 'up to this stock_version.place changes may have been forgotten; older cursors are refused',
    PRIMARY KEY (id)
) ENGINE = InnoDB COMMENT = 'one row, how far hotrow archive is';

INSERT INTO archive_state (id, promised_days, position, feed_cut) VALUES (1, 0, '', 0);
