-- What each flush made of each SKU, in commit order: the row lock on `stock` serialises the versions
-- of a SKU. The movements of a version are those with its SKU and flush_id.
CREATE TABLE stock_version (
    sku VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'whose stock changed',
    version BIGINT UNSIGNED NOT NULL
        COMMENT 'from 1 without gaps, in commit order; 1 is the opening stock',
    flush_id BIGINT UNSIGNED NOT NULL
        COMMENT 'the transaction that made it; see movement.flush_id',
    available BIGINT NOT NULL
        COMMENT 'stock.available after it, in units',
    delta BIGINT NOT NULL
        COMMENT 'change of stock.available by this flush, in units',
    orders INT UNSIGNED NOT NULL
        COMMENT 'operations merged into this change',
    created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
        COMMENT 'when it was written, UTC, by the clock of this server',
    PRIMARY KEY (sku, version)
) ENGINE = InnoDB COMMENT = 'changes of every SKU in commit order, with the stock after each';
