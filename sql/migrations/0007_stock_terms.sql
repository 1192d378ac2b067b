-- What a SKU is sold under. A DBA may change these by hand, too: the next order is decided by them.
ALTER TABLE stock
    ADD COLUMN purchase_limit BIGINT UNSIGNED NULL
        COMMENT 'units that one buyer may have, over all orders; NULL for no limit',
    ADD COLUMN sale_starts_at DATETIME(6) NULL
        COMMENT 'orders are taken from then on, UTC; NULL for always',
    ADD COLUMN sale_ends_at DATETIME(6) NULL
        COMMENT 'orders are taken before then, UTC; NULL for always';
