-- Opens a SKU; error 1062 tells that it is open already. Times are in microseconds since 1970.
INSERT INTO stock (sku, available, version, purchase_limit, sale_starts_at, sale_ends_at)
VALUES (
    {sku}, {available}, 1, {purchase_limit},
    TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {sale_starts_at} MICROSECOND,
    TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {sale_ends_at} MICROSECOND
)
