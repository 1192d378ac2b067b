PREPARE hotrow_insert_take_one FROM 'INSERT INTO movement (order_id, sku, delta, flush_id, created_at)
VALUES (
    ?, ?, ?, ?,
    TIMESTAMP ''1970-01-01 00:00:00''
        + INTERVAL LAST_INSERT_ID(TIMESTAMPDIFF(MICROSECOND, ''1970-01-01'', NOW(6))) MICROSECOND
)';
PREPARE hotrow_update_stock_take_one FROM 'UPDATE stock
SET
    available = LAST_INSERT_ID(available - ?),
    version = version + 1
WHERE sku = ? AND available >= ?
    AND purchase_limit IS NULL
    AND (sale_starts_at IS NULL OR sale_starts_at <= NOW(6))
    AND (sale_ends_at IS NULL OR sale_ends_at > NOW(6))';
PREPARE hotrow_insert_version_one FROM 'INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
VALUES (
    ?,
    IF(
        (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1,
        (SELECT version FROM stock WHERE sku = ? AND available = LAST_INSERT_ID()), NULL
    ),
    ?, LAST_INSERT_ID(), ?, ?
)'

SET @order_id='o-7',@sku='mug',@units=1,@delta=-1,@orders=1,@flush_id=1099511627779;
BEGIN;
EXECUTE hotrow_insert_take_one USING @order_id,@sku,@delta,@flush_id;
EXECUTE hotrow_update_stock_take_one USING @units,@sku,@units;
EXECUTE hotrow_insert_version_one USING @sku,@sku,@flush_id,@delta,@orders;
COMMIT

INSERT INTO movement (order_id, sku, delta, flush_id, created_at)
VALUES (
    'o-7', 'mug', -1, 1099511627779,
    TIMESTAMP '1970-01-01 00:00:00'
        + INTERVAL LAST_INSERT_ID(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', NOW(6))) MICROSECOND
)

UPDATE stock
SET
    available = LAST_INSERT_ID(available - 1),
    version = version + 1
WHERE sku = 'mug' AND available >= 1
    AND purchase_limit IS NULL
    AND (sale_starts_at IS NULL OR sale_starts_at <= NOW(6))
    AND (sale_ends_at IS NULL OR sale_ends_at > NOW(6))

INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
VALUES (
    'mug',
    IF(
        (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1,
        (SELECT version FROM stock WHERE sku = 'mug' AND available = LAST_INSERT_ID()), NULL
    ),
    1099511627779, LAST_INSERT_ID(), -1, 1
)
