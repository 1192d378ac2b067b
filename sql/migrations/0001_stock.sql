-- The stock of every SKU: one row each, the only place that decides.
-- A DBA may change `available` by hand at any time; `version` then stays, and hotrow takes the new
-- value as it is.
CREATE TABLE stock (
    sku VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'stock keeping unit, compared byte by byte',
    available BIGINT NOT NULL
        COMMENT 'units that can be taken; equals the sum of movement.delta of this SKU',
    held BIGINT NOT NULL DEFAULT 0
        COMMENT 'units that are held for orders not yet confirmed',
    version BIGINT UNSIGNED NOT NULL
        COMMENT 'changes made by hotrow so far; the newest row of stock_version has the same',
    created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
        COMMENT 'when the stock was opened, UTC',
    updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
        COMMENT 'when the row was last changed, by hotrow or by hand, UTC',
    PRIMARY KEY (sku),
    CONSTRAINT stock_available_in_bounds CHECK (available BETWEEN 0 AND 1000000000000000),
    CONSTRAINT stock_held_not_negative CHECK (held >= 0)
) ENGINE = InnoDB COMMENT = 'stock of every SKU, changed by merged updates';
