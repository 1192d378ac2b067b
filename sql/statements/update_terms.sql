-- Changes what an open SKU is sold under. The stock stays, and so does its version.
UPDATE stock
SET
    purchase_limit = {purchase_limit},
    sale_starts_at = TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {sale_starts_at} MICROSECOND,
    sale_ends_at = TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {sale_ends_at} MICROSECOND
WHERE sku = {sku}
