-- When to look whether a hold is over. Its row stays when the hold is settled: the sweep removes it when it
-- gets there, in one go with the others, which costs the settling nothing.
CREATE TABLE hold_deadline (
    due_at DATETIME(6) NOT NULL
        COMMENT 'not before the end of the hold, UTC',
    order_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'the order that was taken as a hold',
    PRIMARY KEY (due_at, order_id)
) ENGINE = InnoDB COMMENT = 'ends of holds, for the sweep';
