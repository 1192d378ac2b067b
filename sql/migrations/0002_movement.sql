-- The ledger: one row per order line and step, never changed, never deleted.
-- The primary key is the idempotency: an order has one line 1 of step `take`, whatever is sent again,
-- by whomever, through however many instances; and so for every other step.
CREATE TABLE movement (
    order_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'the order; for step adjust the adjustment id, for step opening the SKU',
    step ENUM('opening', 'adjust', 'take', 'settle') NOT NULL
        COMMENT 'each step of an order is recorded once',
    line TINYINT UNSIGNED NOT NULL
        COMMENT 'line of the order in SKU order, from 1',
    kind ENUM('opening', 'restock', 'write_off', 'deduct', 'cancel') NOT NULL
        COMMENT 'what happened in this step',
    sku VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'whose stock changed',
    delta BIGINT NOT NULL
        COMMENT 'change of stock.available in units; a deduction is negative',
    flush_id BIGINT UNSIGNED NOT NULL
        COMMENT 'the transaction that wrote it: instance.id * 2^40 + number; 0 for opening stock',
    reason VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL
        COMMENT 'why an adjustment was made, in the words of who made it',
    created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
        COMMENT 'when it was recorded, UTC, by the clock of this server',
    PRIMARY KEY (order_id, step, line)
) ENGINE = InnoDB COMMENT = 'append-only ledger of every change to stock';
