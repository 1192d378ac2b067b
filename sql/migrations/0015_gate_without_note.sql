-- Where the change feed ends is no longer noted: a write under the lock of the gate made all flushes wait for one
-- more commit. Each process sees it for itself. A process of an earlier build that still runs cannot read the feed
-- until it is replaced; its orders go on.
ALTER TABLE change_gate
    DROP COLUMN complete,
    COMMENT = 'one row, which every flush locks; locking it for oneself stops all orders';
