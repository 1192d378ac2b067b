-- Holds: what they add to the ledger. The new columns are NULL for everything that is not a hold or has no
-- buyer, and cost no space there. Old rows need no change; an old process may go on writing beside new ones.
ALTER TABLE movement
    MODIFY step ENUM('opening', 'adjust', 'take', 'settle', 'retake', 'return') NOT NULL
        COMMENT 'each step of an order is recorded once; retake: confirmed after it had expired; return: cancelled after it was confirmed',
    MODIFY kind ENUM('opening', 'restock', 'write_off', 'deduct', 'cancel', 'hold', 'confirm', 'release', 'expire') NOT NULL
        COMMENT 'what happened in this step; release: a hold was cancelled',
    ADD COLUMN held_delta BIGINT NULL
        COMMENT 'change of stock.held in units; NULL for none',
    ADD COLUMN buyer VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL
        COMMENT 'for whom an order was taken, if the caller said so',
    ADD COLUMN expires_at DATETIME(6) NULL
        COMMENT 'when a hold is over unless it is settled, UTC';
