-- What buyers have: a row for each line of an order with a buyer, as long as its stock is with the buyer.
-- Purchase limits count by it. It is written in the transaction of the movement, for SKUs without a limit
-- as well, so that a limit that is set later knows what was bought before.
CREATE TABLE purchase (
    sku VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'what was bought',
    buyer VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'by whom',
    order_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'with which order',
    quantity BIGINT NOT NULL
        COMMENT 'units',
    expires_at DATETIME(6) NULL
        COMMENT 'when the hold is over, from then on it does not count, UTC; NULL once it is sold',
    PRIMARY KEY (sku, buyer, order_id)
) ENGINE = InnoDB COMMENT = 'what each buyer has or holds of each SKU';
