-- SKUs that every process keeps present in its read cache, whether or not anybody reads them. Changed by
-- `hotrow pin`, or by hand at any time: processes look every second.
CREATE TABLE pinned_sku (
    sku VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'what is pinned; it need not be open yet',
    pinned_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
        COMMENT 'since when, UTC',
    PRIMARY KEY (sku)
) ENGINE = InnoDB COMMENT = 'SKUs that are kept present in the read cache';
