-- Whether orders are merged. A DBA may change it at any time; every process reads it about once a second.
CREATE TABLE merge_mode (
    sku VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT '* for all SKUs that have no row of their own; no SKU is named so',
    mode ENUM('on', 'off', 'dry-run') NOT NULL
        COMMENT 'on: what waits together is one transaction; off: an order a transaction; dry-run: the same, counted as if merged',
    changed_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
        COMMENT 'when the mode was last changed, UTC',
    PRIMARY KEY (sku),
    CONSTRAINT merge_mode_sku_form CHECK (sku = '*' OR sku REGEXP '^[-A-Za-z0-9._:]+$')
) ENGINE = InnoDB COMMENT = 'what differs from merging everything; no row, no difference';

CREATE TABLE merge_count (
    instance_id BIGINT UNSIGNED NOT NULL
        COMMENT 'the process, see instance',
    sku VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT '* for all SKUs together',
    mode ENUM('on', 'off', 'dry-run') NOT NULL
        COMMENT 'as the process knows it; the figures are since it knows',
    orders_off BIGINT UNSIGNED NOT NULL
        COMMENT 'transactions of one order because of mode off',
    orders_dry_run BIGINT UNSIGNED NOT NULL
        COMMENT 'transactions of one order because of mode dry-run',
    would_be_flushes BIGINT UNSIGNED NOT NULL
        COMMENT 'transactions that merging would have made of orders_dry_run',
    updated_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
        COMMENT 'when the process last wrote this, UTC',
    PRIMARY KEY (instance_id, sku)
) ENGINE = InnoDB COMMENT = 'what each process did not merge, written every few seconds';
