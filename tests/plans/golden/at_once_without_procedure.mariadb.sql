BEGIN;
INSERT INTO movement (order_id, sku, delta, flush_id, created_at)
VALUES (
    'o-15', 'mug', -1, 1099511627784,
    TIMESTAMP '1970-01-01 00:00:00'
        + INTERVAL LAST_INSERT_ID(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6))) MICROSECOND
);
UPDATE stock
SET
    available = LAST_INSERT_ID(available - 1),
    version = version + 1
WHERE sku = 'mug' AND available >= 1
    AND purchase_limit IS NULL
    AND (sale_starts_at IS NULL OR sale_starts_at <= NOW(6))
    AND (sale_ends_at IS NULL OR sale_ends_at > NOW(6));
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
VALUES (
    'mug',
    IF(
        (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1,
        (SELECT version FROM stock WHERE sku = 'mug' AND available = LAST_INSERT_ID()), NULL
    ),
    1099511627784, LAST_INSERT_ID(), -1, 1
);
COMMIT
